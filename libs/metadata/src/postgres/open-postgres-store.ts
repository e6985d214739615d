import type { TlsOptions } from 'node:tls';
import type { Client, Pool } from 'pg';
import { DataSource } from 'typeorm';
import { CallfsError } from '@callfs/core';
import type { MetadataData } from '../dump/metadata-data';
import { ENTITIES } from '../entities';
import { gracesOf, type Graces } from '../graces';
import type { QueryObserver } from '../metadata-store';
import { MIGRATIONS } from '../migrations';
import { refuseUnknownSchema, type SchemaOptions } from '../schema-age';
import { connectionsOf, firstThatWorks, SteadyClient, TYPES, type Connection } from './connection';
import { takeMigrationTurn } from './migration-turn';
import { LOCK_TIMED_OUT, stateOf } from './postgres-errors';
import { PostgresMetadataStore } from './postgres-metadata-store';

export interface PostgresStoreOptions extends Graces {
  /** `postgres://user:pass@host:port/db?sslmode=…`, with every sslmode of libpq. */
  readonly dsn: string;
  readonly poolSize?: number;
  /** `relaxed`: a commit is acknowledged before it is on the disk (`synchronous_commit` off). Default `full`. */
  readonly durability?: 'full' | 'relaxed';
  /** One call may take this long, and a connection to be made. */
  readonly operationTimeoutMs?: number;
  readonly observe?: QueryObserver;
  /** Told why opening takes long. */
  readonly tell?: (message: string) => void;
}

/** The oldest PostgreSQL that the statements are written for. */
export const OLDEST_POSTGRES = 13;
const DEFAULT_TIMEOUT_MS = 5_000;
/** Migrations of another node may take as long as so many calls. */
const MIGRATION_CALLS = 12;
/** The longest `statement_timeout` there is; 0 would leave that of the role. */
const UNBOUND_MS = 2 ** 31 - 1;

/**
 * Connects, brings the schema up to date under a lock (nodes may start together) and resolves to the store.
 * `METADATA_UNAVAILABLE` with the native cause; also when the server is too old, read-only or has a newer schema.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresMetadataStore> {
  const { poolSize = 10, operationTimeoutMs = DEFAULT_TIMEOUT_MS, tell } = options;
  const synchronousCommit = options.durability === 'relaxed' ? 'off' : undefined;
  const { dataSource } = await openData(options.dsn, {
    poolSize,
    connectTimeoutMs: operationTimeoutMs,
    operationTimeoutMs,
    synchronousCommit,
    tell,
  });
  const pool = poolOf(dataSource);
  return new PostgresMetadataStore(dataSource, pool, () => connectReader(pool), gracesOf(options), options.observe);
}

/** The same tables without a store around them; other nodes may have them open. `METADATA_UNAVAILABLE`. */
export function openPostgresData(dsn: string, connectTimeoutMs: number, options: SchemaOptions = {}): Promise<MetadataData> {
  return openData(dsn, { poolSize: 2, connectTimeoutMs, ...options });
}

async function openData(
  dsn: string,
  { tell = () => undefined, keepsSchema, ...settings }: SessionSettings & SchemaOptions & Pick<PostgresStoreOptions, 'tell'>,
): Promise<MetadataData> {
  let dataSource: DataSource | undefined;
  try {
    const connection = await firstThatWorks(connectionsOf(dsn), settings.connectTimeoutMs);
    const isLazy = await migrate(connection, settings.connectTimeoutMs, { keepsSchema }, tell);
    const synchronousCommit = settings.synchronousCommit ?? (isLazy ? 'on' : undefined);
    const opened = (dataSource = dataSourceOf(connection, { ...settings, synchronousCommit }));
    await opened.initialize();
    // A connection that breaks while nobody uses it is replaced by the next that is asked for.
    poolOf(opened).on('error', () => undefined);
    return { dataSource: opened, close: () => opened.destroy() };
  } catch (error) {
    if (dataSource?.isInitialized) await dataSource.destroy();
    if (CallfsError.is(error)) throw error;
    throw new CallfsError('METADATA_UNAVAILABLE', 'The metadata cannot be opened in PostgreSQL', { cause: error });
  }
}

