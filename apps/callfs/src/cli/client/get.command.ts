import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Help } from 'nest-commander';
import { CommandFailure, EXIT } from '../exit-codes';
import { SERVER_HELP } from './client-command';
import type { FileClient } from './file-client';
import { Progress } from './progress';
import { Places } from './places';
import { remotePath } from './remote-path';
import { Tally } from './tally';
import { jobsOf, transfer } from './transfer';
import { TransferCommand, type TransferOptions } from './transfer-command';
import { LocalSink } from './tree/local-sink';
import { RemoteSource } from './tree/remote-source';

@Command({ name: 'get', arguments: '<paths...>', description: 'download files and trees from a running server' })
export class GetCommand extends TransferCommand {
  protected async perform(client: FileClient, paths: readonly string[], options: TransferOptions): Promise<void> {
    const [sources, destination] = paths.length === 1 ? [paths, '.'] : [paths.slice(0, -1), paths.at(-1) ?? '.'];
    const sinkOptions = { preserve: options.preserve === true, owners: false, create: options.clobber === false };
    const progress = new Progress(process.stderr, await totalOf(client, sources));
    const tally = new Tally(() => progress.clear());
    const places = new Places();
    for (const source of sources) {
      await tally.guard(source, async () => {
        const from = remotePath(source);
        if ((await client.stat(from)).type === 'directory' && !options.recursive)
          throw new CommandFailure('it is a directory; --recursive downloads what is in it.', EXIT.failed);
        const place = await placeFor(destination, from.name, sources.length > 1);
        places.take(place, source);
        await transfer(new RemoteSource(client, from), new LocalSink(place, sinkOptions), {
          root: from.toString(),
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
The last path is this machine's: a directory that is there, or ends with "/", takes the sources in; without it, the
working directory does. Each file is compared with its digest, and is there completely or not at all.
${SERVER_HELP}

Examples:
  callfs get /docs/report.pdf
  callfs get /docs/report.pdf copy.pdf
  callfs get -r -p /backup/photos .`;
  }
}

/** As cp(1) decides it. */
async function placeFor(destination: string, name: string, several: boolean): Promise<string> {
  const found = await stat(destination).catch(() => undefined);
  if (found?.isDirectory() || destination.endsWith('/')) return join(destination, name);
  if (several) throw new CommandFailure(`${destination} is not a directory, so not all of these can go there.`, EXIT.failed);
  return destination;
}

/** Known when all of it is files. */
async function totalOf(client: FileClient, sources: readonly string[]): Promise<number | undefined> {
  if (!process.stderr.isTTY) return undefined;
  let total = 0;
  for (const source of sources) {
    const found = await client.find(remotePath(source));
    if (found?.type !== 'file') return undefined;
    total += found.size;
  }
  return total;
}
