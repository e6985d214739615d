import { Injectable } from '@nestjs/common';
import { MetadataStore } from '@callfs/metadata';
import type { Link } from './link';

/** So long a link that has expired is still known, so that whoever uses it is told. */
const KEPT_AFTER_EXPIRY_MS = 24 * 3600 * 1000;

/** Others wait while rows are removed, so it is done in small steps. */
const FORGOTTEN_AT_ONCE = 500;

export type NewLink = Omit<Link, 'uses' | 'revokedMs'>;

/** Where a page of links begins: after the one that was made then and has this id. */
export interface LinkPosition {
  readonly createdMs: number;
  readonly id: string;
}

/** A use whose transfer may be continued: so many bytes more, so long. */
export interface NewUse {
  readonly id: string;
  readonly bytesLeft: number;
  readonly lifeMs: number;
}

/**
 * The links in the metadata. What may happen only so often happens in one conditional statement; what expires does so
 * by the clock of the metadata's engine, the same for every node.
 */
@Injectable()
export class LinkRows {
  constructor(private readonly store: MetadataStore) {}

  nowMs(): Promise<number> {
    return this.tables.nowMs();
  }

  /**
   * Adds a link; whether it did. `isKeyIssued`: only while the key that it is made with is not revoked. Taking hold of that
   * key's row makes whoever revokes it wait, and see the link.
   */
  async insert(link: NewLink, { isKeyIssued }: { isKeyIssued: boolean }): Promise<boolean> {
    const { id, tokenHash, path, inodeId, contentId, user, keyId, filename, password, maxUses, createdMs, expiresMs } = link;
    const allowCidrs = link.allowCidrs.length === 0 ? null : link.allowCidrs.join(',');
    const texts = [id, tokenHash, path, user, keyId, filename, password, allowCidrs];
    const numbers = [inodeId, contentId, maxUses, createdMs, expiresMs];
    const placeholders = [...texts.map(() => 'CAST(? AS TEXT)'), ...numbers.map(() => 'CAST(? AS BIGINT)'), '0'];
    const insert = `INSERT INTO link (id, token_hash, path, user_name, key_id, filename, password, allow_cidrs, inode_id,
      content_id, max_uses, created_ms, expires_ms, uses) SELECT ${placeholders.join(', ')}`;
    const values = [...texts, ...numbers];
    if (!isKeyIssued) {
      await this.tables.write('link', insert, ...values);
      return true;
    }
    const isValid = 'id = ? AND revoked_ms IS NULL';
    const [, added = []] = await this.tables.transaction('link', [
      { sql: `UPDATE api_key SET used_ms = used_ms WHERE ${isValid}`, parameters: [keyId] },
      {
        sql: `${insert} WHERE EXISTS (SELECT 1 FROM api_key WHERE ${isValid}) RETURNING id`,
        parameters: [...values, keyId],
      },
    ]);
    return added.length > 0;
  }

  /** And what time it is. */
  async findByToken(tokenHash: string): Promise<{ link: Link; nowMs: number } | undefined> {
    const sql = `SELECT ${COLUMNS}, ${this.tables.now} AS now_ms FROM link WHERE token_hash = ?`;
    const [row] = await this.tables.read<LinkRow & { now_ms: number }>('link', sql, tokenHash);
    return row && { link: linkOf(row), nowMs: Number(row.now_ms) };
  }

