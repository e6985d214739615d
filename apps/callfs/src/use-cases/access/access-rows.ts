import type { KeyVerb } from '@callfs/auth';
import { CallfsError } from '@callfs/core';
import type { MetadataStore, TableStatement, TableValue } from '@callfs/metadata';

/** A key as it is kept. */
export interface KeyRow {
  readonly digest: string;
  readonly id: string;
  readonly name: string;
  readonly user: string;
  readonly path: string;
  readonly verbs: readonly KeyVerb[];
  readonly createdMs: number;
  readonly createdBy: string;
  readonly expiresMs: number | null;
  readonly isExpired: boolean;
  readonly usedMs: number | null;
  readonly revokedMs: number | null;
}

/** A user as it is kept. */
export interface AccountRow {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly umask: number;
  readonly createdMs: number;
  readonly createdBy: string;
}

type StoredKey = Omit<KeyRow, 'verbs' | 'isExpired'> & { readonly verbs: string; readonly nowMs: number };
type StoredAccount = Omit<AccountRow, 'groups'> & { readonly memberOf: string };

const KEY_COLUMNS = `digest, id, name, user_name AS "user", path, verbs, created_ms AS "createdMs", created_by AS "createdBy",
  expires_ms AS "expiresMs", used_ms AS "usedMs", revoked_ms AS "revokedMs"`;
const ACCOUNTS = `SELECT name, uid, gid, member_of AS "memberOf", umask, created_ms AS "createdMs", created_by AS "createdBy"
  FROM account`;
const INSERT_KEY = `INSERT INTO api_key (digest, id, name, user_name, path, verbs, created_ms, created_by, expires_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT_ACCOUNT = `INSERT INTO account (name, uid, gid, member_of, umask, created_ms, created_by)
  VALUES (?, ?, ?, ?, ?, ?, ?)`;
const NOTE_USE = 'UPDATE api_key SET used_ms = ? WHERE digest = ? AND (used_ms IS NULL OR used_ms < ?)';
/** In the transaction of every change, so that whoever sees the new number sees the change. */
const TURN: TableStatement = { sql: 'UPDATE access_revision SET revision = revision + 1 WHERE id = 1' };

/** The rows of keys and users that were made while the service runs. Who changes one turns the revision. */
export class AccessRows {
  private readonly select: string;

  constructor(private readonly store: MetadataStore) {
    this.select = `SELECT ${KEY_COLUMNS}, ${store.tables.now} AS "nowMs" FROM api_key`;
  }

  /** Differs from an earlier one when keys or users have changed since; and what time it is by the clock that all share. */
  async revision(): Promise<{ revision: number; nowMs: number }> {
    const { tables } = this.store;
    const sql = `SELECT revision, ${tables.now} AS "nowMs" FROM access_revision WHERE id = 1`;
    const [row] = await tables.read<{ revision: number; nowMs: number }>('access', sql);
    return row ?? { revision: 0, nowMs: await tables.nowMs() };
  }

  nowMs(): Promise<number> {
    return this.store.tables.nowMs();
  }

  /** Those that were not revoked, of everybody. */
  async validKeys(): Promise<KeyRow[]> {
    const rows = await this.store.tables.read<StoredKey>('access', `${this.select} WHERE revoked_ms IS NULL`);
    return rows.map(keyOf);
  }

  /** The newest first, of one user or of all. */
  async keys(user: string | undefined): Promise<KeyRow[]> {
    const where = user === undefined ? '' : ' WHERE user_name = ?';
    const parameters = user === undefined ? [] : [user];
    const order = ' ORDER BY created_ms DESC, id';
    return (await this.store.tables.read<StoredKey>('access', this.select + where + order, ...parameters)).map(keyOf);
  }

  async key(id: string): Promise<KeyRow | undefined> {
    const [row] = await this.store.tables.read<StoredKey>('access', `${this.select} WHERE id = ?`, id);
    return row && keyOf(row);
  }

  /** `CONFLICT` when the first digits of its digest are another's. */
  async insertKey(key: KeyRow): Promise<void> {
    const { digest, id, name, user, path, verbs, createdMs, createdBy, expiresMs } = key;
    const parameters: TableValue[] = [digest, id, name, user, path, verbs.join(','), createdMs, createdBy, expiresMs];
    await this.change({ sql: INSERT_KEY, parameters });
  }

  async revokeKey(id: string): Promise<void> {
    const sql = `UPDATE api_key SET revoked_ms = ${this.store.tables.now} WHERE id = ? AND revoked_ms IS NULL`;
    await this.change({ sql, parameters: [id] });
  }

  async noteUses(uses: Iterable<{ readonly digest: string; readonly usedMs: number }>): Promise<void> {
    const statements = [...uses].map(({ digest, usedMs }) => ({ sql: NOTE_USE, parameters: [usedMs, digest, usedMs] }));
    if (statements.length > 0) await this.store.tables.transaction('access', statements);
  }

  async accounts(): Promise<AccountRow[]> {
    const rows = await this.store.tables.read<StoredAccount>('access', `${ACCOUNTS} ORDER BY name`);
    return rows.map(({ memberOf, ...row }) => ({ ...row, groups: JSON.parse(memberOf) as number[] }));
  }

  /** `USER_ALREADY_EXISTS`. */
  async insertAccount({ name, uid, gid, groups, umask, createdMs, createdBy }: AccountRow): Promise<void> {
    const parameters = [name, uid, gid, JSON.stringify(groups), umask, createdMs, createdBy];
    try {
      await this.change({ sql: INSERT_ACCOUNT, parameters });
    } catch (error) {
      if (!CallfsError.is(error, 'CONFLICT')) throw error;
      throw new CallfsError('USER_ALREADY_EXISTS', `There is a user ${name} already.`, { cause: error, details: { user: name } });
    }
  }

  /** The user and all of its keys; whether there was one. */
  async removeAccount(name: string): Promise<boolean> {
    const revoke = `UPDATE api_key SET revoked_ms = ${this.store.tables.now} WHERE user_name = ? AND revoked_ms IS NULL`;
    const [removed] = await this.change(
      { sql: 'DELETE FROM account WHERE name = ? RETURNING name', parameters: [name] },
      { sql: revoke, parameters: [name] },
    );
    return removed !== undefined && removed.length > 0;
  }

  private change(...statements: readonly TableStatement[]): Promise<unknown[][]> {
    return this.store.tables.transaction('access', [...statements, TURN]);
  }
}

function keyOf({ verbs, nowMs, ...row }: StoredKey): KeyRow {
  const isExpired = row.expiresMs !== null && row.expiresMs <= nowMs;
  return { ...row, isExpired, verbs: verbs.split(',') as KeyVerb[] };
}
