import { setImmediate as turn } from 'node:timers/promises';
import type { MetadataStore, TableStatement, TableValue } from '@callfs/metadata';
import type { AuditEntry } from './audit-entry';

/** An entry with what makes it one of a kind: which node wrote it, as its how many-th. */
export interface StoredEntry extends AuditEntry {
  readonly instanceId: string;
  readonly seq: number;
}

export type AuditPosition = Pick<StoredEntry, 'atMs' | 'instanceId' | 'seq'>;

/** Entries that fit every one of these. */
export interface AuditFilter {
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly user?: string;
  /** A path and all below it, at either end of a move. */
  readonly path?: string;
  readonly operation?: string;
  readonly order: 'asc' | 'desc';
}

const COLUMNS = 13;
/** Rows of one statement, in falling order: few statements for any number of rows, and few that differ. */
const ROWS = [32, 16, 8, 4, 2, 1];
/** Rows that one statement of a search looks at: on SQLite nothing else goes on meanwhile, and PostgreSQL gives it little time. */
const STEP = 2000;

const SELECT = `SELECT at_ms AS "atMs", instance_id AS "instanceId", seq, user_name AS "user", key_id AS "keyId", operation, path,
  target, address, status, code, request_id AS "requestId", detail FROM audit`;
/** SQLite deletes no `LIMIT` of rows; both engines know rows by their keys. */
const PRUNE = `DELETE FROM audit WHERE (at_ms, instance_id, seq) IN
  (SELECT at_ms, instance_id, seq FROM audit WHERE at_ms < ? ORDER BY at_ms, instance_id, seq LIMIT ?) RETURNING seq`;

/** The rows of the audit log: added, read and, when their time is over, removed, never changed. */
export class AuditRows {
  constructor(private readonly store: MetadataStore) {}

  /** All or none; those that are there already, as after an append of which nobody knows how it ended, stay as they are. */
  async append(entries: readonly StoredEntry[]): Promise<void> {
    const statements: TableStatement[] = [];
    let from = 0;
    for (const rows of ROWS)
      for (; from + rows <= entries.length; from += rows) statements.push(insert(entries.slice(from, from + rows)));
    await this.store.tables.transaction('audit', statements);
  }

  /** The first `limit` behind `after`. However many have to be looked at for them, others are served meanwhile. */
  async read(filter: AuditFilter, limit: number, after?: AuditPosition, signal?: AbortSignal): Promise<StoredEntry[]> {
    const wanted = conditionsOf(filter);
    if (wanted.length === 0) return this.within(filter, after, undefined, wanted, limit);
    const found: StoredEntry[] = [];
    for (let from = after; ;) {
      signal?.throwIfAborted();
      const to = await this.stepFrom(filter, from);
      found.push(...(await this.within(filter, from, to, wanted, limit - found.length)));
      if (to === undefined || found.length === limit) return found;
      from = to;
      await turn();
    }
  }

  /** The last of the entries that a step looks at; none when they are the last there are. */
  private async stepFrom(filter: AuditFilter, from: AuditPosition | undefined): Promise<AuditPosition | undefined> {
    const { sql, parameters } = whereOf(rangeOf(filter, from));
    const columns = 'at_ms AS "atMs", instance_id AS "instanceId", seq';
    const step = `SELECT ${columns} FROM audit${sql} ${sortingOf(filter)} LIMIT 1 OFFSET ${STEP - 1}`;
    return (await this.store.tables.read<AuditPosition>('audit', step, ...parameters))[0];
  }

  private within(
    filter: AuditFilter,
    from: AuditPosition | undefined,
    to: AuditPosition | undefined,
    wanted: readonly Condition[],
    limit: number,
  ): Promise<StoredEntry[]> {
    const { sql, parameters } = whereOf([...rangeOf(filter, from, to), ...wanted]);
    return this.store.tables.read('audit', `${SELECT}${sql} ${sortingOf(filter)} LIMIT ?`, ...parameters, limit);
  }

  /** Removes up to `limit` of those before; how many. */
  async prune(beforeMs: number, limit: number): Promise<number> {
    return (await this.store.tables.write('audit', PRUNE, beforeMs, limit)).length;
  }
}

interface Condition {
  readonly sql: string;
  readonly parameters: readonly TableValue[];
}

/** Which entries, beside when. */
function conditionsOf({ user, operation, path }: AuditFilter): Condition[] {
  const conditions: Condition[] = [];
  if (user !== undefined) conditions.push({ sql: 'user_name = ?', parameters: [user] });
  if (operation !== undefined) conditions.push({ sql: 'operation = ?', parameters: [operation] });
  if (path !== undefined) {
    // Not LIKE: a name may hold "%" and "_". Both engines count characters, not UTF-16 units.
    const prefix = path === '/' ? '/' : `${path}/`;
    const length = [...prefix].length;
    const isBelow = (column: string) => `${column} = ? OR substr(${column}, 1, ${length}) = ?`;
    conditions.push({ sql: `(${isBelow('path')} OR ${isBelow('target')})`, parameters: [path, prefix, path, prefix] });
  }
  return conditions;
}

/** When: as the filter has it, behind `from`, up to `to` and with it. */
function rangeOf({ sinceMs, untilMs, order }: AuditFilter, from?: AuditPosition, to?: AuditPosition): Condition[] {
  const conditions: Condition[] = [];
  if (sinceMs !== undefined) conditions.push({ sql: 'at_ms >= ?', parameters: [sinceMs] });
  if (untilMs !== undefined) conditions.push({ sql: 'at_ms < ?', parameters: [untilMs] });
  const [onward, back] = order === 'asc' ? ['>', '<='] : ['<', '>='];
  for (const [position, compare] of [[from, onward] as const, [to, back] as const]) {
    if (!position) continue;
    const { atMs, instanceId, seq } = position;
    conditions.push({ sql: `(at_ms, instance_id, seq) ${compare} (?, ?, ?)`, parameters: [atMs, instanceId, seq] });
  }
  return conditions;
}

function whereOf(conditions: readonly Condition[]): Condition {
  const sql = conditions.length === 0 ? '' : ` WHERE ${conditions.map((condition) => condition.sql).join(' AND ')}`;
  return { sql, parameters: conditions.flatMap(({ parameters }) => parameters) };
}

function sortingOf({ order }: AuditFilter): string {
  return `ORDER BY ${['at_ms', 'instance_id', 'seq'].map((column) => `${column} ${order}`).join(', ')}`;
}

const one = `(${Array(COLUMNS).fill('?').join(', ')})`;

function insert(entries: readonly StoredEntry[]): TableStatement {
  const sql = `INSERT INTO audit (at_ms, instance_id, seq, user_name, key_id, operation, path, target, address, status, code,
  request_id, detail) VALUES ${Array<string>(entries.length).fill(one).join(', ')} ON CONFLICT DO NOTHING`;
  return { sql, parameters: entries.flatMap(valuesOf) };
}

function valuesOf(entry: StoredEntry): TableValue[] {
  const { atMs, instanceId, seq, user, keyId, operation, path, target, address, status, code, requestId, detail } = entry;
  return [atMs, instanceId, seq, user, keyId, operation, path, target, address, status, code, requestId, detail];
}
