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
/** A statement that looks at all of a large tree. One that takes longer waits for a server that is gone. */
const LONGEST_MS = 3_600_000;

/** Every fault as of one moment. The checks read in cursors, so that memory is bounded. */
export async function* verifySnapshot(pool: Pool, options: VerifyOptions): AsyncGenerator<MetadataFault> {
  const client = await pool.connect();
  try {
    await begin(client);
    yield* verifyTree((sql) => rowsOf(client, sql), options);
    await client.query('COMMIT');
  } finally {
    // Left in the middle, the transaction ends with its connection.
    client.release(true);
  }
}

async function* rowsOf(client: PoolClient, sql: string): AsyncGenerator<CheckRow> {
  await patient(client, `DECLARE callfs_check NO SCROLL CURSOR FOR ${sql}`);
  for (;;) {
    const rows = await patient<CheckRow>(client, `FETCH ${FETCH} FROM callfs_check`);
    yield* rows;
    if (rows.length < FETCH) break;
  }
  await client.query('CLOSE callfs_check');
}

async function begin(client: PoolClient): Promise<void> {
  await client.query(SNAPSHOT);
  await client.query(`SET LOCAL statement_timeout = ${LONGEST_MS}`);
}

/** The driver has a limit of its own, which knows nothing of the transaction's. */
async function patient<R>(client: PoolClient, text: string, values: unknown[] = []): Promise<R[]> {
  const question = { text, values, query_timeout: LONGEST_MS + 1000 };
  return (await client.query<R & object>(question)).rows;
}

export async function repairIn(client: TransactionClient, fault: MetadataFault): Promise<RepairOutcome> {
  const mending = mend(fault, new Date());
  let step = mending.next();
  while (!step.done) step = mending.next(await runTableStatement(client, step.value));
  return step.value;
}

export async function pathsIn(pool: Pool, contents: readonly ContentId[]): Promise<ContentPath[]> {
  if (contents.length === 0) return [];
  const client = await pool.connect();
  try {
    await begin(client);
    const paths = await pathsOf((sql, numbers) => patient(client, sql('SELECT unnest($1::bigint[])'), [numbers]), contents);
    await client.query('COMMIT');
    return paths;
  } finally {
    client.release(true);
  }
}
