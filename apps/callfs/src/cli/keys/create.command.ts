import { InvalidArgumentError } from 'commander';
import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import { parseSpan } from '../../config/value-types';
import type { KeyView } from '../../http/access/key-view';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';

interface CreateOptions extends ConfigOption {
  readonly user: string;
  readonly name: string;
  readonly expires?: string;
  readonly path?: string;
  readonly verbs?: readonly string[];
  readonly json?: boolean;
}

@SubCommand({ name: 'create', description: 'issue a key and print it, this once' })
export class KeysCreateCommand extends CommandRunner {
  async run(_arguments: string[], options: CreateOptions): Promise<void> {
    const { user, name, path, verbs, expires } = options;
    const request = { user, name, path, verbs, expires_in: expires };
    const issued = await AdminClient.for(options).post<KeyView & { readonly key: string }>('/v1/admin/keys', request);
    if (options.json) {
      process.stdout.write(`${JSON.stringify(issued, null, 2)}\n`);
      return;
    }
    process.stdout.write(`${issued.key}\n`);
    const until = issued.expires_at === null ? 'does not expire' : `expires ${issued.expires_at}`;
    process.stderr.write(
      `callfs: key ${issued.id} of ${issued.user}: ${issued.verbs.join(', ')} in ${issued.path}; ${until}. It is not shown again.\n`,
    );
  }

  @Option({ flags: '--user <name>', description: 'whom the key is to stand for', required: true })
  user(name: string): string {
    return name;
  }

  @Option({ flags: '--name <text>', description: 'what the key is for', required: true })
  name(text: string): string {
    return text;
  }

  @Option({ flags: '--expires <duration>', description: 'how long it is good: 12h, 30d (default: it does not expire)' })
  expires(duration: string): string {
    if (!parseSpan(duration)) throw new InvalidArgumentError('Expected a duration such as 12h or 30d.');
    return duration;
  }

  @Option({ flags: '--path <path>', description: 'limit it to this path and everything below (default: /)' })
  path(path: string): string {
    return path;
  }

  @Option({
    flags: '--verbs <list>',
    description: 'limit it to some of read, list, write, delete, share, admin (default: all but admin)',
  })
  verbs(list: string): string[] {
    return list.split(',').map((verb) => verb.trim());
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Option({ flags: '--json', description: 'the key with everything about it' })
  json(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
The key alone goes to stdout. Within its limits it may do what its user may.

Examples:
  callfs keys create --user alice --name laptop
  callfs keys create --user alice --name ci --expires 30d --path /projects/a --verbs read,list
  CALLFS_URL=https://files.example.org CALLFS_API_KEY=… callfs keys create --user root --name backup --verbs read,list`;
  }
}
