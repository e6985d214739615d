import { CallfsError, type ContentId, type Replica } from '@callfs/core';
import type { CondemnOptions, NewContent, ReplicaChange, SharedContent } from '../metadata-store';
import { CONDEMNED_MESSAGE } from '../condemned';
import type { Graces } from '../graces';
import { KEY_HOLDERS, nodesIn } from '../key-holders';
import type { Changed } from './changed';
import type { Statements } from './statement-cache';
import type { Totals } from './totals';

const COLLECT = 'INSERT INTO collect (backend, instance_id, key, not_before)';
/** Contents and how many inodes have them; run inside the writer's transaction. */
export class ContentRows {
  constructor(
    private readonly sql: Statements,
    private readonly totals: Totals,
    private readonly graces: Required<Graces>,
  ) {}

  /** Takes a reference to a new content or to the one that is shared. `CONFLICT` when that is gone. */
  reference(content: NewContent | SharedContent): { id: ContentId; size: number } {
    if ('copyOf' in content) {
      const shared = this.sql.get<{ size: number }>(
        'UPDATE content SET refs = refs + 1 WHERE id = ? AND refs > 0 RETURNING size',
        content.copyOf,
      );
      if (!shared) throw new CallfsError('CONFLICT', 'The content to copy has been replaced.');
      return { id: content.copyOf, size: shared.size };
    }
    const { data, size, sha256, backend, instanceId, replicas } = content;
    const { lastInsertRowid } = this.sql.run(
      'INSERT INTO content (kind, size, sha256, refs, backend, instance_id, data) VALUES (?, ?, ?, 1, ?, ?, ?)',
      data ? 'inline' : 'blob',
      size,
      sha256,
      backend,
      instanceId,
      data,
    );
    const id = Number(lastInsertRowid);
    for (const replica of replicas) this.addReplica(id, replica);
    this.totals.add(data ? 'inline_bytes' : 'blob_bytes', size);
    return { id, size };
  }

  /** Gives a reference back: the last one deletes inline bytes and leaves blobs to the collector, after its grace. */
  release(changed: Changed, id: ContentId): void {
    const row = this.sql.get<{ refs: number; kind: string; size: number }>(
      'UPDATE content SET refs = refs - 1 WHERE id = ? RETURNING refs, kind, size',
      id,
    );
    if (!row || row.refs > 0) return;
    this.totals.add(row.kind === 'inline' ? 'inline_bytes' : 'blob_bytes', -row.size);
    this.sql.run('DELETE FROM content WHERE id = ?', id);
    if (row.kind === 'inline') {
      changed.add(['content gone', id]);
    } else {
      this.sql.run(`${COLLECT} SELECT backend, instance_id, key, ? FROM replica WHERE content_id = ?`, this.notBefore(), id);
      this.sql.run('DELETE FROM replica WHERE content_id = ?', id);
    }
  }

  /** Commits come one after the other, so none can be under way: what is condemned may go at once. */
  condemn(blobs: readonly Replica[], { isSpent = false }: CondemnOptions = {}): Replica[] {
    const now = nsAfter(0);
    const refusedUntil = isSpent ? null : nsAfter(this.graces.lateCommitMs);
    const condemn = `INSERT INTO collect (backend, instance_id, key, not_before, refused_until) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
    return blobs.filter(({ backend, instanceId, key }) => {
      const isHeld = KEY_HOLDERS.some((table) => this.sql.get(holdsAnywhere(table), { backend, key }) !== undefined);
      return !isHeld && this.sql.run(condemn, backend, instanceId, key, now, refusedUntil).changes > 0;
    });
  }

  forget(blobs: readonly Replica[]): void {
    const now = nsAfter(0);
    const where = 'WHERE backend = ? AND instance_id = ? AND key = ?';
    for (const { backend, instanceId, key } of blobs) {
      const place = [backend, instanceId, key];
      this.sql.run(`DELETE FROM collect ${where} AND (refused_until IS NULL OR refused_until <= ?)`, ...place, now);
      this.sql.run(`UPDATE collect SET not_before = refused_until ${where} AND refused_until > ?`, ...place, now);
    }
  }

  changeReplicas(changed: Changed, id: ContentId, { add = [], drop = [], place }: ReplicaChange): void {
    const content = this.sql.get<{ kind: string }>('SELECT kind FROM content WHERE id = ?', id);
    if (!content) throw new CallfsError('CONFLICT', 'The content has been replaced or removed.');
    for (const replica of drop) this.dropReplica(id, replica);
    for (const replica of add) this.addReplica(id, replica);
    if (content.kind === 'blob' && !this.sql.get('SELECT 1 FROM replica WHERE content_id = ? LIMIT 1', id))
      throw new CallfsError('CONFLICT', 'A content keeps at least one blob.');
    if (place) this.sql.run('UPDATE content SET backend = ?, instance_id = ? WHERE id = ?', place.backend, place.instanceId, id);
    changed.add(['content moved', id]);
  }

  /** What waits for collection may be gone at any moment. */
  refuseCondemned({ backend, instanceId, key }: Replica): void {
    if (this.sql.get(holds('collect'), backend, instanceId, key)) throw new CallfsError('BACKEND_UNAVAILABLE', CONDEMNED_MESSAGE);
  }

  private addReplica(id: ContentId, replica: Replica): void {
    this.refuseCondemned(replica);
    const { backend, instanceId, key } = replica;
    const place = [backend, instanceId, key];
    const insert = 'INSERT INTO replica (content_id, backend, instance_id, key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';
    const { changes } = this.sql.run(insert, id, ...place);
    if (changes === 0) throw new CallfsError('CONFLICT', 'The content has a blob there already.');
  }

  private dropReplica(id: ContentId, { backend, instanceId, key }: Replica): void {
    const { changes } = this.sql.run(
      'DELETE FROM replica WHERE content_id = ? AND backend = ? AND instance_id = ? AND key = ?',
      ...[id, backend, instanceId, key],
    );
    if (changes === 0) throw new CallfsError('CONFLICT', 'The content has no such blob any more.');
    this.sql.run(`${COLLECT} VALUES (?, ?, ?, ?)`, backend, instanceId, key, this.notBefore());
  }

  private notBefore(): bigint {
    return nsAfter(this.graces.collectGraceMs);
  }
}

function nsAfter(ms: number): bigint {
  return BigInt(Date.now() + ms) * 1_000_000n;
}

function holdsAnywhere(table: (typeof KEY_HOLDERS)[number]): string {
  return `SELECT 1 FROM ${nodesIn(table, '@backend')} n
    CROSS JOIN ${table} h ON h.backend = @backend AND h.instance_id = n.name AND h.key = @key`;
}

function holds(table: string): string {
  return `SELECT 1 FROM ${table} WHERE backend = ? AND instance_id = ? AND key = ?`;
}
