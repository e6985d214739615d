import { join, resolve } from 'node:path';
import type { AuthConfig, BackendConfig, CallfsConfig, DlmConfig, MetadataStoreConfig, ServerConfig, UserConfig } from './config';
import { DEFAULT_UMASK } from './user-type';
import type { Values } from './keys';

export interface Origin {
  readonly file?: string;
  readonly embedded: boolean;
  /** Relative paths begin here: where the file is, or without one the working directory. */
  readonly base: string;
}

/** The configuration that these values, found sound, come to. */
export function buildConfig(values: Values, { file, embedded, base }: Origin): CallfsConfig {
  const path = (name: string) => resolve(base, name);
  return deepFreeze({
    file,
    embedded,
    server: buildServer(values, path),
    auth: buildAuth(values),
    audit: { enabled: values['audit.enabled'], retentionMs: values['audit.retention'] },
    log: { level: values['log.level'], format: values['log.format'] },
    metrics: { listenAddr: values['metrics.listen_addr'] },
    backend: buildBackend(values, path),
    storage: {
      inlineMaxBytes: values['storage.inline_max_bytes'],
      blockCacheBytes: values['storage.block_cache_bytes'],
      durability: values['storage.durability'],
      collectGraceMs: values['storage.collect_grace'],
      orphanGraceMs: values['storage.orphan_grace'],
      uploadExpiryMs: values['storage.upload_expiry'],
      replicas: values['storage.replicas'],
      replicaGraceMs: values['storage.replica_grace'],
      healRateBytes: values['storage.heal_rate_bytes'],
      scrubRateBytes: values['storage.scrub_rate_bytes'],
    },
    metadataStore: buildMetadataStore(values, path),
    dlm: buildDlm(values),
    instanceDiscovery: {
      instanceId: values['instance_discovery.instance_id'],
      peerEndpoints: values['instance_discovery.peer_endpoints'],
    },
    rateLimits: values['rate_limits'],
    debug: { profiling: values['debug.profiling'], pauseAt: values['debug.pause_at'] },
    console: { enabled: values['console.enabled'] },
    tracing: { otlpEndpoint: values['tracing.otlp_endpoint'] },
  });
}

type ToPath = (name: string) => string;

function buildServer(values: Values, path: ToPath): ServerConfig {
  return {
    listenAddr: values['server.listen_addr'],
    protocol: values['server.protocol'],
    externalUrl: values['server.external_url'],
    certFile: path(values['server.cert_file']),
    keyFile: path(values['server.key_file']),
    readTimeoutMs: values['server.read_timeout'],
    writeTimeoutMs: values['server.write_timeout'],
    fileOpTimeoutMs: values['server.file_op_timeout'],
    metadataOpTimeoutMs: values['server.metadata_op_timeout'],
    maxUploadBytes: values['server.max_upload_bytes'],
    trustedProxies: values['server.trusted_proxies'],
    shutdownGraceMs: values['server.shutdown_grace'],
    maxRequestsPerKey: values['server.max_requests_per_key'],
  };
}

function buildAuth(values: Values): AuthConfig {
  return {
    apiKeys: values['auth.api_keys'] ?? [],
    users: mergeUsers(values['auth.users'] ?? [], values['auth.api_key_users'] ?? {}),
    createHome: values['auth.create_home'],
    internalProxySecret: values['auth.internal_proxy_secret'] ?? '',
    singleUseLinkSecret: values['auth.single_use_link_secret'] ?? '',
  };
}

/** A key of `auth.api_key_users` is one more key of the user of that name, or makes one. */
function mergeUsers(users: readonly UserConfig[], keys: Readonly<Record<string, string>>): UserConfig[] {
  const merged = users.map((user) => {
    const key = Object.hasOwn(keys, user.name) ? keys[user.name] : undefined;
    return key === undefined ? user : { ...user, keys: [...user.keys, key] };
  });
  const known = new Set(users.map(({ name }) => name));
  const added = Object.entries(keys).filter(([name]) => !known.has(name));
  return [...merged, ...added.map(([name, key]) => ({ name, groups: [], keys: [key], umask: DEFAULT_UMASK }))];
}

function buildBackend(values: Values, path: ToPath): BackendConfig {
  const caFile = values['backend.internal_proxy_ca_file'];
  const bucketName = values['backend.s3.bucket_name'];
  return {
    defaultBackend: values['backend.default_backend'],
    localfsRootPath: path(values['backend.localfs_root_path']),
    s3:
      bucketName === undefined
        ? undefined
        : {
            accessKey: values['backend.s3.access_key'],
            secretKey: values['backend.s3.secret_key'],
            region: values['backend.s3.region'],
            bucketName,
            endpoint: values['backend.s3.endpoint'],
            serverSideEncryption: values['backend.s3.server_side_encryption'],
            acl: values['backend.s3.acl'],
            kmsKeyId: values['backend.s3.kms_key_id'],
            forcePathStyle: values['backend.s3.force_path_style'] ?? false,
          },
    internalProxySkipTlsVerify: values['backend.internal_proxy_skip_tls_verify'],
    internalProxyCaFile: caFile === undefined ? undefined : path(caFile),
  };
}

function buildMetadataStore(values: Values, path: ToPath): MetadataStoreConfig {
  const poolSize = values['metadata_store.pool_size'];
  const dsn = values['metadata_store.dsn'];
  if (values['metadata_store.type'] === 'postgres' && dsn !== undefined) return { type: 'postgres', dsn, poolSize };
  const beside = join(values['backend.localfs_root_path'], 'metadata.sqlite');
  return { type: 'sqlite', sqlitePath: path(values['metadata_store.sqlite_path'] ?? beside), poolSize };
}

function buildDlm(values: Values): DlmConfig {
  const times = { leaseTtlMs: values['dlm.lease_ttl'], acquireTimeoutMs: values['dlm.acquire_timeout'] };
  if (values['dlm.type'] !== 'redis') return { type: 'local', ...times };
  const cluster = values['dlm.redis_cluster'];
  const sentinels = values['dlm.redis_sentinels'];
  const addresses = Array.isArray(cluster) ? cluster : values['dlm.redis_addr'];
  return {
    type: 'redis',
    redis: {
      addresses,
      username: values['dlm.redis_username'],
      password: values['dlm.redis_password'],
      db: values['dlm.redis_db'],
      tls: values['dlm.redis_tls'],
      sentinels,
      sentinelMaster: sentinels.length > 0 ? values['dlm.redis_sentinel_master'] : undefined,
      cluster: sentinels.length === 0 && (cluster !== false || addresses.length > 1),
    },
    ...times,
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
