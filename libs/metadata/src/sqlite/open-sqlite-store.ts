import * as fs from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { DataSource } from 'typeorm';
import { CallfsError, makeDurableDirectory } from '@callfs/core';
import type { MetadataData } from '../dump/metadata-data';
import { ENTITIES } from '../entities';
import { gracesOf, type Graces } from '../graces';
import type { QueryObserver } from '../metadata-store';
import { MIGRATIONS } from '../migrations';
import { refuseUnknownSchema, type SchemaOptions } from '../schema-age';
import { DatabaseClaim } from './database-claim';
import { Lister } from './lister';
import { PAGE_CACHE } from './page-cache';
import { SqliteMetadataStore } from './sqlite-metadata-store';
import { TreeCache, type CacheSizes } from './tree-cache';
import { Verifier } from './verifier';
import { WriterClient } from './writer-client';

export interface SqliteStoreOptions extends Graces {
  readonly path: string;
  /** `full`: a commit is on the disk before it is acknowledged. Default `full`. */
  readonly durability?: 'full' | 'relaxed';
  readonly cache?: CacheSizes;
  readonly observe?: QueryObserver;
}

const DEFAULT_CACHE: CacheSizes = { entries: 100_000, bytes: 64 * 1024 * 1024 };

/** Opens (or makes) the metadata in a file, brings its schema up to date and starts the writer. `METADATA_UNAVAILABLE`. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteMetadataStore> {
  const { path, durability = 'full' } = options;
  const data = await openSqliteData(path);
  try {
    const { dataSource, claim } = data;
    const cache = new TreeCache(options.cache ?? DEFAULT_CACHE);
    const writer = await WriterClient.start({ path, durability, ...gracesOf(options) }, (changes) =>
      changes ? cache.apply(changes) : cache.clear(),
    );
    const helpers = [new Lister(path), new Verifier(path), cache, claim] as const;
    return new SqliteMetadataStore(dataSource, handleOf(dataSource), writer, ...helpers, options.observe);
  } catch (error) {
    await data.close();
    throw openingError(error, path);
  }
}

interface SqliteData extends MetadataData {
  readonly claim: DatabaseClaim;
}

/** The same tables without a store around them, for this process alone. `METADATA_UNAVAILABLE`. */
export async function openSqliteData(path: string, options: SchemaOptions = {}): Promise<SqliteData> {
  let claim: DatabaseClaim | undefined;
  try {
    makeDurableDirectory(dirname(path));
    const taken = (claim = DatabaseClaim.take(path));
    const dataSource = await open(path, options);
    const close = async () => {
      await dataSource.destroy();
      taken.release();
    };
    return { dataSource, claim, close };
  } catch (error) {
    claim?.release();
    throw openingError(error, path);
  }
}

function openingError(error: unknown, path: string): CallfsError {
  if (CallfsError.is(error)) return error;
  return new CallfsError('METADATA_UNAVAILABLE', `The metadata file ${path} cannot be opened`, { cause: error });
}

async function open(path: string, options: SchemaOptions): Promise<DataSource> {
  const dataSource = new DataSource({
    type: 'better-sqlite3',
    database: path,
    entities: ENTITIES,
    migrations: MIGRATIONS,
    prepareDatabase: (database: Database.Database) => {
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = FULL');
      database.pragma('busy_timeout = 5000');
      database.pragma(PAGE_CACHE);
    },
  });
  // Made by us, so that the files SQLite puts beside it are nobody else's to read either.
  fs.closeSync(fs.openSync(path, 'a', 0o600));
  await dataSource.initialize();
  try {
    await refuseSchema(dataSource, path, options);
    await dataSource.runMigrations({ transaction: 'all' });
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  return dataSource;
}

async function refuseSchema(dataSource: DataSource, path: string, options: SchemaOptions): Promise<void> {
  const hasHistory = await dataSource.query<unknown[]>("SELECT 1 FROM sqlite_master WHERE name = 'migrations'");
  const applied = hasHistory.length > 0 ? await dataSource.query<{ name: string }[]>('SELECT name FROM migrations') : [];
  refuseUnknownSchema(dataSource, applied, `The metadata in ${path}`, options);
}

/** The connection that TypeORM opened, for statements of our own. */
function handleOf(dataSource: DataSource): Database.Database {
  return (dataSource.driver as unknown as { databaseConnection: Database.Database }).databaseConnection;
}
