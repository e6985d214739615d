import { duration, flag, integer, listenAddress, oneOf, structure, text, textMap, texts, type Kind } from './value-kinds';

export interface ConfigKey<T = unknown> {
  readonly kind: Kind<T>;
  /** As it would stand in the file; absent: there is none. */
  readonly fallback?: unknown;
  /** Never shown. */
  readonly secret?: boolean;
  /** One line for `config init`, `config show` and the documentation. */
  readonly help: string;
}

const key = <T>(kind: Kind<T>, fallback: unknown, help: string, secret = false): ConfigKey<T> => ({
  kind,
  fallback,
  help,
  secret,
});

/** Every key there is. The documentation, the variables and the messages are made from this table. */
export const CONFIG_KEYS = {
  'server.listen_addr': key(listenAddress, ':8443', 'where the API listens'),
  'server.protocol': key(oneOf('http', 'https', 'auto'), 'auto', 'auto: https when the certificate files exist'),
  'server.external_url': key(text, undefined, 'how clients reach this server; used in links'),
  'server.cert_file': key(text, 'server.crt', 'TLS certificate (PEM)'),
  'server.key_file': key(text, 'server.key', 'TLS private key (PEM)'),
  'server.read_timeout': key(duration, '30s', 'a client that sends nothing for so long is cut off'),
  'server.write_timeout': key(duration, '30s', 'a client that takes nothing for so long is cut off'),
  'server.file_op_timeout': key(duration, '10s', 'a storage call without progress'),
  'server.metadata_op_timeout': key(duration, '5s', 'one metadata call'),
  'server.max_upload_bytes': key(integer(0), 0, 'largest body; 0: no limit'),
  'server.trusted_proxies': key(texts, [], 'addresses or CIDRs whose X-Forwarded-For counts'),
  'server.shutdown_grace': key(duration, '30s', 'how long requests under way may take after SIGTERM'),
  'auth.api_keys': key(texts, [], 'superuser keys: 16 characters or more, or sha256:<hex>', true),
  'auth.api_key_users': key(textMap, {}, 'ordinary users, one key each: {alice: key}', true),
  'auth.users': key(structure, [], 'ordinary users: [{name, uid, gid, groups, keys, umask}]', true),
  'auth.create_home': key(flag, true, 'make /home/<user> for each ordinary user'),
  'auth.internal_proxy_secret': key(text, undefined, 'signs requests between nodes; 16 characters or more', true),
  'auth.single_use_link_secret': key(text, undefined, 'signs download links; 16 characters or more', true),
  'log.level': key(oneOf('debug', 'info', 'warn', 'error'), 'info', 'how much is logged'),
  'log.format': key(oneOf('json', 'console'), 'json', 'one JSON line an event, or text for people'),
  'metrics.listen_addr': key(listenAddress, undefined, 'a port of its own for /metrics, without a key'),
  'backend.default_backend': key(oneOf('localfs', 's3'), 'localfs', 'where new content goes'),
  'backend.localfs_root_path': key(text, '/var/lib/callfs', 'where local content is kept'),
  'backend.s3.access_key': key(text, undefined, 'S3 access key', true),
  'backend.s3.secret_key': key(text, undefined, 'S3 secret key', true),
  'backend.s3.region': key(text, 'us-east-1', 'S3 region'),
  'backend.s3.bucket_name': key(text, undefined, 'S3 bucket'),
  'backend.s3.endpoint': key(text, undefined, 'S3 endpoint, for servers other than AWS'),
  'backend.s3.server_side_encryption': key(text, undefined, 'AES256 or aws:kms'),
  'backend.s3.acl': key(text, undefined, 'canned ACL of new objects'),
  'backend.s3.kms_key_id': key(text, undefined, 'KMS key for aws:kms'),
  'backend.s3.force_path_style': key(flag, false, 'bucket in the path, not in the host name'),
  'backend.internal_proxy_skip_tls_verify': key(flag, false, 'trust any certificate of a peer (development only)'),
  'backend.internal_proxy_ca_file': key(text, undefined, 'CA of the peers'),
  'storage.inline_max_bytes': key(integer(0, 1_048_576), 16_384, 'content up to this size lives with its metadata'),
  'storage.durability': key(oneOf('full', 'relaxed'), 'full', 'full: on the disk before it is acknowledged'),
  'metadata_store.type': key(oneOf('sqlite', 'postgres'), undefined, 'postgres when a dsn is set, else sqlite'),
  'metadata_store.dsn': key(text, undefined, 'postgres://user:pass@host:port/db?sslmode=…', true),
  'metadata_store.sqlite_path': key(text, undefined, 'the metadata file; default: metadata.sqlite beside the local content'),
  'metadata_store.pool_size': key(integer(1, 1000), 10, 'connections to PostgreSQL'),
  'dlm.type': key(oneOf('local', 'redis'), undefined, 'redis when an address is set, else local'),
  'dlm.redis_addr': key(texts, [], 'host:port; several for a cluster'),
  'dlm.redis_password': key(text, undefined, 'Redis password', true),
  'dlm.redis_username': key(text, undefined, 'Redis user'),
  'dlm.redis_db': key(integer(0, 1_000_000), 0, 'Redis database'),
  'dlm.redis_tls': key(flag, false, 'TLS to Redis'),
  'dlm.redis_sentinels': key(texts, [], 'host:port of the sentinels'),
  'dlm.redis_sentinel_master': key(text, 'mymaster', 'what the sentinels call the master'),
  'dlm.redis_cluster': key(flag, false, 'the addresses are of a Redis Cluster'),
  'dlm.lease_ttl': key(duration, '15s', 'a lock outlives its holder by so long at most'),
  'dlm.acquire_timeout': key(duration, '5s', 'a write waits for a lock so long'),
  'instance_discovery.instance_id': key(text, 'callfs-instance-1', "this node's name"),
  'instance_discovery.peer_endpoints': key(textMap, {}, 'the other nodes: {name: url}'),
  rate_limits: key(structure, {}, 'requests per second and burst, by group'),
  'debug.profiling': key(flag, false, 'serve /debug/pprof to superusers'),
  'debug.pause_at': key(text, undefined, 'for crash tests: stop at a step of a write'),
  'console.enabled': key(flag, true, 'serve the web console'),
  'tracing.otlp_endpoint': key(text, undefined, 'where traces go'),
} as const satisfies Record<string, ConfigKey>;

export type ConfigKeyName = keyof typeof CONFIG_KEYS;

export const CONFIG_KEY_NAMES = Object.keys(CONFIG_KEYS) as ConfigKeyName[];

/** `CALLFS_SERVER_LISTEN_ADDR` for `server.listen_addr`, and `CALLFS_SERVER__LISTEN_ADDR`. */
export function variablesOf(name: ConfigKeyName): readonly string[] {
  const [section = '', ...rest] = name.split('.');
  const upper = (parts: readonly string[]) => parts.join('_').toUpperCase();
  return rest.length === 0
    ? [`CALLFS_${upper([section])}`]
    : [`CALLFS_${upper([section, ...rest])}`, `CALLFS_${section.toUpperCase()}__${upper(rest)}`];
}
