import * as fs from 'node:fs';
import { isIP } from 'node:net';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { CallfsConfig, ListenAddress, MetadataStoreConfig, UserConfig } from './config';
import { CONFIG_KEY_NAMES, CONFIG_KEYS, type ConfigKeyName } from './config-keys';
import { ConfigError, describe, type ConfigProblem } from './config-problem';
import { EMBEDDED_DIRECTORY, embeddedSecrets } from './embedded';
import { judgeDsn, judgeKey, judgeSecret } from './judge-secrets';
import { findConfigFile, readFileSettings, readVariables, type RawSetting } from './raw-settings';
import { readUsers } from './user-list';

export interface ConfigSource {
  /** `--config`. */
  readonly file?: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface LoadedConfig {
  readonly config: CallfsConfig;
  /** By key: `default`, a place in the file, or a variable. */
  readonly sources: ReadonlyMap<ConfigKeyName, string>;
  /** Values by key, parsed, for `config show`. */
  readonly values: ReadonlyMap<ConfigKeyName, unknown>;
  readonly warnings: readonly string[];
  /** The key made for an embedded server. */
  readonly embeddedKey?: string;
}

/** Reads, judges and freezes the configuration. Throws a `ConfigError` with every problem there is. */
export function loadConfig(source: ConfigSource): LoadedConfig {
  return new ConfigLoader(source).load();
}

class ConfigLoader {
  private readonly problems: ConfigProblem[] = [];
  private readonly warnings: string[] = [];
  private readonly values = new Map<ConfigKeyName, unknown>();
  private readonly sources = new Map<ConfigKeyName, string>();
  private readonly file: string | undefined;
  private embeddedKey: string | undefined;

  constructor(private readonly source: ConfigSource) {
    this.file = findConfigFile(source.cwd, source.file);
  }

  load(): LoadedConfig {
    const fromFile = this.file === undefined ? new Map<ConfigKeyName, RawSetting>() : readFileSettings(this.file, this.problems);
    const fromVariables = readVariables(this.source.env, this.problems);
    const onlyPause = [...fromVariables.keys()].every((name) => name === 'debug.pause_at');
    const embedded = this.file === undefined && onlyPause && this.problems.length === 0;
    const raw = new Map([...fromFile, ...fromVariables]);
    if (embedded) this.embed(raw);
    for (const name of CONFIG_KEY_NAMES) this.read(name, raw.get(name));
    const users = this.users();
    this.judge(users);
    if (this.problems.length > 0) throw new ConfigError(this.problems);
    const config = deepFreeze(this.build(users, embedded));
    return { config, sources: this.sources, values: this.values, warnings: this.warnings, embeddedKey: this.embeddedKey };
  }

  private embed(raw: Map<ConfigKeyName, RawSetting>): void {
    const secrets = embeddedSecrets(this.source.cwd);
    this.embeddedKey = secrets.api_key;
    const where = `embedded in ./${EMBEDDED_DIRECTORY}`;
    const set = (name: ConfigKeyName, value: unknown) => raw.set(name, { value, where });
    set('server.listen_addr', '127.0.0.1:8443');
    set('server.protocol', 'http');
    set('auth.api_keys', [secrets.api_key]);
    set('auth.internal_proxy_secret', secrets.internal_proxy_secret);
    set('auth.single_use_link_secret', secrets.single_use_link_secret);
    set('backend.localfs_root_path', join(this.source.cwd, EMBEDDED_DIRECTORY, 'storage'));
    set('metadata_store.sqlite_path', join(this.source.cwd, EMBEDDED_DIRECTORY, 'metadata.sqlite'));
    set('log.format', 'console');
  }

  private read(name: ConfigKeyName, setting: RawSetting | undefined): void {
    const { kind, fallback } = CONFIG_KEYS[name] as {
      kind: { expected: string; read(raw: unknown): unknown };
      fallback?: unknown;
    };
    const given = setting !== undefined && setting.value !== null && setting.value !== '';
    const value = given ? kind.read(setting.value) : fallback === undefined ? undefined : kind.read(fallback);
    if (given && value === undefined) this.problem(name, `expected ${kind.expected}`, setting.where);
    this.values.set(name, value);
    this.sources.set(name, given ? setting.where : 'default');
  }

  private users(): readonly UserConfig[] {
    const listed = readUsers(this.get('auth.users'), (message) => this.problem('auth.users', message));
    const byKey = Object.entries(this.get<Record<string, string>>('auth.api_key_users'));
    const users = new Map(listed.map((user) => [user.name, user]));
    for (const [name, key] of byKey) {
      const known = users.get(name) ?? readUsers([{ name }], (message) => this.problem('auth.api_key_users', message))[0];
      if (known) users.set(name, { ...known, keys: [...known.keys, key] });
    }
    if (users.size < listed.length + byKey.filter(([name]) => !listed.some((user) => user.name === name)).length) {
      this.problem('auth.users', 'a user is listed twice; give each name once');
    }
    const uids = [...users.values()].flatMap(({ uid }) => (uid === undefined ? [] : [uid]));
    if (new Set(uids).size < uids.length) this.problem('auth.users', 'two users have the same uid');
    if (users.has('root')) this.problem('auth.users', '"root" is the superuser; its keys are auth.api_keys');
    return [...users.values()];
  }

