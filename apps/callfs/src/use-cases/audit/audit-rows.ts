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

const SELECT = `SELECT at_ms AS "atMs", instance_id AS "instanceId", seq, user_name AS "user", key_id AS "keyId", operation, path,
  target, address, status, code, request_id AS "requestId", detail FROM audit`;
/** SQLite deletes no `LIMIT` of rows; both engines know rows by their keys. */
const PRUNE = `DELETE FROM audit WHERE (at_ms, instance_id, seq) IN
  (SELECT at_ms, instance_id, seq FROM audit WHERE at_ms < ? ORDER BY at_ms, instance_id, seq LIMIT ?) RETURNING seq`;

/** The rows of the audit log: added, read and, when their time is over, removed, never changed. */
export class AuditRows {
  constructor(private readonly store: MetadataStore) {}

  /** All or none. */
  async append(entries: readonly StoredEntry[]): Promise<void> {
    const statements: TableStatement[] = [];
    let from = 0;
    for (const rows of ROWS)
      for (; from + rows <= entries.length; from += rows) statements.push(insert(entries.slice(from, from + rows)));
    await this.store.tables.transaction('audit', statements);
  }

  read(filter: AuditFilter, limit: number, after?: AuditPosition): Promise<StoredEntry[]> {
    const conditions: string[] = [];
    const parameters: TableValue[] = [];
    const add = (condition: string, ...values: readonly TableValue[]) => {
      conditions.push(condition);
      parameters.push(...values);
    };
    const { sinceMs, untilMs, user, path, operation, order } = filter;
    if (sinceMs !== undefined) add('at_ms >= ?', sinceMs);
    if (untilMs !== undefined) add('at_ms < ?', untilMs);
    if (user !== undefined) add('user_name = ?', user);
    if (operation !== undefined) add('operation = ?', operation);
    if (path !== undefined) {
      // Not LIKE: a name may hold "%" and "_". Both engines count characters, not UTF-16 units.
      const prefix = path === '/' ? '/' : `${path}/`;
      const length = [...prefix].length;
      const isBelow = (column: string) => `${column} = ? OR substr(${column}, 1, ${length}) = ?`;
      add(`(${isBelow('path')} OR ${isBelow('target')})`, path, prefix, path, prefix);
    }
    if (after) {
      const { atMs, instanceId, seq } = after;
      add(`(at_ms, instance_id, seq) ${order === 'asc' ? '>' : '<'} (?, ?, ?)`, atMs, instanceId, seq);
    }
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    const sorting = ['at_ms', 'instance_id', 'seq'].map((column) => `${column} ${order}`).join(', ');
    return this.store.tables.read('audit', `${SELECT}${where} ORDER BY ${sorting} LIMIT ?`, ...parameters, limit);
  }

  /** Removes up to `limit` of those before; how many. */
  async prune(beforeMs: number, limit: number): Promise<number> {
    return (await this.store.tables.write('audit', PRUNE, beforeMs, limit)).length;
  }
}

const one = `(${Array(COLUMNS).fill('?').join(', ')})`;

function insert(entries: readonly StoredEntry[]): TableStatement {
  const sql = `INSERT INTO audit (at_ms, instance_id, seq, user_name, key_id, operation, path, target, address, status, code,
  request_id, detail) VALUES ${Array<string>(entries.length).fill(one).join(', ')}`;
  return { sql, parameters: entries.flatMap(valuesOf) };
}

function valuesOf(entry: StoredEntry): TableValue[] {
  const { atMs, instanceId, seq, user, keyId, operation, path, target, address, status, code, requestId, detail } = entry;
  return [atMs, instanceId, seq, user, keyId, operation, path, target, address, status, code, requestId, detail];
}
