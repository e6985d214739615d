import { stat } from 'node:fs/promises';
import { Command, Help, Option } from 'nest-commander';
import type { ConfigOption } from '../config-option';
import { ClientCommand, SERVER_HELP } from './client-command';
import type { FileClient } from './file-client';
import { Progress } from './progress';
import { isArchive } from './archive-name';
import { remotePath } from './remote-path';
import { Tally } from './tally';
import { jobsOf, transfer } from './transfer';
import { LocalSource } from './tree/local-source';
import { RemoteSink } from './tree/remote-sink';
import { TarSource } from './tree/tar-source';

interface ImportOptions extends ConfigOption {
  readonly jobs?: number;
  readonly owner?: boolean;
}

@Command({ name: 'import', arguments: '<source> [path]', description: 'copy a tree into a running server, as it is' })
export class ImportCommand extends ClientCommand<ImportOptions> {
  protected async perform(
    client: FileClient,
    [source = '', path = '/']: readonly string[],
    options: ImportOptions,
  ): Promise<void> {
    if (source !== '-') await stat(source);
    const progress = new Progress(process.stderr);
    const tally = new Tally(() => progress.clear());
    const tree = isArchive(source) ? new TarSource(source) : new LocalSource(source);
    const sink = new RemoteSink(client, remotePath(path).withoutTrailingSlash(), {
      preserve: true,
      owners: options.owner !== false,
      create: false,
    });
    await transfer(tree, sink, { root: source, jobs: jobsOf(options.jobs), progress, tally });
    process.stderr.write(`callfs: ${progress.summary(tally.failureCount)}\n`);
    tally.finish();
  }

  @Option({ flags: '-j, --jobs <number>', description: 'files on their way at once, from a directory (default: 4)' })
  jobs(text: string): number {
    return jobsOf(text);
  }

  @Option({ flags: '--no-owner', description: 'everything belongs to the user of the key', defaultValue: true })
  owner(): boolean {
    return false;
  }

  @Help('after')
  examples(): string {
    return `
From a directory, or a tar archive when the source ends with .tar, .tar.gz or .tgz, or is "-" for standard input: files,
directories and links with modes, times and owners (these for the superuser; any other key needs --no-owner). What is
there already is replaced. ${SERVER_HELP}

Examples:
  callfs import backup.tar.gz
  callfs import ./photos /backup/photos
  tar -c site | callfs import - /sites --no-owner`;
  }
}
