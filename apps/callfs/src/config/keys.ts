import { rateLimits } from './rate-limits';
import { configuredUsers } from './user-type';
import {
  apiKey,
  clusterNodes,
  duration,
  filePath,
  flag,
  hostAndPort,
  instanceName,
  integer,
  listenAddress,
  listOf,
  mapOf,
  network,
  oneOf,
  postgresDsn,
  principalName,
  sharedSecret,
  size,
  span,
  text,
  webUrl,
  type ValueType,
} from './value-types';

/** One key of the configuration. */
export interface KeyDefinition<T = unknown, Has extends boolean = boolean> {
  readonly type: ValueType<T>;
  /** One line for the documentation and `config init`. */
  readonly about: string;
  /** As it would stand in the file; absent: the key has no value unless one is given. */
  readonly fallback?: unknown;
  /** What the documentation says where the default is made from other keys. */
  readonly fallbackText?: string;
  /** Its value is never shown, and may come from the file that `<VARIABLE>_FILE` names. */
  readonly secret?: boolean;
  /** Only tells the type whether there always is a value. */
  readonly always?: Has;
}

function key<T>(type: ValueType<T>, fallback: unknown, about: string): KeyDefinition<T, true> {
  return { type, fallback, about };
}

function optional<T>(type: ValueType<T>, about: string, fallbackText = ''): KeyDefinition<T, false> {
  return { type, about, fallbackText };
}

function secret<T>(type: ValueType<T>, about: string): KeyDefinition<T, false> {
  return { type, about, secret: true };
}

const timeout = duration({ minMs: 1 });

