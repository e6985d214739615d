import { setTimeout as delay } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import { Command, CommandRunner, Help, Option } from 'nest-commander';
import { parseMoment } from '../../config/value-types';
import type { AuditView } from '../../http/audit/audit-view';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';

interface AuditOptions extends ConfigOption {
  readonly since?: string;
  readonly user?: string;
  readonly path?: string;
  readonly operation?: string;
  readonly limit: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

interface Page {
  readonly items: AuditView[];
  readonly next_cursor?: string;
}

const PAGE = 1000;
const LOOK_MS = 1000;
/** Nodes write their entries in batches, so one may turn up behind those of another that are later. */
const LATE_MS = 5000;

@Command({ name: 'audit', description: 'who did what, the latest last' })
export class AuditCommand extends CommandRunner {
  async run(_arguments: string[], options: AuditOptions): Promise<void> {
    const client = AdminClient.for(options);
    const print = (entry: AuditView) => process.stdout.write(options.json ? `${JSON.stringify(entry)}\n` : `${lineOf(entry)}\n`);
    const startedMs = performance.now();
    // Those that `--limit` leaves out are not told later on.
    const before = options.follow ? await this.recent(client, options, LATE_MS) : [];
    const latest = await this.latest(client, options);
    for (const entry of latest.reverse()) print(entry);
    if (options.follow) await this.follow(client, options, [...before, ...latest], startedMs, print);
  }

  @Option({ flags: '--since <when>', description: 'not before this: a duration (1h ago) or an RFC 3339 time' })
  since(when: string): string {
    if (parseMoment(when, Date.now()) === undefined)
      throw new InvalidArgumentError('Expected a duration such as 1h, or a time such as 2026-11-01T00:00:00Z.');
    return when;
  }

  @Option({ flags: '--user <name>', description: 'only of this user' })
  user(name: string): string {
    return name;
  }

  @Option({ flags: '--path <path>', description: 'only this path and what is below it' })
  path(path: string): string {
    return path;
  }

  @Option({ flags: '--operation <name>', description: 'only this operation: put, rename, delete, download, …' })
  operation(name: string): string {
    return name;
  }

  @Option({ flags: '--limit <number>', description: 'at most the latest so many', defaultValue: 1000 })
  limit(text: string): number {
    const limit = Number(text);
    if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError('Expected a whole number from 1.');
    return limit;
  }

  @Option({ flags: '-f, --follow', description: 'go on with what is done from now on' })
  follows(): boolean {
    return true;
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Option({ flags: '--json', description: 'one JSON object a line' })
  json(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
Changes, refused requests and uses of links are in it, never a key. Reading is not, unless it was refused.

Examples:
  callfs audit --since 1h
  callfs audit --user alice --path /projects --follow
  callfs audit --since 2026-11-01T00:00:00Z --json | jq -r 'select(.code == "PERMISSION_DENIED") | .user' | sort | uniq -c`;
  }

  /** The latest first. */
  private latest(client: AdminClient, { limit, ...options }: AuditOptions): Promise<AuditView[]> {
    return this.read(client, { ...filterOf(options), since: options.since }, limit);
  }

  private async follow(
    client: AdminClient,
    options: AuditOptions,
    known: readonly AuditView[],
    startedMs: number,
    print: (entry: AuditView) => void,
  ): Promise<never> {
    let [seen, seenBefore] = [new Set(known.map(nameOf)), new Set<string>()];
    let fromMs = startedMs;
    for (;;) {
      await delay(LOOK_MS);
      const nowMs = performance.now();
      const entries = await this.recent(client, options, nowMs - fromMs + LATE_MS);
      fromMs = nowMs;
      for (const entry of entries) if (!seen.has(nameOf(entry)) && !seenBefore.has(nameOf(entry))) print(entry);
      // What is asked for begins about where it did, never before the time before last.
      [seen, seenBefore] = [new Set(entries.map(nameOf)), seen];
    }
  }

  /** Of the last so many milliseconds, as the server's clock has them: this machine may have another time. The latest last. */
  private recent(client: AdminClient, options: AuditOptions, spanMs: number): Promise<AuditView[]> {
    return this.read(client, { ...filterOf(options), since: `${Math.ceil(spanMs)}ms`, order: 'asc' }, Infinity);
  }

  /** Page by page, up to `most`. */
  private async read(client: AdminClient, query: Record<string, string | undefined>, most: number): Promise<AuditView[]> {
    const entries: AuditView[] = [];
    let cursor: string | undefined;
    do {
      const limit = Math.min(PAGE, most - entries.length);
      const page = await client.get<Page>('/v1/admin/audit', { ...query, limit, cursor });
      entries.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor !== undefined && entries.length < most);
    return entries;
  }
}

function filterOf({ user, path, operation }: Pick<AuditOptions, 'user' | 'path' | 'operation'>) {
  return { user, path, operation };
}

function nameOf({ time, instance_id, seq }: AuditView): string {
  return `${time} ${instance_id} ${seq}`;
}

/** What a client wrote may hold anything: control characters are shown, not sent to the terminal. */
function lineOf({ time, user, key_id, address, operation, path, target, code, detail }: AuditView): string {
  const who = user === '' ? '-' : `${user}${key_id === '' ? '' : `(${key_id})`}`;
  const what = [path, target].filter((part) => part !== null).join(' -> ') || detail || '-';
  return `${time}  ${code.padEnd(20)} ${who} ${address}  ${operation}  ${what}`.replace(/[\u0000-\u001f\u007f-\u009f]/g, escape);
}

function escape(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
