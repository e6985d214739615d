import { hash } from 'node:crypto';
import { CHECKS, faultOf, INLINE_CONTENTS, type CheckRow } from './checks';
import type { MetadataFault, VerifyOptions } from './metadata-fault';

/** The rows of a statement, one at a time, all of the same moment as those of every other. */
export type SnapshotRows = (sql: string) => Iterable<CheckRow> | AsyncIterable<CheckRow>;

/** Every fault of the tree as it is in a snapshot; nothing is kept in memory but the row at hand. */
export async function* verifyTree(rows: SnapshotRows, options: VerifyOptions): AsyncGenerator<MetadataFault> {
  for (const { kind, sql } of CHECKS) for await (const row of rows(sql)) yield faultOf(kind, row);
  if (!options.content) return;
  for await (const { id, sha256, data } of rows(INLINE_CONTENTS))
    if (hash('sha256', data as Buffer, 'hex') !== sha256) yield { kind: 'wrong_inline_digest', content: Number(id) };
}
