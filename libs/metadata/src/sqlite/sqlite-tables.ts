import Database from 'better-sqlite3';
import { CallfsError, type Replica } from '@callfs/core';
import { MetadataTables, storable, type TableStatement, type TableValue } from '../metadata-tables';
import type { Statements } from './statement-cache';

/** Reads here, changes through the writer thread, as for the tree. */
export class SqliteTables extends MetadataTables {
  override readonly now = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

  constructor(
    private readonly readRows: <R>(operation: string, statement: TableStatement) => R[],
    private readonly change: (
      operation: string,
      statements: readonly TableStatement[],
      blobs?: readonly Replica[],
    ) => Promise<unknown[][]>,
  ) {
    super();
  }

  override async read<R>(operation: string, sql: string, ...parameters: readonly TableValue[]): Promise<R[]> {
    return this.readRows(operation, { sql, parameters });
  }

  override async write<R = never>(operation: string, sql: string, ...parameters: readonly TableValue[]): Promise<R[]> {
    const [rows = []] = await this.change(operation, [{ sql, parameters }]);
    return rows as R[];
  }

  override transaction(
    operation: string,
    statements: readonly TableStatement[],
    blobs?: readonly Replica[],
  ): Promise<unknown[][]> {
    return this.change(operation, statements, blobs);
  }
}

/** The rows it answers with. `CONFLICT` when a unique key is taken. */
export function runTableStatement(statements: Statements, { sql, parameters = [] }: TableStatement): unknown[] {
  try {
    return statements.rows(sql, ...parameters.map(bindable));
  } catch (error) {
    if (!(error instanceof Database.SqliteError && /^SQLITE_CONSTRAINT_(PRIMARYKEY|UNIQUE)/.test(error.code))) throw error;
    throw new CallfsError('CONFLICT', 'An entry of this name exists already.', { cause: error });
  }
}

/** Bytes come out of a message to another thread as a plain `Uint8Array`. */
function bindable(value: TableValue | Uint8Array): unknown {
  return value instanceof Uint8Array && !Buffer.isBuffer(value) ? Buffer.from(value) : storable(value);
}
