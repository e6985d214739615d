import { InvalidArgumentError } from 'commander';
import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import type { UserView } from '../../http/access/key-view';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';

interface AddOptions extends ConfigOption {
  readonly uid?: number;
  readonly gid?: number;
  readonly groups?: readonly (string | number)[];
  readonly umask?: string;
  readonly json?: boolean;
}

@SubCommand({ name: 'add', arguments: '<name>', description: 'add an ordinary user' })
export class UsersAddCommand extends CommandRunner {
  async run([name = '']: string[], options: AddOptions): Promise<void> {
    const { uid, gid, groups, umask } = options;
    const user = await AdminClient.for(options).post<UserView>('/v1/admin/users', { name, uid, gid, groups, umask });
    process.stdout.write(options.json ? `${JSON.stringify(user, null, 2)}\n` : `${user.name}\n`);
    if (!options.json)
      process.stderr.write(
        `callfs: uid ${user.uid}, gid ${user.gid}. Give it a key with: callfs keys create --user ${user.name} --name …\n`,
      );
  }

  @Option({ flags: '--uid <number>', description: 'default: chosen, from 1000' })
  uid(text: string): number {
    return idOf(text);
  }

  @Option({ flags: '--gid <number>', description: 'default: a group of its own' })
  gid(text: string): number {
    return idOf(text);
  }

  @Option({ flags: '--groups <list>', description: 'more groups, by name or number; made when they are missing' })
  groups(list: string): (string | number)[] {
    return list.split(',').map((group) => (/^\d+$/.test(group.trim()) ? Number(group) : group.trim()));
  }

  @Option({ flags: '--umask <octal>', description: 'permission bits that new files do not get (default: 0022)' })
  umask(octal: string): string {
    if (!/^0?[0-7]{3}$/.test(octal)) throw new InvalidArgumentError('Expected octal digits such as 0022.');
    return octal;
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Option({ flags: '--json', description: 'the user as a JSON object' })
  json(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
It can be given keys at once, on every node within a second. Users of the configuration are changed there.

Examples:
  callfs users add dave
  callfs users add erin --uid 2005 --groups staff,3000 --umask 0027`;
  }
}

function idOf(text: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (id < 1) throw new InvalidArgumentError('Expected a number from 1.');
  return id;
}
