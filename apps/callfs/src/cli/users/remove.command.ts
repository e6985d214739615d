import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';

@SubCommand({ name: 'remove', arguments: '<name>', description: 'remove a user and revoke its keys' })
export class UsersRemoveCommand extends CommandRunner {
  async run([name = '']: string[], options: ConfigOption): Promise<void> {
    await AdminClient.for(options).delete(`/v1/admin/users/${encodeURIComponent(name)}`);
    process.stdout.write(`${name}\n`);
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Help('after')
  examples(): string {
    return `
Its files stay. Its number is kept for its name: added again, it owns them again. Users of the configuration are removed
there.

Examples:
  callfs users remove dave`;
  }
}
