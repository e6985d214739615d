import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import type { UserView } from '../../http/access/key-view';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { asTable } from '../table';

interface ListOptions extends ConfigOption {
  readonly json?: boolean;
}

@SubCommand({ name: 'list', description: 'the users, those of the configuration first' })
export class UsersListCommand extends CommandRunner {
  async run(_arguments: string[], options: ListOptions): Promise<void> {
    const { items } = await AdminClient.for(options).get<{ items: UserView[] }>('/v1/admin/users');
    process.stdout.write(options.json ? `${JSON.stringify(items, null, 2)}\n` : asTable(HEADER, items.map(row)));
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
Examples:
  callfs users list
  callfs users list --json | jq -r '.[] | select(.source == "metadata") | .name'`;
  }
}

const HEADER = ['NAME', 'UID', 'GID', 'GROUPS', 'UMASK', 'SOURCE'];

/** A server that is older than this program tells of groups only the numbers. */
type ToldUser = Omit<UserView, 'group_names'> & Partial<Pick<UserView, 'group_names'>>;

function row({ name, uid, gid, groups, group_names = groups.map(String), umask, source }: ToldUser): string[] {
  return [name, `${uid}`, `${gid}`, group_names.join(',') || '-', umask, source];
}