  private judge(users: readonly UserConfig[]): void {
    const apiKeys = this.get<readonly string[]>('auth.api_keys');
    if (apiKeys.length === 0 && users.length === 0)
      this.problem('auth.api_keys', 'missing: nobody could use this server; "callfs config init" makes one');
    const keys = [...apiKeys, ...users.flatMap((user) => user.keys)];
    for (const key of apiKeys) this.judgeBy(judgeKey, 'auth.api_keys', key);
    for (const user of users) for (const key of user.keys) this.judgeBy(judgeKey, 'auth.users', key);
    if (new Set(keys).size < keys.length) this.problem('auth.api_keys', 'the same key is given twice; each stands for one user');
    const secrets = ['auth.internal_proxy_secret', 'auth.single_use_link_secret'] as const;
    for (const name of secrets) {
      const secret = this.optional<string>(name);
      if (secret === undefined)
        this.problem(name, 'missing: a random text of 16 characters or more; "callfs config init" makes one');
      else this.judgeBy(judgeSecret, name, secret);
      if (secret !== undefined && keys.includes(secret)) this.problem(name, 'is also an API key; use a text of its own');
    }
    const [first, second] = secrets.map((name) => this.optional<string>(name));
    if (first !== undefined && first === second)
      this.problem(secrets[1], 'is the same as auth.internal_proxy_secret; use another');
    const dsn = this.optional<string>('metadata_store.dsn');
    if (dsn !== undefined) this.judgeBy(judgeDsn, 'metadata_store.dsn', dsn);
    this.judgeEngines(dsn);
    this.judgeServer();
  }

  private judgeEngines(dsn: string | undefined): void {
    const peers = Object.entries(this.get<Record<string, string>>('instance_discovery.peer_endpoints'));
    const self = this.get<string>('instance_discovery.instance_id');
    const others = peers.filter(([name]) => name !== self);
    if (this.get('metadata_store.type') === 'postgres' && dsn === undefined)
      this.problem('metadata_store.dsn', 'missing: metadata_store.type is postgres');
    const redis =
      this.get<readonly string[]>('dlm.redis_addr').length + this.get<readonly string[]>('dlm.redis_sentinels').length > 0;
    if (this.get('dlm.type') === 'redis' && !redis) this.problem('dlm.redis_addr', 'missing: dlm.type is redis');
    if (others.length > 0 && (this.get('dlm.type') ?? (redis ? 'redis' : 'local')) === 'local') {
      this.problem('dlm.type', 'local locks with more than one node would lose updates; set dlm.redis_addr');
    }
    if (this.get('backend.default_backend') === 's3' && this.optional('backend.s3.bucket_name') === undefined) {
      this.problem('backend.s3.bucket_name', 'missing: backend.default_backend is s3');
    }
    for (const [name, url] of peers)
      if (!isHttpUrl(url)) this.problem('instance_discovery.peer_endpoints', `${name}: expected an http or https URL`);
  }

  private judgeServer(): void {
    const url = this.optional<string>('server.external_url');
    if (url !== undefined && !isHttpUrl(url)) this.problem('server.external_url', 'expected an http or https URL');
    for (const proxy of this.get<readonly string[]>('server.trusted_proxies')) {
      if (isIP(proxy.split('/')[0] ?? '') === 0)
        this.problem('server.trusted_proxies', 'expected addresses or CIDRs such as 10.0.0.0/8');
    }
    const certificate = this.path('server.cert_file');
    const exists = [certificate, this.path('server.key_file')].map((path) => fs.existsSync(path));
    const protocol = this.get<string>('server.protocol');
    if (protocol === 'https' && !exists[0])
      this.problem('server.cert_file', 'does not exist; "callfs tls self-signed" makes one for development');
    if (protocol === 'https' && !exists[1])
      this.problem('server.key_file', 'does not exist; "callfs tls self-signed" makes one for development');
    if (protocol === 'auto' && exists[0] !== exists[1])
      this.problem('server.cert_file', 'either both of cert_file and key_file must exist, or neither');
    const address = this.get<ListenAddress | undefined>('server.listen_addr');
    const plain = protocol === 'http' || (protocol === 'auto' && !exists[0]);
    if (address && plain && !isLoopback(address.host)) {
      this.warnings.push(
        describe({
          key: 'server.protocol',
          message: 'plain http on a public address: API keys travel unencrypted; give a certificate or put a TLS proxy before it',
        }),
      );
    }
  }

  private judgeBy(rule: (value: string) => string | undefined, name: ConfigKeyName, value: string): void {
    const message = rule(value);
    if (message !== undefined) this.problem(name, message);
  }

