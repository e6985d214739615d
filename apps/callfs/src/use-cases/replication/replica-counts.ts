import type { MetadataTables, TableStatement } from '@callfs/metadata';
import type { ContentId } from '@callfs/core';

/** How many blobs a content has. */
export interface ReplicaCount {
  readonly content: ContentId;
  readonly total: number;
  /** On nodes that are not given up, and on what all share. */
  readonly kept: number;
  /** Of these, on nodes that answer now. */
  readonly live: number;
}

/** Numbers of contents that one statement looks at: few enough that nobody waits long for it. */
const WINDOW = 20_000;

const LAST = 'SELECT coalesce(max(content_id), 0) AS last FROM replica';

/** Which contents have not as many blobs as they are to have. Contents with the right number cost next to nothing. */
export class ReplicaCounts {
  constructor(
    private readonly tables: Pick<MetadataTables, 'read'>,
    private readonly copies: number,
  ) {}

  /** Those where something is to be done or told, by number; each was so when it was looked at. */
  async *differing(kept: readonly string[], live: readonly string[]): AsyncGenerator<ReplicaCount> {
    const [row] = await this.tables.read<{ last: number }>('replicas', LAST);
    const last = row?.last ?? 0;
    for (let after = 0; after < last; after += WINDOW) {
      const { sql, parameters = [] } = this.statement(kept, live, after);
      yield* await this.tables.read<ReplicaCount>('replicas', sql, ...parameters);
    }
  }

  private statement(kept: readonly string[], live: readonly string[], after: number): TableStatement {
    // A shared backend belongs to no node.
    const [keptNodes, liveNodes] = [
      ['', ...kept],
      ['', ...live],
    ];
    const among = (nodes: readonly string[]) =>
      `sum(CASE WHEN instance_id IN (${nodes.map(() => '?').join(', ')}) THEN 1 ELSE 0 END)`;
    return {
      sql: `SELECT content, total, kept, live FROM
        (SELECT content_id AS content, count(*) AS total, ${among(keptNodes)} AS kept, ${among(liveNodes)} AS live
          FROM replica WHERE content_id > ? AND content_id <= ? GROUP BY content_id) counted
        WHERE total <> ? OR live <> ? ORDER BY content`,
      parameters: [...keptNodes, ...liveNodes, after, after + WINDOW, this.copies, this.copies],
    };
  }
}
