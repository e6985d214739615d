import { Command, Help, Option } from 'nest-commander';
import type { ConfigOption } from '../config-option';
import { ClientCommand, SERVER_HELP } from './client-command';
import type { FileClient } from './file-client';
import { Places } from './places';
import { placeFor, remotePath } from './remote-path';
import { Tally } from './tally';

interface MvOptions extends ConfigOption {
  readonly force?: boolean;
}

@Command({ name: 'mv', arguments: '<paths...>', description: 'rename and move files and trees on a running server' })
export class MvCommand extends ClientCommand<MvOptions> {
  protected override readonly fewest = 2;

  protected async perform(client: FileClient, paths: readonly string[], { force }: MvOptions): Promise<void> {
    const sources = paths.slice(0, -1);
    const destination = paths.at(-1) ?? '';
    const tally = new Tally();
    const places = new Places();
    for (const source of sources) {
      await tally.attempt(source, async () => {
        const from = remotePath(source);
        const to = await placeFor(client, remotePath(destination), from.name, sources.length > 1);
        places.take(to.toString(), source);
        await client.move(from, to, { overwrite: force });
      });
    }
    tally.finish();
  }

  @Option({ flags: '-f, --force', description: 'replace what is there already' })
  force(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
A directory that is there, or a destination that ends with "/", takes the sources in. Each is moved with all that is below
it at once, for everybody. ${SERVER_HELP}

Examples:
  callfs mv /inbox/a.txt /inbox/b.txt
  callfs mv /inbox/2025 /inbox/2026 /archive/`;
  }
}
