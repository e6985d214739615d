import type { Replica } from '@callfs/core';
import type { MetadataTables, TableStatement, TableValue } from '@callfs/metadata';
import type { UploadPart, UploadRecord, UploadTerms } from './upload-record';

interface UploadRow {
  readonly id: string;
  readonly uid: number;
  readonly user_name: string;
  readonly kind: UploadRecord['kind'];
  readonly state: UploadRecord['state'];
  readonly path: string | null;
  readonly metadata: string;
  readonly terms: string;
  readonly sources: string | null;
  readonly size: number;
  readonly received: number;
  readonly attempt: number;
  readonly created_ms: number;
  readonly expires_ms: number;
  readonly now_ms: number;
}

interface ReplicaRow {
  readonly backend: string;
  readonly instance_id: string;
  readonly key: string;
}

interface PartRow extends ReplicaRow {
  readonly position: number;
  readonly size: number;
  readonly sha256: string | null;
}

/** A part to be recorded, and the one before that its blob holds as well. */
export interface NewPart {
  readonly part: UploadPart;
  readonly replaces?: UploadPart;
}

/** Which uploads an administrator wants to see. */
export interface UploadFilter {
  readonly user?: string;
  /** A path and all below it. */
  readonly prefix?: string;
  /** No byte has come for longer than this. */
  readonly idleMs?: number;
}

const COLUMNS =
  'id, uid, user_name, kind, state, path, metadata, terms, sources, size, received, attempt, created_ms, expires_ms';
const PART_COLUMNS = 'position, size, sha256, backend, instance_id, key';
const OPERATION = 'uploads';
const LIST_LIMIT = 10_000;

/**
 * The rows of uploads and of their parts. Whoever goes to work on an upload claims it and gets an attempt of its own;
 * every change says which attempt makes it, so of two nodes at work on one upload the later alone gets anything done. Their
 * time is over by the clock of the metadata's engine, the same for every node.
 */
export class UploadTable {
  /** What every statement that tells of uploads answers with. */
  private readonly told: string;
  /** A time that lies as many milliseconds ahead as the parameter says. */
  private readonly ahead: string;

  constructor(
    private readonly tables: MetadataTables,
    /** How long an upload lives without a byte. */
    private readonly expiryMs: number,
  ) {
    this.told = `${COLUMNS}, ${tables.now} AS now_ms`;
    this.ahead = `${tables.now} + CAST(? AS BIGINT)`;
  }

  async insert(upload: Omit<UploadRecord, 'createdMs' | 'expiresMs' | 'nowMs'>): Promise<UploadRecord> {
    const { id, uid, user, kind, state, path, metadata, terms, sources, size, received, attempt } = upload;
    const marks = '?, '.repeat(12);
    const [row] = await this.tables.write<UploadRow>(
      OPERATION,
      `INSERT INTO upload (${COLUMNS}) VALUES (${marks}${this.tables.now}, ${this.ahead}) RETURNING ${this.told}`,
      ...[id, uid, user, kind, state, path, metadata, termsText(terms), sources.join(' ') || null],
      ...[size, received, attempt, this.expiryMs],
    );
    return recordOf(row as UploadRow);
  }

  async find(id: string): Promise<UploadRecord | undefined> {
    const [row] = await this.tables.read<UploadRow>(OPERATION, `SELECT ${this.told} FROM upload WHERE id = ?`, id);
    return row && recordOf(row);
  }

  /** The upload, with an attempt of the caller's own; nothing when it is no longer open or has got another offset. */
  async claim(id: string, offset: number): Promise<UploadRecord | undefined> {
    const [row] = await this.tables.write<UploadRow>(
      OPERATION,
      `UPDATE upload SET attempt = attempt + 1, expires_ms = ${this.ahead}
       WHERE id = ? AND received = ? AND state = 'open' AND expires_ms > ${this.tables.now} RETURNING ${this.told}`,
      ...[this.expiryMs, id, offset],
    );
    return row && recordOf(row);
  }

  async parts(id: string): Promise<UploadPart[]> {
    const rows = await this.tables.read<PartRow>(
      OPERATION,
      `SELECT ${PART_COLUMNS} FROM upload_part WHERE upload_id = ? ORDER BY position`,
      id,
    );
    return rows.map(partOf);
  }

