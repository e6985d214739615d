import { Command, Help, Option } from 'nest-commander';
import type { ConfigOption } from '../config-option';
import { ClientCommand, SERVER_HELP } from './client-command';
import type { FileClient } from './file-client';
import { Progress } from './progress';
import { isArchive } from './archive-name';
import { remotePath } from './remote-path';
import { Tally } from './tally';
import { jobsOf, transfer } from './transfer';
import { LocalSink } from './tree/local-sink';
import { RemoteSource } from './tree/remote-source';
import { TarSink } from './tree/tar-sink';

interface ExportOptions extends ConfigOption {
  readonly jobs?: number;
}

@Command({ name: 'export', arguments: '<target> [path]', description: 'copy a tree out of a running server, as it is' })
export class ExportCommand extends ClientCommand<ExportOptions> {
  protected async perform(
    client: FileClient,
    [target = '', path = '/']: readonly string[],
    options: ExportOptions,
  ): Promise<void> {
    const progress = new Progress(process.stderr);
    const tally = new Tally(() => progress.clear());
    const source = new RemoteSource(client, remotePath(path));
    const owners = process.getuid?.() === 0;
    const sink = isArchive(target) ? new TarSink(target) : new LocalSink(target, { preserve: true, owners, create: false });
    await transfer(source, sink, { root: source.name, jobs: jobsOf(options.jobs), progress, tally });
    process.stderr.write(`callfs: ${progress.summary(tally.failureCount)}\n`);
    tally.finish();
  }

  @Option({ flags: '-j, --jobs <number>', description: 'files on their way at once, into a directory (default: 4)' })
  jobs(text: string): number {
    return jobsOf(text);
  }

  @Help('after')
  examples(): string {
    return `
Into a directory, or a tar archive when the target ends with .tar, .tar.gz or .tgz, or is "-" for standard output: files,
directories and links with modes, times and owners (in a directory, owners only for root). ${SERVER_HELP}

Examples:
  callfs export backup.tar.gz
  callfs export ./photos /backup/photos
  callfs export - /projects | ssh elsewhere tar -x`;
  }
}