/** Every key there is, in the order of the documentation; variables, messages, `config show` and `config init` follow it. */
export const KEYS = {
  'server.listen_addr': key(listenAddress, ':8443', 'Where the API listens.'),
  'server.protocol': key(
    oneOf('http', 'https', 'auto'),
    'auto',
    '`auto` speaks HTTPS when the certificate files exist, HTTP otherwise.',
  ),
  'server.external_url': optional(webUrl, 'How clients reach this server; links begin with it.', 'from the address'),
  'server.cert_file': key(
    filePath,
    'server.crt',
    'The TLS certificate with its chain (PEM). Reloaded when it changes and on SIGHUP.',
  ),
  'server.key_file': key(filePath, 'server.key', 'The private key of the certificate (PEM, not encrypted).'),
  'server.read_timeout': key(timeout, '30s', 'A client that sends nothing for this long in the middle of a request is cut off.'),
  'server.write_timeout': key(timeout, '30s', 'A client that takes nothing of an answer for this long is cut off.'),
  'server.file_op_timeout': key(timeout, '10s', 'A call of the storage may go this long without progress.'),
  'server.metadata_op_timeout': key(timeout, '5s', 'One call of the metadata store may take this long.'),
  'server.max_upload_bytes': key(size({ max: Number.MAX_SAFE_INTEGER }), 0, 'The largest body of an upload; 0 is no limit.'),
  'server.trusted_proxies': key(listOf(network), [], 'Proxies whose `X-Forwarded-For` counts: addresses and networks.'),
  'server.max_requests_per_key': key(
    integer(0, 100_000),
    0,
    'Requests that one key (one address, where there is no key) may have under way at once on this node; 0 is any number.',
  ),
  'server.shutdown_grace': key(duration({ minMs: 0 }), '30s', 'How long requests under way may take to end after SIGTERM.'),
  'auth.api_keys': secret(
    listOf(apiKey),
    'Keys of the superuser: 16 characters or more, or `sha256:` and the hexadecimal digest.',
  ),
  'auth.api_key_users': secret(mapOf(principalName, apiKey), 'Ordinary users with one key each: `{alice: key}`.'),
  'auth.users': secret(configuredUsers, 'Ordinary users: a list of `{name, uid, gid, groups, keys, umask}`.'),
  'auth.create_home': key(flag, true, 'Each ordinary user gets a `/home/<name>` of its own.'),
  'auth.internal_proxy_secret': secret(
    sharedSecret,
    'Signs what nodes ask of each other; the same on every node, 16 characters or more.',
  ),
  'auth.single_use_link_secret': secret(
    sharedSecret,
    'Signs download links; the same on every node, 16 characters or more, another than the proxy secret.',
  ),
  'audit.enabled': key(flag, true, 'Who changed what, who was refused and who used a link is recorded.'),
  'audit.retention': key(span, '90d', 'Entries of the audit log are kept for this long; `0s` keeps them for ever.'),
  'log.level': key(oneOf('debug', 'info', 'warn', 'error'), 'info', 'How much is logged.'),
  'log.format': key(oneOf('json', 'console'), 'json', 'One JSON object a line, or text for people.'),
  'metrics.listen_addr': optional(listenAddress, 'A port of its own for `/metrics`, without a key.', 'off'),
  'backend.default_backend': key(oneOf('localfs', 's3'), 'localfs', 'Where new content goes.'),
  'backend.localfs_root_path': key(
    filePath,
    '/var/lib/callfs',
    'Where `localfs` keeps content, and slow uploads to S3 wait until a part is whole.',
  ),
  'backend.s3.access_key': secret(text, "Access key; without one the AWS SDK's own sources are used (role, profile)."),
  'backend.s3.secret_key': secret(text, 'Secret key that belongs to the access key.'),
  'backend.s3.region': key(text, 'us-east-1', 'Region of the bucket.'),
  'backend.s3.bucket_name': optional(text, 'The bucket; it must exist.'),
  'backend.s3.endpoint': optional(webUrl, 'URL of an S3 server other than AWS.', 'AWS'),
  'backend.s3.server_side_encryption': optional(
    oneOf('AES256', 'aws:kms', 'aws:kms:dsse'),
    'Encryption that objects are stored with.',
  ),
  'backend.s3.acl': optional(
    oneOf(
      'private',
      'public-read',
      'public-read-write',
      'authenticated-read',
      'aws-exec-read',
      'bucket-owner-read',
      'bucket-owner-full-control',
    ),
    'Canned ACL of the objects.',
  ),
  'backend.s3.kms_key_id': optional(text, 'KMS key, with one of the `aws:kms` encryptions.'),
  'backend.s3.force_path_style': optional(
    flag,
    'The bucket stands in the path and not in the host name, as most servers other than AWS want it.',
    '`true` when an endpoint is set',
  ),
  'backend.internal_proxy_skip_tls_verify': key(flag, false, 'Accept any certificate of a peer. For development only.'),
  'backend.internal_proxy_ca_file': optional(filePath, "Certificates (PEM) of the authority that signed the peers' own."),
  'storage.inline_max_bytes': key(size({ max: 2 ** 20 }), 16_384, 'Content up to this size is kept with its metadata.'),
  'storage.block_cache_bytes': key(
    size({ max: 2 ** 40 }),
    64 * 2 ** 20,
    'What is asked for again and again of larger content on the local disk is kept in memory up to this size, and up to as much again of what had to be fetched from another node or from S3; 0 turns that off.',
  ),
  'storage.durability': key(
    oneOf('full', 'relaxed'),
    'full',
    '`full` has everything on the disk before a write is acknowledged; with `relaxed` a power failure can take the last writes.',
  ),
  'storage.collect_grace': key(
    duration({ minMs: 0 }),
    '60s',
    'Replaced and removed content is kept this long for those who still read it.',
  ),
  'storage.orphan_grace': key(
    duration({ minMs: 1000 }),
    '24h',
    'A blob that no metadata knows is removed once it is older than this, which no upload may take. A commit that names it is refused for as long again.',
  ),
  'storage.upload_expiry': key(
    duration({ minMs: 1000 }),
    '24h',
    'An upload in parts (tus) to which no byte came for this long is given up.',
  ),
  'storage.replicas': key(
    integer(1, 10),
    1,
    'Content in blobs is kept this many times: on so many nodes, S3 counting as one. What is small is in the metadata.',
  ),
  'storage.replica_grace': key(
    duration({ minMs: 1000 }),
    '10m',
    'A node that is away for longer counts as gone, and what it had is copied to others.',
  ),
  'storage.heal_rate_bytes': key(
    size({ max: Number.MAX_SAFE_INTEGER }),
    32 * 2 ** 20,
    'Bytes a second that are copied to have the number of replicas again, in the whole cluster; 0 turns it off.',
  ),
  'storage.scrub_rate_bytes': key(
    size({ max: Number.MAX_SAFE_INTEGER }),
    4 * 2 ** 20,
    "Bytes a second that the check of this node's blobs in the background may read; 0 turns it off.",
  ),
  'metadata_store.type': optional(
    oneOf('sqlite', 'postgres'),
    'The engine of the metadata.',
    '`postgres` when a dsn is set, else `sqlite`',
  ),
  'metadata_store.dsn': secret(
    postgresDsn,
    'PostgreSQL: `postgres://user:pass@host:port/db?sslmode=…` with any sslmode of libpq.',
  ),
  'metadata_store.sqlite_path': optional(filePath, 'The SQLite file.', '`metadata.sqlite` in `backend.localfs_root_path`'),
  'metadata_store.pool_size': key(
    integer(1, 1000),
    10,
    'Connections to PostgreSQL that this node may have, beside one that looks up paths.',
  ),
  'dlm.type': optional(oneOf('local', 'redis'), 'Where locks are kept.', '`redis` when an address is set, else `local`'),
  'dlm.redis_addr': key(listOf(hostAndPort), [], 'Redis, as `host:port`; several are nodes of a Redis Cluster.'),
  'dlm.redis_password': secret(text, 'Password of Redis.'),
  'dlm.redis_username': optional(text, 'User of Redis (ACL).', 'the default user'),
  'dlm.redis_db': key(integer(0, 100_000), 0, 'Number of the Redis database.'),
  'dlm.redis_tls': key(flag, false, 'Speak TLS to Redis.'),
  'dlm.redis_sentinels': key(listOf(hostAndPort), [], 'Sentinels that know the master, as `host:port`.'),
  'dlm.redis_sentinel_master': key(text, 'mymaster', 'What the sentinels call the master.'),
  'dlm.redis_cluster': key(
    clusterNodes,
    false,
    'Nodes of a Redis Cluster, as `host:port`, or `true` when `redis_addr` has them.',
  ),
  'dlm.lease_ttl': key(duration({ minMs: 1000 }), '15s', 'A lock outlives a holder that died by no more than this.'),
  'dlm.acquire_timeout': key(duration({ minMs: 0 }), '5s', 'How long a write waits for a lock before it is answered 423.'),
  'instance_discovery.instance_id': key(
    instanceName,
    'callfs-instance-1',
    "This node's name; no two nodes share one, and it never changes.",
  ),
  'instance_discovery.peer_endpoints': key(
    mapOf(instanceName, webUrl),
    {},
    'The nodes by name: `{node-2: "https://node-2:8443"}`.',
  ),
  rate_limits: key(
    rateLimits,
    {},
    'How often one key (one address, where there is no key) may ask, by group. Without: link_generation 100 a second, one at once; download 10 a second, 5 at once; failed_authentication 20 a minute, 20 at once; the others as often as they like.',
  ),
  'debug.profiling': key(flag, false, 'Serve `/debug/pprof/` to the superuser: CPU profiles, heap snapshots, traces.'),
  'debug.pause_at': optional(
    oneOf('staged', 'locked', 'copied', 'committed', 'before-answer'),
    'For crash tests: the process stops itself at this step of a write.',
    'off',
  ),
  'console.enabled': key(flag, true, 'Serve the web console. There is none yet: it has no effect.'),
  'tracing.otlp_endpoint': optional(
    webUrl,
    'Where traces are to be sent (OTLP over HTTP). None are sent yet: it has no effect.',
    'off',
  ),
} as const satisfies Readonly<Record<string, KeyDefinition>>;

export type KeyName = keyof typeof KEYS;

export const KEY_NAMES = Object.keys(KEYS) as KeyName[];

type ValueOf<D> = D extends KeyDefinition<infer T, infer Has> ? (Has extends true ? T : T | undefined) : never;

/** The values by key, read and judged one by one. */
export type Values = { readonly [K in KeyName]: ValueOf<(typeof KEYS)[K]> };

export function definitionOf(name: KeyName): KeyDefinition {
  return KEYS[name];
}
