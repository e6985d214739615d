import type { TlsOptions } from 'node:tls';
import { Client, type Pool } from 'pg';
import { DataSource } from 'typeorm';
import { CallfsError } from '@callfs/core';
import { ENTITIES } from '../entities';
import type { QueryObserver } from '../metadata-store';
import { MIGRATIONS } from '../migrations';
import { connectionsOf, firstThatWorks, TYPES, type Connection } from './connection';
import { PostgresMetadataStore } from './postgres-metadata-store';
import { MIGRATION_LOCK } from './tree-functions';

export interface PostgresStoreOptions {
  /** `postgres://user:pass@host:port/db?sslmode=…`, with every sslmode of libpq. */
  readonly dsn: string;
  readonly poolSize?: number;
  /** `relaxed`: a commit is acknowledged before it is on the disk (`synchronous_commit` off). Default `full`. */
  readonly durability?: 'full' | 'relaxed';
  /** One call may take this long, and a connection to be made. */
  readonly operationTimeoutMs?: number;
  /** How long a content without a reference is kept for those who still read it. */
  readonly collectGraceMs?: number;
  readonly observe?: QueryObserver;
}

/** The oldest PostgreSQL that the statements are written for. */
export const OLDEST_POSTGRES = 13;
const DEFAULT_GRACE_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 5_000;

/**
 * Connects, brings the schema up to date under a lock (nodes may start together) and resolves to the store.
 * `METADATA_UNAVAILABLE` with the native cause; also when the server is too old, read-only or has a newer schema.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresMetadataStore> {
  const { poolSize = 10, operationTimeoutMs = DEFAULT_TIMEOUT_MS, collectGraceMs = DEFAULT_GRACE_MS } = options;
  let dataSource: DataSource | undefined;
  try {
    const connection = await firstThatWorks(connectionsOf(options.dsn), operationTimeoutMs);
    await migrate(connection, operationTimeoutMs);
    const isRelaxed = options.durability === 'relaxed';
    dataSource = dataSourceOf(connection, poolSize, operationTimeoutMs, isRelaxed ? '-c synchronous_commit=off' : undefined);
    await dataSource.initialize();
    const pool = (dataSource.driver as unknown as { master: Pool }).master;
    // A connection that breaks while nobody uses it is replaced by the next that is asked for.
    pool.on('error', () => undefined);
    return new PostgresMetadataStore(dataSource, pool, collectGraceMs, options.observe);
  } catch (error) {
    if (dataSource?.isInitialized) await dataSource.destroy();
    if (CallfsError.is(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CallfsError(
      'METADATA_UNAVAILABLE',
      `The metadata cannot be opened in PostgreSQL (${reason}). Check metadata_store.dsn.`,
      { cause: error },
    );
  }
}

function dataSourceOf(
  { host, port, user, password, database, ssl }: Connection,
  poolSize: number,
  timeoutMs: number,
  settings?: string,
): DataSource {
  return new DataSource({
    type: 'postgres',
    host,
    port,
    username: user,
    password,
    database,
    ssl: ssl as TlsOptions | false,
    entities: ENTITIES,
    migrations: MIGRATIONS,
    poolSize,
    connectTimeoutMS: timeoutMs,
    // Nothing of ours needs an extension.
    installExtensions: false,
    extra: {
      types: TYPES,
      statement_timeout: timeoutMs,
      // Beyond the server's own: for one that does not answer at all.
      query_timeout: timeoutMs + 1000,
      application_name: 'callfs',
      keepAlive: true,
      options: settings,
    },
  });
}

/** The lock is a session's, so the migrations run while another connection holds it. */
async function migrate(connection: Connection, timeoutMs: number): Promise<void> {
  const client = new Client({ ...connection, connectionTimeoutMillis: timeoutMs });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await refuseUnfit(client);
    await client.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
    const dataSource = dataSourceOf(connection, 2, 0);
    await dataSource.initialize();
    try {
      await refuseNewerSchema(dataSource);
      await dataSource.runMigrations({ transaction: 'all' });
    } finally {
      await dataSource.destroy();
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function refuseUnfit(client: Client): Promise<void> {
  const { rows } = await client.query<{ version: number; replica: boolean; read_only: boolean }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version, pg_is_in_recovery() AS replica,
            current_setting('transaction_read_only') = 'on' AS read_only`,
  );
  const [facts] = rows;
  if (facts && facts.version < OLDEST_POSTGRES)
    throw new CallfsError(
      'METADATA_UNAVAILABLE',
      `metadata_store.dsn: PostgreSQL ${facts.version} is too old. Use ${OLDEST_POSTGRES} or newer.`,
    );
  if (facts?.replica || facts?.read_only)
    throw new CallfsError(
      'METADATA_UNAVAILABLE',
      'metadata_store.dsn: this PostgreSQL is read-only. Name the primary and not a standby.',
    );
}

async function refuseNewerSchema(dataSource: DataSource): Promise<void> {
  const [history] = await dataSource.query<{ there: boolean }[]>(`SELECT to_regclass('migrations') IS NOT NULL AS there`);
  if (!history?.there) return;
  const applied = await dataSource.query<{ name: string }[]>('SELECT name FROM migrations');
  const known = new Set(dataSource.migrations.map(({ name, constructor }) => name ?? constructor.name));
  const unknown = applied.find(({ name }) => !known.has(name));
  if (!unknown) return;
  const message = `metadata_store.dsn: the metadata was written by a newer CallFS (it has "${unknown.name}"). Start that version, or restore a backup.`;
  throw new CallfsError('METADATA_UNAVAILABLE', message);
}
