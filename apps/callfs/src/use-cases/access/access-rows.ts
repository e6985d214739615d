import type { KeyVerb } from '@callfs/auth';
import { CallfsError } from '@callfs/core';
import type { MetadataStore, TableStatement, TableValue } from '@callfs/metadata';

/** A key as it is kept. */
export interface KeyRow {
  readonly digest: string;
  readonly id: string;
  /** The id of the key that it was made with, issued or of the configuration. */
  readonly parent: string | null;
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

const KEY_COLUMNS = `digest, id, parent_id AS parent, name, user_name AS "user", path, verbs, created_ms AS "createdMs", created_by AS "createdBy",
  expires_ms AS "expiresMs", used_ms AS "usedMs", revoked_ms AS "revokedMs"`;
const ACCOUNTS = `SELECT name, uid, gid, member_of AS "memberOf", umask, created_ms AS "createdMs", created_by AS "createdBy"
  FROM account`;
const INSERT_ACCOUNT = `INSERT INTO account (name, uid, gid, member_of, umask, created_ms, created_by)
  VALUES (?, ?, ?, ?, ?, ?, ?)`;
const NOTE_USE = 'UPDATE api_key SET used_ms = ? WHERE digest = ? AND (used_ms IS NULL OR used_ms < ?)';
const LINKS_AT_ONCE = 1000;
/** A key and all that was made with it, with what was made with that, and so on down. */
const ENDING = `WITH RECURSIVE ending (id) AS (
  SELECT CAST(? AS TEXT) UNION SELECT made.id FROM api_key made JOIN ending ON made.parent_id = ending.id)`;
/**
 * In the transaction of every change, so that whoever sees the new number sees the change; at its beginning, so that they
 * are made one after the other and none misses what another is about to commit.
 */
const TURN: TableStatement = { sql: 'UPDATE access_revision SET revision = revision + 1 WHERE id = 1' };

/** The rows of keys and users that were made while the service runs. Who changes one turns the revision. */
export class AccessRows {
  private readonly select: string;
  private readonly isValid: string;

