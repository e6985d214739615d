import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { Command, CommandRunner, Help, Option } from 'nest-commander';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { withMetadata } from './with-metadata';

interface LoadOptions extends ConfigOption {
  readonly asCopy?: boolean;
}

@Command({
  name: 'load',
  arguments: '<file>',
  description: 'fill an empty metadata store with a dump from a file, or from stdin (-)',
})
export class LoadCommand extends CommandRunner {
  async run([file = '-']: string[], options: LoadOptions): Promise<void> {
    const rows = await withMetadata(options, { make: true }, async ({ dataSource }) => {
      const { loadMetadata } = await import('@callfs/metadata');
      return loadMetadata(dataSource, linesOf(file === '-' ? process.stdin : createReadStream(file)), options);
    });
    process.stderr.write(`${rows} rows of metadata loaded\n`);
  }

  @Option({ flags: '--as-copy', description: 'as another store beside the one that was dumped: it deletes none of its blobs' })
  asCopy(): boolean {
    return true;
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Help('after')
  examples(): string {
    return `
All of the dump is loaded, or nothing. The store must be new: one that a server has used is refused. Nodes keep their
instance_discovery.instance_id, under which the metadata knows the blobs on their disks. Start the server afterwards,
with the same configuration; "callfs fsck" says whether all is there.
What is loaded is the store that was dumped, and the blobs are its own. When that one goes on as well, as production does beside a
copy for staging, load --as-copy: the copy reads its blobs and deletes none of them.

Examples:
  callfs load metadata.ndjson
  callfs dump --config sqlite.yaml - | callfs load --config postgres.yaml -
  callfs load --as-copy --config staging.yaml production.ndjson
  gunzip < metadata.ndjson.gz | callfs load --config node.yaml -`;
  }
}

async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