function poolOf(dataSource: DataSource): Pool {
  return (dataSource.driver as unknown as { master: Pool }).master;
}

/** As those of the pool, for statements that are planned once, for any number of rows. */
async function connectReader(pool: Pool): Promise<Client> {
  const client = new SteadyClient(pool.options);
  await client.connect();
  await client.query('SET plan_cache_mode = force_generic_plan; SET jit = off');
  return client;
}

interface SessionSettings {
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  /** Of one statement; absent: none, whatever the role of the database has. */
  readonly operationTimeoutMs?: number;
  /** Absent: as the server has it. */
  readonly synchronousCommit?: 'on' | 'off';
  /** How long a statement may wait for a lock, and the server for the next one of a transaction; absent: for ever. */
  readonly patienceMs?: number;
}

function dataSourceOf(
  { host, port, user, password, database, ssl }: Connection,
  { poolSize, connectTimeoutMs, operationTimeoutMs, synchronousCommit, patienceMs }: SessionSettings,
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
    connectTimeoutMS: connectTimeoutMs,
    // Nothing of ours needs an extension.
    installExtensions: false,
    extra: {
      Client: SteadyClient,
      types: TYPES,
      statement_timeout: operationTimeoutMs ?? UNBOUND_MS,
      // Beyond the server's own: for one that does not answer at all.
      query_timeout: operationTimeoutMs === undefined ? undefined : operationTimeoutMs + 1000,
      application_name: 'callfs',
      keepAlive: true,
      lock_timeout: patienceMs,
      idle_in_transaction_session_timeout: patienceMs,
      options: synchronousCommit && `-c synchronous_commit=${synchronousCommit}`,
    },
  });
}

/**
 * The lock is a session's, so the migrations run while another connection holds it. Resolves to whether the server would
 * acknowledge commits that are not on its disk. What waits for a table keeps all others waiting who want it, so it does not for long.
 */
async function migrate(
  connection: Connection,
  timeoutMs: number,
  options: SchemaOptions,
  tell: (message: string) => void,
): Promise<boolean> {
  const client = new SteadyClient({ ...connection, connectionTimeoutMillis: timeoutMs });
  await client.connect();
  try {
    const isLazy = await refuseUnfit(client);
    await takeMigrationTurn(client, MIGRATION_CALLS * timeoutMs, tell);
    const dataSource = dataSourceOf(connection, { poolSize: 2, connectTimeoutMs: timeoutMs, patienceMs: timeoutMs });
    await dataSource.initialize();
    try {
      await refuseSchema(dataSource, options);
      await dataSource.runMigrations({ transaction: 'all' }).catch(tableInUse);
    } finally {
      await dataSource.destroy();
    }
    return isLazy;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function tableInUse(error: unknown): never {
  if (stateOf(error) !== LOCK_TIMED_OUT) throw error;
  const message =
    'metadata_store.dsn: the schema cannot be brought up to date while another session uses a table of it. Wait for it (a backup?), or ' +
    'find and end it: SELECT pid, application_name, query FROM pg_stat_activity WHERE datname = current_database(); Then start again.';
  throw new CallfsError('METADATA_UNAVAILABLE', message, { cause: error });
}

async function refuseUnfit(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ version: number; replica: boolean; read_only: boolean; lazy: boolean }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version, pg_is_in_recovery() AS replica,
            current_setting('transaction_read_only') = 'on' AS read_only, current_setting('synchronous_commit') = 'off' AS lazy`,
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
  return facts?.lazy ?? false;
}

async function refuseSchema(dataSource: DataSource, options: SchemaOptions): Promise<void> {
  const [history] = await dataSource.query<{ there: boolean }[]>(`SELECT to_regclass('migrations') IS NOT NULL AS there`);
  const applied = history?.there ? await dataSource.query<{ name: string }[]>('SELECT name FROM migrations') : [];
  refuseUnknownSchema(dataSource, applied, 'metadata_store.dsn: the metadata', options);
}
