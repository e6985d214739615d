import { openPostgresData, openSqliteData, type MetadataData } from '@callfs/metadata';
import type { CallfsConfig } from '../config/config';

/** The tables of the metadata engine that the configuration names. */
export function openMetadataData({ metadataStore, server }: CallfsConfig): Promise<MetadataData> {
  if (metadataStore.type === 'sqlite') return openSqliteData(metadataStore.sqlitePath);
  return openPostgresData(metadataStore.dsn, server.metadataOpTimeoutMs);
}
