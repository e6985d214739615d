import { InvalidArgumentError } from 'commander';
import { Command, Help, Option } from 'nest-commander';
import type { ConfigOption } from '../config-option';
import { CommandFailure, EXIT } from '../exit-codes';
import { ClientCommand, SERVER_HELP } from './client-command';
import type { FileClient } from './file-client';
import { remotePath } from './remote-path';
import { Tally } from './tally';

interface MkdirOptions extends ConfigOption {
  readonly mode?: string;
  readonly parents?: boolean;
}

@Command({ name: 'mkdir', arguments: '<paths...>', description: 'make directories on a running server' })
export class MkdirCommand extends ClientCommand<MkdirOptions> {
  protected async perform(client: FileClient, paths: readonly string[], { mode, parents }: MkdirOptions): Promise<void> {
    const tally = new Tally();
    for (const path of paths) {
      await tally.attempt(path, async () => {
        const directory = remotePath(path);
        if (!parents && !directory.parent.isRoot) await client.stat(directory.parent);
        const made = await client.makeDirectory(directory, mode);
        if (!made && !parents) throw new CommandFailure('it exists already.', EXIT.failed);
      });
    }
    tally.finish();
  }

  @Option({ flags: '-m, --mode <mode>', description: 'its mode, in octal' })
  mode(text: string): string {
    if (!/^0?[0-7]{1,4}$/.test(text)) throw new InvalidArgumentError('Expected an octal mode such as 0750.');
    return text;
  }

  @Option({ flags: '-p, --parents', description: 'make those above as well; content when it exists' })
  parents(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
${SERVER_HELP}

Examples:
  callfs mkdir /inbox
  callfs mkdir -p -m 0750 /projects/2026/drafts`;
  }
}
