import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Command, Help } from 'nest-commander';
import { CommandFailure, EXIT } from '../exit-codes';
import { SERVER_HELP } from './client-command';
import type { FileClient } from './file-client';
import { jobsOf, transfer } from './transfer';
import { TransferCommand, type TransferOptions } from './transfer-command';
import { Progress } from './progress';
import { Places } from './places';
import { placeFor, remotePath } from './remote-path';
import { steady } from './steady';
import { Tally } from './tally';
import { LocalSource } from './tree/local-source';
import { RemoteSink } from './tree/remote-sink';

@Command({ name: 'put', arguments: '<paths...>', description: 'upload files and trees to a running server' })
export class PutCommand extends TransferCommand {
  protected override readonly fewest = 2;

  protected async perform(client: FileClient, paths: readonly string[], options: TransferOptions): Promise<void> {
    const sources = paths.slice(0, -1);
    const destination = paths.at(-1) ?? '';
    const to = remotePath(destination);
    const sinkOptions = { preserve: options.preserve === true, owners: false, create: options.clobber === false };
    const progress = new Progress(process.stderr, await totalOf(sources));
    const tally = new Tally(() => progress.clear());
    const places = new Places();
    for (const source of sources) {
      await tally.guard(source, async () => {
        if (source === '-') {
          if (to.isRoot || to.saysDirectory) throw new CommandFailure('name the file that it becomes.', EXIT.failed);
          const input = await steady(process.stdin.pipe(progress.watch('-')));
          await client.upload(to, input, { create: sinkOptions.create });
          return tally.succeeded(1);
        }
        if ((await stat(source)).isDirectory() && !options.recursive)
          throw new CommandFailure('it is a directory; --recursive uploads what is in it.', EXIT.failed);
        const name = nameOf(source);
        const place = await placeFor(client, to, name, sources.length > 1);
        if (name !== '') places.take(place.toString(), source);
        await transfer(new LocalSource(source), new RemoteSink(client, place, sinkOptions), {
          root: source,
          jobs: jobsOf(options.jobs),
          progress,
          tally,
        });
      });
    }
    process.stderr.write(`callfs: ${progress.summary(tally.failureCount)}\n`);
    tally.finish();
  }

  @Help('after')
  examples(): string {
    return `
The last path is the server's: a directory that is there, or ends with "/", takes the sources in. "-" is standard input.
Each file is there completely or not at all. ${SERVER_HELP}

Examples:
  callfs put report.pdf /docs/
  callfs put -r -p photos /backup/photos
  pg_dump shop | callfs put - /backup/shop.sql`;
  }
}

/** The name that it gets in a directory; that of `.` and `dir/.` is none: what is in them goes there. */
function nameOf(source: string): string {
  const name = basename(source);
  return name === '.' || name === '..' ? '' : name;
}

/** Known when all of it is files. */
async function totalOf(sources: readonly string[]): Promise<number | undefined> {
  const sizes = await Promise.all(
    sources.map((source) =>
      stat(source).then(
        (found) => (found.isFile() ? found.size : NaN),
        () => NaN,
      ),
    ),
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return Number.isNaN(total) ? undefined : total;
}
