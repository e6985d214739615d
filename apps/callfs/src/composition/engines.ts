import { CallfsError } from '@callfs/core';
import { openSqliteStore, type MetadataStore } from '@callfs/metadata';
import { openLocalfs, StorageProviders } from '@callfs/storage';
import type { CallfsConfig } from '../config/config';
import { MeasuredStorage } from './measured-storage';
import type { Metrics } from '../metrics/catalogue';

/** Opens the metadata engine that the configuration names, its calls counted. */
export function openMetadata({ metadataStore, storage }: CallfsConfig, metrics: Metrics): Promise<MetadataStore> {
  if (metadataStore.type !== 'sqlite') throw notYet('metadata_store.type: postgres');
  const { metadataQueries, metadataDuration } = metrics;
  return openSqliteStore({
    path: metadataStore.sqlitePath,
    durability: storage.durability,
    observe: (operation, seconds) => {
      metadataQueries.inc({ operation });
      metadataDuration.observe({ operation }, seconds);
    },
  });
}

/** Opens the storage backends that the configuration names, their calls counted. */
export async function openStorage({ backend, storage, server }: CallfsConfig, metrics: Metrics): Promise<StorageProviders> {
  if (backend.defaultBackend !== 'localfs') throw notYet(`backend.default_backend: ${backend.defaultBackend}`);
  const { localfsRootPath: rootPath } = backend;
  const localfs = await openLocalfs({ rootPath, durability: storage.durability, fileOpTimeoutMs: server.fileOpTimeoutMs });
  return new StorageProviders([new MeasuredStorage(localfs, metrics)], 'localfs');
}

function notYet(setting: string): CallfsError {
  return new CallfsError(
    'INVALID_REQUEST',
    `${setting} is not available in this version; a single node with sqlite and localfs is.`,
  );
}