  constructor(private readonly store: MetadataStore) {
    const { now } = store.tables;
    this.select = `SELECT ${KEY_COLUMNS}, ${now} AS "nowMs" FROM api_key`;
    this.isValid = `(revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ${now}))`;
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

  /** Those that are good for anything, of everybody. */
  async validKeys(): Promise<KeyRow[]> {
    const rows = await this.store.tables.read<StoredKey>('access', `${this.select} WHERE ${this.isValid}`);
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

  /**
   * Adds a key to those of its user, if it has fewer than `most` valid ones, and forgets the oldest of as many that have
   * ended. `isParentIssued`: only while the key that it is made with is not revoked. Whether it was added. `CONFLICT` when
   * the first digits of its digest are another's.
   */
  async insertKey(key: KeyRow, { most, isParentIssued }: { most: number; isParentIssued: boolean }): Promise<boolean> {
    const { digest, id, parent, name, user, path, verbs, createdMs, createdBy, expiresMs } = key;
    const texts = [digest, id, parent, name, user, path, verbs.join(','), createdBy];
    const values: TableValue[] = [...texts, createdMs, expiresMs];
    const placeholders = values.map((_, i) => `CAST(? AS ${i < texts.length ? 'TEXT' : 'BIGINT'})`).join(', ');
    const conditions = [
      `(SELECT COUNT(*) FROM api_key WHERE user_name = ? AND ${this.isValid}) < ?`,
      ...(isParentIssued ? ['EXISTS (SELECT 1 FROM api_key WHERE id = ? AND revoked_ms IS NULL)'] : []),
    ];
    const ended = `user_name = ? AND NOT ${this.isValid}`;
    const [inserted] = await this.change(
      {
        sql: `INSERT INTO api_key (digest, id, parent_id, name, user_name, path, verbs, created_by, created_ms, expires_ms)
          SELECT ${placeholders} WHERE ${conditions.join(' AND ')} RETURNING id`,
        parameters: [...values, user, most, ...(isParentIssued ? [parent] : [])],
      },
      {
        sql: `DELETE FROM api_key WHERE ${ended} AND id NOT IN (
          SELECT id FROM api_key WHERE ${ended} ORDER BY COALESCE(revoked_ms, expires_ms) DESC, id LIMIT ?)`,
        parameters: [user, user, most],
      },
    );
    return inserted !== undefined && inserted.length > 0;
  }

  /** Ends the key of that id and those made with it: these, of those that had not ended. Their links are still to be ended. */
  async endKeys(id: string): Promise<string[]> {
    const { now } = this.store.tables;
    const [keys = []] = await this.change({
      sql: `UPDATE api_key SET revoked_ms = ${now}
        WHERE revoked_ms IS NULL AND id IN (${ENDING} SELECT id FROM ending)
        RETURNING id, CASE WHEN expires_ms <= ${now} THEN 1 ELSE 0 END AS "isExpired"`,
      parameters: [id],
    });
    return (keys as { id: string; isExpired: number }[]).filter((key) => !key.isExpired).map((key) => key.id);
  }

  /** Ends the links that were made with the key of that id, and with those made with it; how many still worked. */
  endLinksOfKey(id: string): Promise<number> {
    return this.endLinks(`key_id IN (${ENDING} SELECT id FROM ending)`, id);
  }

  async noteUses(uses: Iterable<{ readonly digest: string; readonly usedMs: number }>): Promise<void> {
    const statements = [...uses].map(({ digest, usedMs }) => ({ sql: NOTE_USE, parameters: [usedMs, digest, usedMs] }));
    if (statements.length > 0) await this.store.tables.transaction('access', statements);
  }

  async accounts(): Promise<AccountRow[]> {
    const rows = await this.store.tables.read<StoredAccount>('access', `${ACCOUNTS} ORDER BY name`);
    return rows.map(({ memberOf, ...row }) => ({ ...row, groups: JSON.parse(memberOf) as number[] }));
  }

  /** With none of the keys and links that somebody of that name had before. `USER_ALREADY_EXISTS`. */
  async insertAccount({ name, uid, gid, groups, umask, createdMs, createdBy }: AccountRow): Promise<void> {
    const parameters = [name, uid, gid, JSON.stringify(groups), umask, createdMs, createdBy];
    // The links that would be ended now are those of the user that there is.
    if (await this.hasAccount(name)) throw isThere(name);
    await this.endLinks('user_name = ?', name);
    try {
      await this.change({ sql: INSERT_ACCOUNT, parameters }, this.endOfKeys(name));
    } catch (error) {
      if (!CallfsError.is(error, 'CONFLICT')) throw error;
      throw isThere(name, error);
    }
  }

  /** The user with all of its keys and links; whether there was one. */
  async removeAccount(name: string): Promise<boolean> {
    const [removed] = await this.change(
      { sql: 'DELETE FROM account WHERE name = ? RETURNING name', parameters: [name] },
      this.endOfKeys(name),
    );
    if (removed === undefined || removed.length === 0) return false;
    // They do not work without their user.
    await this.endLinks('user_name = ?', name);
    return true;
  }

  private async hasAccount(name: string): Promise<boolean> {
    return (await this.store.tables.read('access', 'SELECT 1 AS found FROM account WHERE name = ?', name)).length > 0;
  }

  /** Of a user's keys. */
  private endOfKeys(user: string): TableStatement {
    const { now } = this.store.tables;
    return {
      sql: `UPDATE api_key SET revoked_ms = ${now} WHERE user_name = ? AND revoked_ms IS NULL`,
      parameters: [user],
    };
  }

  /** Few at a time: of many links PostgreSQL would not end any in the time that a statement has. How many still worked. */
  private async endLinks(condition: string, parameter: string): Promise<number> {
    const { now } = this.store.tables;
    const sql = `UPDATE link SET revoked_ms = ${now} WHERE id IN (
      SELECT id FROM link WHERE revoked_ms IS NULL AND expires_ms > ${now} AND ${condition} LIMIT ${LINKS_AT_ONCE})
      RETURNING uses, max_uses AS "maxUses"`;
    let worked = 0;
    for (;;) {
      const ended = await this.store.tables.write<{ uses: number; maxUses: number }>('access', sql, parameter);
      worked += ended.filter(({ uses, maxUses }) => uses < maxUses).length;
      if (ended.length < LINKS_AT_ONCE) return worked;
    }
  }

  /** What the statements answer. */
  private async change(...statements: readonly TableStatement[]): Promise<unknown[][]> {
    const [, ...answers] = await this.store.tables.transaction('access', [TURN, ...statements]);
    return answers;
  }
}

function keyOf({ verbs, nowMs, ...row }: StoredKey): KeyRow {
  const isExpired = row.expiresMs !== null && row.expiresMs <= nowMs;
  return { ...row, isExpired, verbs: verbs.split(',') as KeyVerb[] };
}

function isThere(name: string, cause?: unknown): CallfsError {
  return new CallfsError('USER_ALREADY_EXISTS', `There is a user ${name} already.`, { cause, details: { user: name } });
}
