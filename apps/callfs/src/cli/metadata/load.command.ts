import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { Command, CommandRunner, Help, Option } from 'nest-commander';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { withMetadata } from './with-metadata';

@Command({
  name: 'load',
  arguments: '<file>',
  description: 'fill an empty metadata store with a dump from a file, or from stdin (-)',
})
export class LoadCommand extends CommandRunner {
  async run([file = '-']: string[], options: ConfigOption): Promise<void> {
    const rows = await withMetadata(options, { make: true }, async ({ dataSource }) => {
      const { loadMetadata } = await import('@callfs/metadata');
      return loadMetadata(dataSource, linesOf(file === '-' ? process.stdin : createReadStream(file)));
    });
    process.stderr.write(`${rows} rows of metadata loaded\n`);
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

Examples:
  callfs load metadata.ndjson
  callfs dump --config sqlite.yaml - | callfs load --config postgres.yaml -
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
