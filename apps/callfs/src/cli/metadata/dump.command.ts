import { open } from 'node:fs/promises';
import { Command, CommandRunner, Help, Option } from 'nest-commander';
import { StagedFile } from '../client/staged-file';
import { write } from '../client/write-out';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { withMetadata } from './with-metadata';

/** Lines are short; the disk and the pipe are asked for this much at once. */
const CHUNK = 64 * 1024;

type Sink = (text: string) => Promise<unknown>;

@Command({ name: 'dump', arguments: '<file>', description: 'write all of the metadata to a file, or to stdout (-)' })
export class DumpCommand extends CommandRunner {
  async run([file = '-']: string[], options: ConfigOption): Promise<void> {
    const rows = file === '-' ? await dumpTo(write, options) : await dumpToFile(file, options);
    process.stderr.write(`${rows} rows of metadata dumped; the blobs stay where they are\n`);
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Help('after')
  examples(): string {
    return `
With "callfs load" it moves a store from SQLite to PostgreSQL or back: all files and directories, what is stored inline,
who owns it, links, keys and whatever else the metadata holds. Blobs are not part of it; they stay in their backends.
The file is for the operator alone (mode 0600): it holds what users stored inline.
A store in SQLite can be dumped while no server runs. One in PostgreSQL is dumped as it is at one moment.

Examples:
  callfs dump metadata.ndjson
  callfs dump --config node.yaml - | gzip > metadata.ndjson.gz
  callfs dump --config sqlite.yaml - | callfs load --config postgres.yaml -`;
  }
}

/** The file is there when it is whole. */
async function dumpToFile(file: string, options: ConfigOption): Promise<number> {
  const staged = StagedFile.beginningWith(`${file}.`);
  const handle = await open(staged.path, 'wx', 0o600);
  try {
    const rows = await dumpTo((text) => handle.appendFile(text), options);
    await handle.sync();
    await handle.close();
    await staged.becomes(file);
    return rows;
  } catch (error) {
    await handle.close();
    await staged.remove();
    throw error;
  }
}

function dumpTo(sink: Sink, options: ConfigOption): Promise<number> {
  return withMetadata(options, { make: false }, async ({ dataSource }) => {
    const { dumpMetadata } = await import('@callfs/metadata');
    let rows = 0;
    let chunk = '';
    for await (const line of dumpMetadata(dataSource)) {
      if (line.startsWith('[')) rows++;
      chunk += `${line}\n`;
      if (chunk.length < CHUNK) continue;
      await sink(chunk);
      chunk = '';
    }
    await sink(chunk);
    return rows;
  });
}
