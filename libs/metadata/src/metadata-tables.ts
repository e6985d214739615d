import type { Replica } from '@callfs/core';

/** What a statement takes as a parameter, the same on both engines. Times are whole milliseconds. */
export type TableValue = string | number | Buffer | null;

/** PostgreSQL has no NUL in its texts, and fails for a parameter that has one. No text of ours does, so none is found by it. */
export function storable(value: TableValue): TableValue {
  return typeof value === 'string' ? value.replaceAll('\0', '\ufffd') : value;
}

/** One statement in the SQL that both engines share; each `?` stands for the next parameter. */
export interface TableStatement {
  readonly sql: string;
  readonly parameters?: readonly TableValue[];
}

/**
 * The tables beside the tree (nodes, links, uploads, keys, the audit): few rows, statements that SQLite and PostgreSQL both
 * understand, no cache. `BIGINT` columns hold safe integers and come back as numbers. Never write the tree's own tables
 * here: their caches and totals would not learn of it. A NUL in a text becomes U+FFFD, on both. Failures of the engine are `METADATA_UNAVAILABLE`.
 */
export abstract class MetadataTables {
  /**
   * The engine's own clock in whole milliseconds, as an expression for statements: what expires does so by the one clock
   * that all nodes share, whatever theirs say. One moment for the whole of a statement, that of its start.
   */
  abstract readonly now: string;

  /** What that clock says. */
  async nowMs(): Promise<number> {
    const [row] = await this.read<{ now_ms: number }>('clock', `SELECT ${this.now} AS now_ms`);
    return Number(row?.now_ms);
  }

  /** Sees everything that was acknowledged before, on every node. */
  abstract read<R>(operation: string, sql: string, ...parameters: readonly TableValue[]): Promise<R[]>;

  /** One durable transaction; the rows of `RETURNING`, if any. `CONFLICT` when a unique key is taken. */
  abstract write<R = never>(operation: string, sql: string, ...parameters: readonly TableValue[]): Promise<R[]>;

  /**
   * All of the statements, in order, in one durable transaction, or none. `CONFLICT` as for `write`. `blobs` are those that
   * rows come to refer to: `BACKEND_UNAVAILABLE` when one of them is condemned, and until the end none of them will be.
   */
  abstract transaction(
    operation: string,
    statements: readonly TableStatement[],
    blobs?: readonly Replica[],
  ): Promise<unknown[][]>;
}
