import { InvalidArgumentError } from 'commander';
import type { LockFilter } from '@callfs/locking';
import { CommandRunner, Option } from 'nest-commander';
import { loadConfig } from '../../config/load-config';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { parseDurationOption } from '../duration-option';
import type { LockDesk } from './lock-desk';
import { RemoteLockDesk } from './remote-lock-desk';

export interface LocksOptions extends ConfigOption {
  readonly direct?: boolean;
  readonly json?: boolean;
  readonly color?: boolean;
}

export interface LockFilterOptions extends LocksOptions {
  readonly prefix?: string;
  readonly stale?: boolean;
  readonly olderThan?: number;
  readonly owner?: string;
  readonly node?: string;
  readonly op?: string;
}

/** What `list`, `show`, `clear` and `check` have in common: whom they ask, and how they answer. */
export abstract class LocksRunner extends CommandRunner {
  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Option({ flags: '--direct', description: 'straight on Redis (of the configuration), for when no node is up' })
  direct(): boolean {
    return true;
  }

  @Option({ flags: '--json', description: 'JSON instead of text' })
  json(): boolean {
    return true;
  }

  protected async atDesk<T>(options: LocksOptions, work: (desk: LockDesk) => Promise<T>): Promise<T> {
    const desk = options.direct ? await directDesk(options) : new RemoteLockDesk(AdminClient.for(options));
    try {
      return await work(desk);
    } finally {
      await desk.close();
    }
  }
}

/** Those that choose among the locks. */
export abstract class LockFilterRunner extends LocksRunner {
  @Option({ flags: '--prefix <path>', description: 'on this path or below it: /a has /a/b, not /ab; / has all' })
  prefix(path: string): string {
    if (!path.startsWith('/')) throw new InvalidArgumentError('Expected an absolute path such as /a/b; / stands for all.');
    return path;
  }

  @Option({ flags: '--stale', description: 'whose holder is gone' })
  stale(): boolean {
    return true;
  }

  @Option({ flags: '--older-than <duration>', description: 'held longer than this: 30s, 10m, 1h' })
  olderThan(text: string): number {
    return parseDurationOption(text);
  }

  @Option({ flags: '--owner <user>', description: 'taken by this user' })
  owner(user: string): string {
    return given(user);
  }

  @Option({ flags: '--node <instance>', description: 'taken by this instance' })
  node(instance: string): string {
    return given(instance);
  }

  @Option({ flags: '--op <operation>', description: 'taken for this: put, rename, …' })
  op(operation: string): string {
    return given(operation);
  }
}

export function filterOf({ prefix, stale, olderThan, owner, node, op }: LockFilterOptions): LockFilter {
  return { prefix, stale, olderThanMs: olderThan, owner, node, operation: op };
}

/** An empty value could be taken for "all". */
function given(value: string): string {
  if (value === '') throw new InvalidArgumentError('Expected a value.');
  return value;
}

async function directDesk({ config: file }: ConfigOption): Promise<LockDesk> {
  const { config } = loadConfig({ file, cwd: process.cwd(), env: process.env, keepSecrets: false });
  // Loaded only when wanted: it brings the client of Redis.
  return (await import('./direct-lock-desk.js')).DirectLockDesk.open(config);
}
