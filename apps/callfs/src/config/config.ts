/** Durations are milliseconds, sizes bytes. Frozen once loaded; nothing else in the program reads files or variables for its settings. */
export interface CallfsConfig {
  /** The file it was read from; absent when there was none. */
  readonly file?: string;
  /** No file and no variable: the program invented keys and secrets under `./callfs-data/`. */
  readonly embedded: boolean;
  readonly server: ServerConfig;
  readonly auth: AuthConfig;
  readonly audit: { readonly enabled: boolean; readonly retentionMs: number };
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly format: 'json' | 'console' };
  readonly metrics: { readonly listenAddr?: ListenAddress };
  readonly backend: BackendConfig;
  readonly storage: StorageConfig;
  readonly metadataStore: MetadataStoreConfig;
  readonly dlm: DlmConfig;
  readonly instanceDiscovery: { readonly instanceId: string; readonly peerEndpoints: Readonly<Record<string, string>> };
  /** By route group; absent groups have the limits of the API contract or none. */
  readonly rateLimits: Readonly<Partial<Record<RateLimitGroup, RateLimit | 'off'>>>;
  /** `pauseAt` stops the process at a step of a write, for crash tests. */
  readonly debug: { readonly profiling: boolean; readonly pauseAt?: string };
  readonly console: { readonly enabled: boolean };
  readonly tracing: { readonly otlpEndpoint?: string };
}

/** What a limit is for: one bucket a key (or address) and group. */
export const RATE_LIMIT_GROUPS = [
  'link_generation',
  'download',
  'failed_authentication',
  'read',
  'write',
  'list',
  'admin',
] as const;

export type RateLimitGroup = (typeof RATE_LIMIT_GROUPS)[number];

export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
}

export interface ListenAddress {
  /** Empty: every interface. */
  readonly host: string;
  /** 0: any free port (tests). */
  readonly port: number;
}

export interface ServerConfig {
  readonly listenAddr: ListenAddress;
  readonly protocol: 'http' | 'https' | 'auto';
  /** Without a trailing `/`; absent: made from the address. */
  readonly externalUrl?: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly fileOpTimeoutMs: number;
  readonly metadataOpTimeoutMs: number;
  /** 0: no limit. */
  readonly maxUploadBytes: number;
  readonly trustedProxies: readonly string[];
  readonly shutdownGraceMs: number;
  /** Of one key (or address) on this node; 0: any number. */
  readonly maxRequestsPerKey: number;
}

/** A key in clear, or `sha256:<64 hexadecimal digits>`. */
export type ConfiguredKey = string;

export interface UserConfig {
  readonly name: string;
  /** Absent: chosen by the metadata store once. */
  readonly uid?: number;
  readonly gid?: number;
  /** Supplementary groups, by name or number. */
  readonly groups: readonly (string | number)[];
  readonly keys: readonly ConfiguredKey[];
  /** Default 0o022. */
  readonly umask: number;
}

export interface AuthConfig {
  /** Superuser keys. */
  readonly apiKeys: readonly ConfiguredKey[];
  /** `auth.users`, with those of `auth.api_key_users` added. */
  readonly users: readonly UserConfig[];
  readonly createHome: boolean;
  readonly internalProxySecret: string;
  readonly singleUseLinkSecret: string;
}

export interface S3Config {
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly region: string;
  readonly bucketName: string;
  readonly endpoint?: string;
  readonly serverSideEncryption?: string;
  readonly acl?: string;
  readonly kmsKeyId?: string;
  readonly forcePathStyle: boolean;
}

export interface BackendConfig {
  readonly defaultBackend: 'localfs' | 's3';
  readonly localfsRootPath: string;
  readonly s3?: S3Config;
  readonly internalProxySkipTlsVerify: boolean;
  readonly internalProxyCaFile?: string;
}

export interface StorageConfig {
  readonly inlineMaxBytes: number;
  /** 0: none. */
  readonly blockCacheBytes: number;
  readonly durability: 'full' | 'relaxed';
  readonly collectGraceMs: number;
  readonly orphanGraceMs: number;
  readonly uploadExpiryMs: number;
  /** Per second; 0: off. */
  readonly replicas: number;
  readonly replicaGraceMs: number;
  readonly healRateBytes: number;
  readonly scrubRateBytes: number;
}

export type MetadataStoreConfig =
  | { readonly type: 'sqlite'; readonly sqlitePath: string; readonly poolSize: number }
  | { readonly type: 'postgres'; readonly dsn: string; readonly poolSize: number };

export interface DlmConfig {
  readonly type: 'local' | 'redis';
  readonly redis?: {
    readonly addresses: readonly string[];
    readonly username?: string;
    readonly password?: string;
    readonly db: number;
    readonly tls: boolean;
    readonly sentinels: readonly string[];
    readonly sentinelMaster?: string;
    readonly cluster: boolean;
  };
  readonly leaseTtlMs: number;
  readonly acquireTimeoutMs: number;
}
