import { join } from 'node:path';
import type { KeyName, Values } from './keys';

/** The defaults that follow from other keys, for those that were not given. */
export function computedDefaults(values: Values): Partial<Record<KeyName, unknown>> {
  const cluster = values['dlm.redis_cluster'];
  const usesRedis =
    values['dlm.redis_addr'].length > 0 ||
    values['dlm.redis_sentinels'].length > 0 ||
    (Array.isArray(cluster) && cluster.length > 0);
  return {
    'metadata_store.type': values['metadata_store.dsn'] === undefined ? 'sqlite' : 'postgres',
    'metadata_store.sqlite_path': join(values['backend.localfs_root_path'], 'metadata.sqlite'),
    'dlm.type': usesRedis ? 'redis' : 'local',
    ...(values['backend.s3.bucket_name'] === undefined
      ? {}
      : { 'backend.s3.force_path_style': values['backend.s3.endpoint'] !== undefined }),
  };
}
