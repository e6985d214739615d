import { join } from 'node:path';
import { openPostgresStore, openSqliteStore, type MetadataStore, type QueryObserver } from '@callfs/metadata';
import { openLocalfs, openS3, StorageProviders, type SpoolEvents, type StorageProvider } from '@callfs/storage';
import type { Peers } from '../cluster/peers';
import type { CallfsConfig } from '../config/config';
import type { Log } from '../logging/log';
import { MeasuredStorage } from './measured-storage';
import type { Metrics } from '../metrics/catalogue';

/** A connection or a server that stalls may hold a commit for longer than any client waits for it. */
const LATE_COMMIT_MIN_MS = 600_000;

/** Opens the metadata engine that the configuration names, its calls counted. */
export function openMetadata(
  { metadataStore, storage, server }: CallfsConfig,
  metrics: Metrics,
  log?: Log,
): Promise<MetadataStore> {
  const { metadataQueries, metadataDuration } = metrics;
  const { durability, collectGraceMs } = storage;
  const graces = { collectGraceMs, lateCommitMs: Math.max(storage.orphanGraceMs, LATE_COMMIT_MIN_MS) };
  const observe: QueryObserver = (operation, seconds) => {
    metadataQueries.inc({ operation });
    metadataDuration.observe({ operation }, seconds);
  };
  if (metadataStore.type === 'sqlite') return openSqliteStore({ path: metadataStore.sqlitePath, durability, ...graces, observe });
  const { dsn, poolSize } = metadataStore;
  return openPostgresStore({
    dsn,
    poolSize,
    operationTimeoutMs: server.metadataOpTimeoutMs,
    durability,
    ...graces,
    observe,
    tell: (message) => log?.logger.warn(message),
  });
}

/** Opens the storage backends that the configuration names, their calls counted. What was opened before one fails is closed. */
export async function openStorage(config: CallfsConfig, metrics: Metrics, peers?: Peers, log?: Log): Promise<StorageProviders> {
  const { backend, storage, server, instanceDiscovery } = config;
  const { localfsRootPath: rootPath, s3, defaultBackend } = backend;
  const { fileOpTimeoutMs } = server;
  const { durability, blockCacheBytes } = storage;
  const localfs = await openLocalfs({ rootPath, durability, fileOpTimeoutMs, blockCacheBytes });
  const opened: StorageProvider[] = [localfs];
  try {
    // Below the root that was claimed for this process.
    const spoolPath = join(rootPath, 'spool');
    if (s3) opened.push(await openS3({ ...s3, fileOpTimeoutMs, spoolPath, spoolEvents: spoolTold(spoolPath, metrics, log) }));
    return new StorageProviders(
      opened.map((provider) => new MeasuredStorage(provider, metrics)),
      defaultBackend,
      instanceDiscovery.instanceId,
      peers,
    );
  } catch (error) {
    await localfs.close();
    throw error;
  }
}

/** Each refusal is counted, the first after it worked is logged, and that it works again. */
function spoolTold(path: string, { errors }: Metrics, log?: Log): SpoolEvents {
  let isTold = false;
  return {
    refused: (why) => {
      errors.inc({ component: 'spool', error_type: why });
      if (!isTold)
        log?.logger.warn(
          `The disk of ${path} takes no parts of uploads to S3 (${why === 'reserve' ? 'it is nearly full' : why}): slow uploads wait for memory and hold each other up. Free some space there, or check the disk.`,
        );
      isTold = true;
    },
    usable: () => {
      isTold = false;
      log?.logger.info(`The disk of ${path} takes parts of uploads to S3 again.`);
    },
  };
}