  /**
   * Records parts that follow what there is. Nothing when another attempt has begun meanwhile; `BACKEND_UNAVAILABLE` when a
   * blob of them has been given up.
   */
  async append(upload: UploadRecord, added: readonly NewPart[]): Promise<UploadRecord | undefined> {
    const last = added.at(-1)?.part;
    const received = last ? last.position + last.size : upload.received;
    const current = 'SELECT 1 FROM upload WHERE id = ? AND attempt = ? AND received = ?';
    const mine = [upload.id, upload.attempt, received];
    const advance: TableStatement = {
      sql: `UPDATE upload SET received = ?, expires_ms = ${this.ahead}
        WHERE id = ? AND attempt = ? AND received = ? AND state = 'open' RETURNING ${this.told}`,
      parameters: [received, this.expiryMs, upload.id, upload.attempt, upload.received],
    };
    const changes = added.flatMap(({ part, replaces }): TableStatement[] => [
      ...(replaces
        ? [
            {
              sql: `DELETE FROM upload_part WHERE upload_id = ? AND position = ? AND EXISTS (${current})`,
              parameters: [upload.id, replaces.position, ...mine],
            },
          ]
        : []),
      {
        // The types of the parameters are those of the columns, which a bare SELECT would not tell PostgreSQL.
        sql: `INSERT INTO upload_part (upload_id, ${PART_COLUMNS})
          SELECT id, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)
          FROM upload WHERE id = ? AND attempt = ? AND received = ?`,
        parameters: [part.position, part.size, part.sha256, ...placeOf(part.replica), ...mine],
      },
    ]);
    const blobs = added.map(({ part }) => part.replica);
    const [advanced = []] = (await this.tables.transaction(OPERATION, [advance, ...changes], blobs)) as UploadRow[][];
    return advanced[0] && recordOf(advanced[0]);
  }

  /** Turns an upload into a file, once, when the commit that carries it goes through. */
  receipt({ id, attempt }: UploadRecord): TableStatement {
    return {
      sql: `UPDATE upload SET state = 'done', expires_ms = ${this.ahead}
        WHERE id = ? AND attempt = ? AND state = 'open' RETURNING id`,
      parameters: [this.expiryMs, id, attempt],
    };
  }

  /** The final upload of these parts that has become this file. */
  async findFinal(uid: number, path: string, sources: readonly string[]): Promise<UploadRecord | undefined> {
    const [row] = await this.tables.read<UploadRow>(
      OPERATION,
      `SELECT ${this.told} FROM upload WHERE uid = ? AND path = ? AND sources = ? AND state = 'done' LIMIT 1`,
      ...[uid, path, sources.join(' ')],
    );
    return row && recordOf(row);
  }

  /** Ends an open upload; the blobs that were its parts, or nothing when it was not open. */
  async end(id: string, state: 'used' | 'expired'): Promise<Replica[] | undefined> {
    const [ended = [], parts = []] = await this.tables.transaction(OPERATION, [
      {
        sql: `UPDATE upload SET state = ?, attempt = attempt + 1 WHERE id = ? AND state = 'open' RETURNING id`,
        parameters: [state, id],
      },
      dropParts(id, `NOT EXISTS (SELECT 1 FROM upload WHERE id = ? AND state = 'open')`),
    ]);
    return ended.length === 0 ? undefined : (parts as ReplicaRow[]).map(replicaOf);
  }

  /** Forgets an upload; the blobs that were its parts. */
  async remove(id: string): Promise<Replica[]> {
    const [, parts = []] = await this.tables.transaction(OPERATION, [
      { sql: 'DELETE FROM upload WHERE id = ?', parameters: [id] },
      dropParts(id, 'NOT EXISTS (SELECT 1 FROM upload WHERE id = ?)'),
    ]);
    return (parts as ReplicaRow[]).map(replicaOf);
  }

  /** Forgets the parts of an upload that is over; the blobs that they were. */
  async dropParts(id: string): Promise<Replica[]> {
    const [parts = []] = await this.tables.transaction(OPERATION, [
      dropParts(id, `NOT EXISTS (SELECT 1 FROM upload WHERE id = ? AND state = 'open')`),
    ]);
    return (parts as ReplicaRow[]).map(replicaOf);
  }

