import { Command, Help, Option } from 'nest-commander';
import type { ConfigOption } from '../config-option';
import { ClientCommand, SERVER_HELP } from './client-command';
import type { FileClient } from './file-client';
import { remotePath } from './remote-path';
import { isMissing } from './server-refusal';
import { Tally } from './tally';

interface RmOptions extends ConfigOption {
  readonly recursive?: boolean;
  readonly force?: boolean;
}

@Command({ name: 'rm', arguments: '<paths...>', description: 'remove files and trees of a running server' })
export class RmCommand extends ClientCommand<RmOptions> {
  protected async perform(client: FileClient, paths: readonly string[], { recursive, force }: RmOptions): Promise<void> {
    const tally = new Tally();
    for (const path of paths) {
      await tally.attempt(path, async () => {
        try {
          await client.remove(remotePath(path), { recursive });
        } catch (error) {
          if (!(force && isMissing(error))) throw error;
        }
      });
    }
    tally.finish();
  }

  @Option({ flags: '-r, --recursive', description: 'directories with everything below them, all or nothing' })
  recursive(): boolean {
    return true;
  }

  @Option({ flags: '-f, --force', description: 'content when there is nothing to remove' })
  force(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
Empty directories need no --recursive. A link is removed, and not what it leads to. ${SERVER_HELP}

Examples:
  callfs rm /tmp/a.txt /tmp/b.txt
  callfs rm -r /tmp/build`;
  }
}
