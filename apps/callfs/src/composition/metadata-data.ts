import { openPostgresData, openSqliteData, type MetadataData, type SchemaOptions } from '@callfs/metadata';
import type { CallfsConfig } from '../config/config';

/** The tables of the metadata engine that the configuration names. */
export function openMetadataData({ metadataStore, server }: CallfsConfig, options: SchemaOptions): Promise<MetadataData> {
  if (metadataStore.type === 'sqlite') return openSqliteData(metadataStore.sqlitePath, options);
  return openPostgresData(metadataStore.dsn, server.metadataOpTimeoutMs, options);
}
