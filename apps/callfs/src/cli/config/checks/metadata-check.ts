import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { CallfsError } from '@callfs/core';
import { connectionsOf, DatabaseClaim, firstThatWorks, OLDEST_POSTGRES, SteadyClient } from '@callfs/metadata';
import type { MetadataStoreConfig } from '../../../config/config';
import { parseDsn } from '../../../config/dsn';
import { nearestExisting } from './nearest-existing';
import type { Seen } from './check';

export function checkMetadata(store: MetadataStoreConfig, timeoutMs: number): Promise<Seen> {
  return store.type === 'postgres' ? checkPostgres(store.dsn, timeoutMs) : checkSqlite(store.sqlitePath);
}

async function checkSqlite(path: string): Promise<Seen> {
  if (!existsSync(path)) {
    accessSync(nearestExisting(dirname(path)), constants.W_OK | constants.X_OK);
    return { saw: `${path} will be made` };
  }
  accessSync(path, constants.R_OK | constants.W_OK);
  DatabaseClaim.refuseHeld(path);
  const database = new Database(path, { readonly: true, timeout: 0 });
  try {
    database.prepare('SELECT count(*) FROM sqlite_master').get();
  } finally {
    database.close();
  }
  return { saw: `${path} can be opened` };
}

interface ServerFacts {
  readonly version: number;
  readonly replica: boolean;
  readonly read_only: boolean;
}

async function checkPostgres(dsn: string, timeoutMs: number): Promise<Seen> {
  const { host = '', port = '', database = '' } = parseDsn(dsn) ?? {};
  let client: SteadyClient | undefined;
  try {
    const connection = await firstThatWorks(connectionsOf(dsn), timeoutMs);
    client = new SteadyClient({ ...connection, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs });
    await client.connect();
    const { rows } = await client.query<ServerFacts>(
      `SELECT current_setting('server_version_num')::int / 10000 AS version, pg_is_in_recovery() AS replica,
              current_setting('transaction_read_only') = 'on' AS read_only`,
    );
    const [facts] = rows;
    if (facts) refuseUnfit(facts);
    return { saw: `PostgreSQL ${facts?.version ?? ''} at ${host}:${port}, database "${database}"` };
  } catch (cause) {
    if (CallfsError.is(cause)) throw cause;
    throw new CallfsError('METADATA_UNAVAILABLE', 'PostgreSQL cannot be used', { cause });
  } finally {
    await client?.end();
  }
}

function refuseUnfit({ version, replica, read_only }: ServerFacts): void {
  if (version < OLDEST_POSTGRES)
    throw new CallfsError(
      'METADATA_UNAVAILABLE',
      `metadata_store.dsn: PostgreSQL ${version} is too old. Use ${OLDEST_POSTGRES} or newer.`,
    );
  if (replica || read_only)
    throw new CallfsError(
      'METADATA_UNAVAILABLE',
      'metadata_store.dsn: this PostgreSQL is read-only. Name the primary and not a standby.',
    );
}
