import { Command, Help, Option } from 'nest-commander';
import type { ConfigOption } from '../config-option';
import { ClientCommand, SERVER_HELP } from './client-command';
import type { FileClient } from './file-client';
import { Places } from './places';
import { placeFor, remotePath } from './remote-path';
import { Tally } from './tally';

interface CpOptions extends ConfigOption {
  readonly recursive?: boolean;
  readonly force?: boolean;
}

@Command({ name: 'cp', arguments: '<paths...>', description: 'copy files and trees within a running server' })
export class CpCommand extends ClientCommand<CpOptions> {
  protected override readonly fewest = 2;

  protected async perform(client: FileClient, paths: readonly string[], { recursive, force }: CpOptions): Promise<void> {
    const sources = paths.slice(0, -1);
    const destination = paths.at(-1) ?? '';
    const tally = new Tally();
    const places = new Places();
    for (const source of sources) {
      await tally.attempt(source, async () => {
        const from = remotePath(source);
        const to = await placeFor(client, remotePath(destination), from.name, sources.length > 1);
        places.take(to.toString(), source);
        await client.copy(from, to, { recursive, overwrite: force });
      });
    }
    tally.finish();
  }

  @Option({ flags: '-r, --recursive', description: 'directories with everything below them' })
  recursive(): boolean {
    return true;
  }

  @Option({ flags: '-f, --force', description: 'replace a file that is there already' })
  force(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
No bytes travel: a copy shares them until one of the two is replaced. ${SERVER_HELP}

Examples:
  callfs cp /docs/plan.md /docs/plan-b.md
  callfs cp -r /site /site-2026-11-26`;
  }
}
