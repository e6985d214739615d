import type { Replica } from '@callfs/core';
import { MetadataTables, storable, type TableStatement, type TableValue } from '../metadata-tables';
import type { Sessions, TransactionClient } from './sessions';
import { SHARED } from './tree-functions';

/** The tables beside the tree; every `?` of a statement becomes the `$n` that PostgreSQL wants. */
export class PostgresTables extends MetadataTables {
  override readonly now = 'CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)';

  constructor(
    private readonly sessions: Sessions,
    private readonly timed: <T>(operation: string, work: () => Promise<T>) => Promise<T>,
  ) {
    super();
  }

  override read<R>(operation: string, sql: string, ...parameters: readonly TableValue[]): Promise<R[]> {
    return this.timed(operation, () => this.sessions.read<R>(prepared(sql), parameters.map(storable)));
  }

  override write<R = never>(operation: string, sql: string, ...parameters: readonly TableValue[]): Promise<R[]> {
    return this.timed(operation, () => this.sessions.change<R>(prepared(sql), parameters.map(storable)));
  }

  override transaction(
    operation: string,
    statements: readonly TableStatement[],
    blobs: readonly Replica[] = [],
  ): Promise<unknown[][]> {
    return this.timed(operation, () =>
      this.sessions.transaction(async (client) => {
        if (blobs.length > 0) await holdBlobs(client, blobs);
        const results: unknown[][] = [];
        for (const statement of statements) results.push(await runTableStatement(client, statement));
        return results;
      }),
    );
  }
}

/** As in a commit: blobs are condemned while nobody has the lock. */
async function holdBlobs(client: TransactionClient, blobs: readonly Replica[]): Promise<void> {
  await client.rows(SHARED);
  await client.rows('SELECT callfs_refuse_condemned($1)', JSON.stringify(blobs));
}

export function runTableStatement(client: TransactionClient, { sql, parameters = [] }: TableStatement): Promise<unknown[]> {
  return client.rows(prepared(sql).text, ...parameters.map(storable));
}

const known = new Map<string, { name: string; text: string }>();

/** Statements are few and constant, so each is prepared once, under a name of its own. */
function prepared(sql: string): { name: string; text: string } {
  let statement = known.get(sql);
  if (!statement) known.set(sql, (statement = { name: `callfs_table_${known.size}`, text: numbered(sql) }));
  return statement;
}

/** `?` outside of quotes as `$1`, `$2`, … */
export function numbered(sql: string): string {
  let count = 0;
  return sql.replace(/'(?:[^']|'')*'|"[^"]*"|\?/g, (part) => (part === '?' ? `$${++count}` : part));
}
