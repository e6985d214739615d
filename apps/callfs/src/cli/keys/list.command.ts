import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import type { KeyView } from '../../http/access/key-view';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { asTable } from '../table';

interface ListOptions extends ConfigOption {
  readonly user?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

@SubCommand({ name: 'list', description: 'the issued keys, the newest first' })
export class KeysListCommand extends CommandRunner {
  async run(_arguments: string[], options: ListOptions): Promise<void> {
    const { items } = await AdminClient.for(options).get<{ items: KeyView[] }>('/v1/admin/keys', { user: options.user });
    const shown = options.all ? items : items.filter(({ state }) => state === 'valid');
    process.stdout.write(options.json ? `${JSON.stringify(shown, null, 2)}\n` : asTable(HEADER, shown.map(row)));
  }

  @Option({ flags: '--user <name>', description: 'only those of this user' })
  user(name: string): string {
    return name;
  }

  @Option({ flags: '--all', description: 'also those that are revoked or have expired' })
  all(): boolean {
    return true;
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Option({ flags: '--json', description: 'one JSON array' })
  json(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
Keys of the configuration are not among them. PARENT is the key that one was made with, and ends with.

Examples:
  callfs keys list
  callfs keys list --user alice --all
  callfs keys list --json | jq -r '.[] | select(.last_used_at == null) | .id'`;
  }
}

const HEADER = ['ID', 'USER', 'NAME', 'PATH', 'VERBS', 'STATE', 'EXPIRES', 'LAST USED', 'PARENT'];

function row({ id, user, name, path, verbs, state, expires_at, last_used_at, parent }: KeyView): string[] {
  return [id, user, name, path, verbs.join(','), state, expires_at ?? 'never', last_used_at ?? 'never', parent ?? '-'];
}
