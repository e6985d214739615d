import { CallfsError, type ContentId } from '@callfs/core';
import type { NewContent, SharedContent } from '../metadata-store';
import type { Changed } from './changed';
import type { Statements } from './statement-cache';
import type { Totals } from './totals';

/** Contents and how many inodes have them; run inside the writer's transaction. */
export class ContentRows {
  constructor(
    private readonly sql: Statements,
    private readonly totals: Totals,
    private readonly collectGraceMs: number,
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
    for (const replica of replicas) {
      this.sql.run(
        'INSERT INTO replica (content_id, backend, instance_id, key) VALUES (?, ?, ?, ?)',
        id,
        replica.backend,
        replica.instanceId,
        replica.key,
      );
    }
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
    if (row.kind === 'inline') {
      this.sql.run('DELETE FROM content WHERE id = ?', id);
      changed.add(['content gone', id]);
    } else {
      this.sql.run('INSERT INTO collect (content_id, not_before) VALUES (?, ?)', id, this.notBefore());
    }
  }

  forget(ids: readonly ContentId[]): void {
    for (const id of ids) {
      // Only what is still without a reference: a copy may have taken one since.
      if (this.sql.run('DELETE FROM content WHERE id = ? AND refs = 0', id).changes === 0) continue;
      this.sql.run('DELETE FROM replica WHERE content_id = ?', id);
      this.sql.run('DELETE FROM collect WHERE content_id = ?', id);
    }
  }

  private notBefore(): bigint {
    return BigInt(Date.now() + this.collectGraceMs) * 1_000_000n;
  }
}