  /** Open uploads whose time is over. */
  async due(limit: number): Promise<string[]> {
    const rows = await this.tables.read<{ id: string }>(
      OPERATION,
      `SELECT id FROM upload WHERE expires_ms <= ${this.tables.now} AND state = 'open' ORDER BY expires_ms LIMIT ?`,
      limit,
    );
    return rows.map(({ id }) => id);
  }

  /** Uploads that are over and still have parts: whoever ended them did not come to forget those. */
  async withLeftParts(limit: number): Promise<string[]> {
    const rows = await this.tables.read<{ id: string }>(
      OPERATION,
      `SELECT DISTINCT p.upload_id AS id FROM upload_part p LEFT JOIN upload u ON u.id = p.upload_id
       WHERE u.id IS NULL OR u.state <> 'open' LIMIT ?`,
      limit,
    );
    return rows.map(({ id }) => id);
  }

  /** Forgets uploads that ended a while ago: those that became files at once, those that expired after `graveMs`. */
  async forgetEnded(graveMs: number): Promise<void> {
    const { now } = this.tables;
    await this.tables.write(
      OPERATION,
      `DELETE FROM upload WHERE (state IN ('done', 'used') AND expires_ms <= ${now})
       OR (state = 'expired' AND expires_ms <= ${now} - CAST(? AS BIGINT))`,
      graveMs,
    );
  }

  /** Open uploads, those that have been idle for the longest time first. */
  async list({ user, prefix, idleMs }: UploadFilter): Promise<UploadRecord[]> {
    const conditions = ["state = 'open'"];
    const parameters: TableValue[] = [];
    if (user !== undefined) {
      conditions.push('user_name = ?');
      parameters.push(user);
    }
    if (idleMs !== undefined) {
      conditions.push(`expires_ms <= ${this.ahead}`);
      parameters.push(this.expiryMs - idleMs);
    }
    if (prefix !== undefined) {
      // Neither a pattern, in which characters mean something, nor a range, which depends on the order that the database has.
      conditions.push('(path = ? OR substr(path, 1, CAST(? AS INTEGER)) = ?)');
      // Both engines count characters, not UTF-16 units.
      parameters.push(prefix === '' ? '/' : prefix, [...prefix].length + 1, `${prefix}/`);
    }
    const rows = await this.tables.read<UploadRow>(
      OPERATION,
      `SELECT ${this.told} FROM upload WHERE ${conditions.join(' AND ')} ORDER BY expires_ms, id LIMIT ${LIST_LIMIT}`,
      ...parameters,
    );
    return rows.map(recordOf);
  }

  /** When a byte last came, or it was made. */
  lastActiveMs({ expiresMs }: UploadRecord): number {
    return expiresMs - this.expiryMs;
  }
}

function dropParts(id: string, condition: string): TableStatement {
  return {
    sql: `DELETE FROM upload_part WHERE upload_id = ? AND ${condition} RETURNING backend, instance_id, key`,
    parameters: [id, id],
  };
}

function recordOf(row: UploadRow): UploadRecord {
  return {
    id: row.id,
    uid: row.uid,
    user: row.user_name,
    kind: row.kind,
    state: row.state,
    path: row.path,
    metadata: row.metadata,
    terms: termsOf(row.terms),
    sources: row.sources?.split(' ') ?? [],
    size: row.size,
    received: row.received,
    attempt: row.attempt,
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
    nowMs: row.now_ms,
  };
}

function partOf({ position, size, sha256, ...place }: PartRow): UploadPart {
  return { position, size, sha256, replica: replicaOf(place) };
}

function replicaOf({ backend, instance_id: instanceId, key }: ReplicaRow): Replica {
  return { backend, instanceId, key };
}

function placeOf({ backend, instanceId, key }: Replica): string[] {
  return [backend, instanceId, key];
}

/** JSON has no 64-bit numbers. */
function termsText({ mtimeNs, ...terms }: UploadTerms): string {
  return JSON.stringify({ ...terms, mtimeNs: mtimeNs?.toString() });
}

function termsOf(text: string): UploadTerms {
  const { mtimeNs, ...terms } = JSON.parse(text) as Omit<UploadTerms, 'mtimeNs'> & { mtimeNs?: string };
  return mtimeNs === undefined ? terms : { ...terms, mtimeNs: BigInt(mtimeNs) };
}
