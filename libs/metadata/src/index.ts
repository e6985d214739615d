export type { Principal, PrincipalRequest } from './principal';
export {
  MetadataStore,
  type AttributeChanges,
  type AuthorisedPath,
  type CommitGuard,
  type ContentsQuery,
  type CopyAttributes,
  type ListPosition,
  type ListQuery,
  type MetadataStatistics,
  type NewAttributes,
  type NewContent,
  type NewDirectory,
  type NewName,
  type PathStep,
  type QueryObserver,
  type ReplicaChange,
  type Resolution,
  type SharedContent,
  type SortKey,
  type StoreIdentity,
  type Target,
  type TreeAccess,
} from './metadata-store';
export { MetadataTables, type TableStatement, type TableValue } from './metadata-tables';
export {
  FAULT_KINDS,
  type ContentPath,
  type FaultKind,
  type MetadataFault,
  type RepairOutcome,
  type VerifyOptions,
} from './verification/metadata-fault';
export { MetadataModule, type MetadataModuleOptions } from './metadata.module';
export { connectionsOf, firstThatWorks, SteadyClient } from './postgres/connection';
export { OLDEST_POSTGRES, openPostgresData, openPostgresStore, type PostgresStoreOptions } from './postgres/open-postgres-store';
export type { PostgresMetadataStore } from './postgres/postgres-metadata-store';
export { dumpMetadata } from './dump/dump-metadata';
export { loadMetadata } from './dump/load-metadata';
export type { MetadataData } from './dump/metadata-data';
export type { SchemaOptions } from './schema-age';
export { openSqliteData, openSqliteStore, type SqliteStoreOptions } from './sqlite/open-sqlite-store';
export type { SqliteMetadataStore } from './sqlite/sqlite-metadata-store';
export { DatabaseClaim } from './sqlite/database-claim';
