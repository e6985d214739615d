import type { Pool, PoolClient } from 'pg';
import type { ContentId } from '@callfs/core';
import type { CheckRow } from '../verification/checks';
import { pathsOf } from '../verification/content-paths';
import { mend } from '../verification/mend';
import type { ContentPath, MetadataFault, RepairOutcome, VerifyOptions } from '../verification/metadata-fault';
import { verifyTree } from '../verification/verify-tree';
import { runTableStatement } from './postgres-tables';
import type { TransactionClient } from './sessions';

const SNAPSHOT = 'BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY';
const FETCH = 500;

/** Every fault as of one moment. The checks read in cursors, so that memory is bounded, and may take as long as they need. */
export async function* verifySnapshot(pool: Pool, options: VerifyOptions): AsyncGenerator<MetadataFault> {
  const client = await pool.connect();
  try {
    await client.query(SNAPSHOT);
    await client.query('SET LOCAL statement_timeout = 0');
    yield* verifyTree((sql) => rowsOf(client, sql), options);
    await client.query('COMMIT');
  } finally {
    // Left in the middle, the transaction ends with its connection.
    client.release(true);
  }
}

async function* rowsOf(client: PoolClient, sql: string): AsyncGenerator<CheckRow> {
  await client.query(`DECLARE callfs_check NO SCROLL CURSOR FOR ${sql}`);
  for (;;) {
    const { rows } = await client.query<CheckRow>(`FETCH ${FETCH} FROM callfs_check`);
    yield* rows;
    if (rows.length < FETCH) break;
  }
  await client.query('CLOSE callfs_check');
}

export async function repairIn(client: TransactionClient, fault: MetadataFault): Promise<RepairOutcome> {
  const mending = mend(fault, new Date());
  let step = mending.next();
  while (!step.done) step = mending.next(await runTableStatement(client, step.value));
  return step.value;
}

export function pathsIn(pool: Pool, contents: readonly ContentId[]): Promise<ContentPath[]> {
  const query = async <R>(sql: (list: string) => string, numbers: readonly number[]) =>
    (await pool.query(sql('SELECT unnest($1::bigint[])'), [numbers])).rows as R[];
  return contents.length === 0 ? Promise.resolve([]) : pathsOf(query, contents);
}