  private build(users: readonly UserConfig[], embedded: boolean): CallfsConfig {
    const root = this.path('backend.localfs_root_path');
    const rateLimits = this.get<CallfsConfig['rateLimits']>('rate_limits');
    const redisAddresses = this.get<readonly string[]>('dlm.redis_addr');
    const sentinels = this.get<readonly string[]>('dlm.redis_sentinels');
    const hasRedis = redisAddresses.length + sentinels.length > 0;
    const bucketName = this.optional<string>('backend.s3.bucket_name');
    return {
      file: this.file,
      embedded,
      server: {
        listenAddr: this.get('server.listen_addr'),
        protocol: this.get('server.protocol'),
        externalUrl: this.optional<string>('server.external_url')?.replace(/\/+$/, ''),
        certFile: this.path('server.cert_file'),
        keyFile: this.path('server.key_file'),
        readTimeoutMs: this.get('server.read_timeout'),
        writeTimeoutMs: this.get('server.write_timeout'),
        fileOpTimeoutMs: this.get('server.file_op_timeout'),
        metadataOpTimeoutMs: this.get('server.metadata_op_timeout'),
        maxUploadBytes: this.get('server.max_upload_bytes'),
        trustedProxies: this.get('server.trusted_proxies'),
        shutdownGraceMs: this.get('server.shutdown_grace'),
      },
      auth: {
        apiKeys: this.get('auth.api_keys'),
        users,
        createHome: this.get('auth.create_home'),
        internalProxySecret: this.get('auth.internal_proxy_secret'),
        singleUseLinkSecret: this.get('auth.single_use_link_secret'),
      },
      log: { level: this.get('log.level'), format: this.get('log.format') },
      metrics: { listenAddr: this.optional('metrics.listen_addr') },
      backend: {
        defaultBackend: this.get('backend.default_backend'),
        localfsRootPath: root,
        s3:
          bucketName === undefined
            ? undefined
            : {
                bucketName,
                accessKey: this.optional('backend.s3.access_key'),
                secretKey: this.optional('backend.s3.secret_key'),
                region: this.get('backend.s3.region'),
                endpoint: this.optional('backend.s3.endpoint'),
                serverSideEncryption: this.optional('backend.s3.server_side_encryption'),
                acl: this.optional('backend.s3.acl'),
                kmsKeyId: this.optional('backend.s3.kms_key_id'),
                forcePathStyle: this.get('backend.s3.force_path_style'),
              },
        internalProxySkipTlsVerify: this.get('backend.internal_proxy_skip_tls_verify'),
        internalProxyCaFile: this.optional('backend.internal_proxy_ca_file'),
      },
      storage: { inlineMaxBytes: this.get('storage.inline_max_bytes'), durability: this.get('storage.durability') },
      metadataStore: this.metadataStore(root),
      dlm: {
        type: this.optional<'local' | 'redis'>('dlm.type') ?? (hasRedis ? 'redis' : 'local'),
        redis: hasRedis
          ? {
              addresses: redisAddresses,
              username: this.optional('dlm.redis_username'),
              password: this.optional('dlm.redis_password'),
              db: this.get('dlm.redis_db'),
              tls: this.get('dlm.redis_tls'),
              sentinels,
              sentinelMaster: this.optional('dlm.redis_sentinel_master'),
              cluster: this.get('dlm.redis_cluster'),
            }
          : undefined,
        leaseTtlMs: this.get('dlm.lease_ttl'),
        acquireTimeoutMs: this.get('dlm.acquire_timeout'),
      },
      instanceDiscovery: {
        instanceId: this.get('instance_discovery.instance_id'),
        peerEndpoints: this.get('instance_discovery.peer_endpoints'),
      },
      rateLimits,
      debug: { profiling: this.get('debug.profiling'), pauseAt: this.optional('debug.pause_at') },
      console: { enabled: this.get('console.enabled') },
      tracing: { otlpEndpoint: this.optional('tracing.otlp_endpoint') },
    };
  }

  private metadataStore(root: string): MetadataStoreConfig {
    const dsn = this.optional<string>('metadata_store.dsn');
    const poolSize = this.get<number>('metadata_store.pool_size');
    const type = this.optional<string>('metadata_store.type') ?? (dsn === undefined ? 'sqlite' : 'postgres');
    if (type === 'postgres' && dsn !== undefined) return { type, dsn, poolSize };
    const configured = this.optional<string>('metadata_store.sqlite_path');
    const sqlitePath = configured === undefined ? join(root, 'metadata.sqlite') : this.absolute(configured);
    return { type: 'sqlite', sqlitePath, poolSize };
  }

  private get<T>(name: ConfigKeyName): T {
    return this.values.get(name) as T;
  }

  private optional<T = string>(name: ConfigKeyName): T | undefined {
    return this.values.get(name) as T | undefined;
  }

  private path(name: ConfigKeyName): string {
    return this.absolute(this.get<string | undefined>(name) ?? '');
  }

  /** Relative paths are the file's, as its author wrote them; without a file, the working directory's. */
  private absolute(path: string): string {
    return isAbsolute(path)
      ? path
      : resolve(this.file === undefined ? this.source.cwd : dirname(resolve(this.source.cwd, this.file)), path);
  }

  private problem(key: ConfigKeyName, message: string, where = this.sources.get(key)): void {
    this.problems.push({ key, message, where: where === 'default' ? undefined : where });
  }
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