  /** The newest first; of one user, or of all. */
  async list(
    user: string | undefined,
    after: LinkPosition | undefined,
    limit: number,
  ): Promise<{ links: Link[]; nowMs: number }> {
    const { now } = this.tables;
    const conditions = [
      ...(user === undefined ? [] : [{ sql: 'user_name = ?', values: [user] }]),
      ...(after === undefined
        ? []
        : [{ sql: '(created_ms < ? OR (created_ms = ? AND id < ?))', values: [after.createdMs, after.createdMs, after.id] }]),
    ];
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`;
    const sql = `SELECT ${COLUMNS}, ${now} AS now_ms FROM link ${where} ORDER BY created_ms DESC, id DESC LIMIT ?`;
    const values = [...conditions.flatMap((condition) => condition.values), limit];
    const rows = await this.tables.read<LinkRow & { now_ms: number }>('link', sql, ...values);
    return { links: rows.map(linkOf), nowMs: Number(rows[0]?.now_ms ?? 0) };
  }

  /** Spends a use, if there is one: of any number that try at once, on any nodes, as many succeed as there are. */
  async spend(link: Link, use: NewUse): Promise<boolean> {
    const { now } = this.tables;
    const [spent = []] = await this.tables.transaction('link', [
      {
        sql: `UPDATE link SET uses = uses + 1, last_use = ?
          WHERE id = ? AND uses < max_uses AND ${REVOKED_MS} IS NULL AND expires_ms > ${now} RETURNING uses`,
        parameters: [use.id, link.id],
      },
      {
        sql: `INSERT INTO link_use (id, link_id, bytes_left, expires_ms)
          SELECT CAST(? AS TEXT), id, CAST(? AS BIGINT), ${now} + CAST(? AS BIGINT) FROM link WHERE id = ? AND last_use = ?`,
        parameters: [use.id, use.bytesLeft, use.lifeMs, link.id, use.id],
      },
    ]);
    return spent.length > 0;
  }

  /** Takes `bytes` from what may still be sent on account of a use, if it is as much, and its link was not revoked. */
  async charge(link: Link, useId: string, bytes: number): Promise<boolean> {
    const { now } = this.tables;
    const sql = `UPDATE link_use SET bytes_left = bytes_left - CAST(? AS BIGINT)
      WHERE id = ? AND link_id = ? AND bytes_left >= CAST(? AS BIGINT) AND expires_ms > ${now}
        AND EXISTS (SELECT 1 FROM link WHERE link.id = link_use.link_id AND ${REVOKED_MS} IS NULL AND link.expires_ms > ${now})
      RETURNING bytes_left`;
    return (await this.tables.write('link', sql, bytes, useId, link.id, bytes)).length > 0;
  }

  async refund(useId: string, bytes: number): Promise<void> {
    await this.tables.write('link', 'UPDATE link_use SET bytes_left = bytes_left + CAST(? AS BIGINT) WHERE id = ?', bytes, useId);
  }

  /** Whether there is such a link of that user (of anybody); revoking twice is once. */
  async revoke(id: string, user: string | undefined): Promise<boolean> {
    const sql = `UPDATE link SET revoked_ms = COALESCE(revoked_ms, ${this.tables.now}) WHERE id = ?${
      user === undefined ? '' : ' AND user_name = ?'
    } RETURNING id`;
    return (await this.tables.write('link', sql, ...(user === undefined ? [id] : [id, user]))).length > 0;
  }

  /** How many links of a user are known, those that have ended among them; no more than `most` are counted. */
  async count(user: string, most: number): Promise<number> {
    const sql = 'SELECT COUNT(*) AS known FROM (SELECT 1 FROM link WHERE user_name = ? LIMIT ?) AS of_user';
    const [row] = await this.tables.read<{ known: number }>('link', sql, user, most);
    return Number(row?.known);
  }

  /** Forgets the oldest links of a user that have ended and of which no transfer can be continued, up to `most`; how many. */
  async forgetEnded(user: string, most: number): Promise<number> {
    const { now } = this.tables;
    const sql = `DELETE FROM link WHERE id IN (
      SELECT id FROM link WHERE user_name = ? AND (revoked_ms IS NOT NULL OR uses >= max_uses OR expires_ms <= ${now})
        AND id NOT IN (SELECT link_id FROM link_use WHERE expires_ms > ${now}) ORDER BY created_ms, id LIMIT ?) RETURNING id`;
    return (await this.tables.write('link', sql, user, most)).length;
  }

  /** Forgets some of the uses that cannot be continued, and of the links that expired long ago; how many links, and whether there may be more. */
  async forgetExpired(): Promise<{ links: number; more: boolean }> {
    const { now } = this.tables;
    const expired = async (table: string, before: string): Promise<number> => {
      const due = `SELECT 1 AS due FROM ${table} WHERE expires_ms < ${before} LIMIT 1`;
      if ((await this.tables.read('link', due)).length === 0) return 0;
      const sql = `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE expires_ms < ${before}
        ORDER BY expires_ms LIMIT ${FORGOTTEN_AT_ONCE}) RETURNING id`;
      return (await this.tables.write('link', sql)).length;
    };
    const uses = await expired('link_use', now);
    const links = await expired('link', `${now} - ${KEPT_AFTER_EXPIRY_MS}`);
    return { links, more: Math.max(uses, links) === FORGOTTEN_AT_ONCE };
  }

  private get tables() {
    return this.store.tables;
  }
}

interface LinkRow {
  id: string;
  token_hash: string;
  path: string;
  inode_id: number;
  content_id: number;
  user_name: string;
  key_id: string | null;
  filename: string;
  password: string | null;
  allow_cidrs: string | null;
  max_uses: number;
  uses: number;
  created_ms: number;
  expires_ms: number;
  revoked_ms: number | null;
}

/** A link ends with the key that it was made with, even before that is noted in its own row. */
const REVOKED_MS = 'COALESCE(link.revoked_ms, (SELECT api_key.revoked_ms FROM api_key WHERE api_key.id = link.key_id))';

const COLUMNS = `id, token_hash, path, inode_id, content_id, user_name, key_id, filename, password, allow_cidrs, max_uses, uses,
  created_ms, expires_ms, ${REVOKED_MS} AS revoked_ms`;

function linkOf(row: LinkRow): Link {
  return {
    id: row.id,
    tokenHash: row.token_hash,
    path: row.path,
    inodeId: row.inode_id,
    contentId: row.content_id,
    user: row.user_name,
    keyId: row.key_id,
    filename: row.filename,
    password: row.password,
    allowCidrs: row.allow_cidrs === null ? [] : row.allow_cidrs.split(','),
    maxUses: row.max_uses,
    uses: row.uses,
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
    revokedMs: row.revoked_ms,
  };
}
