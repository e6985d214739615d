import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError } from './config-error';
import { KEY_NAMES } from './keys';
import { loadConfig, type LoadedConfig } from './load-config';
import { describePlace, describeProblem } from './problem';
import { variablesOf, type Environment } from './variables';

const SECRETS = { internal_proxy_secret: 'Hk3-proxy-93jf02kd8a', single_use_link_secret: 'Zp9-links-1mf84ha0xq' };
const KEY = 'Qw7-key-of-the-operator';
const BASE = { server: { protocol: 'http', listen_addr: '127.0.0.1:0' }, auth: { api_keys: [KEY], ...SECRETS } };

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'callfs-test-config-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

type Tree = Record<string, unknown>;

/** `BASE` with `sections` laid over it, key by key. */
function tree(sections: Tree = {}): Tree {
  const merged: Tree = { ...BASE };
  for (const [name, keys] of Object.entries(sections)) merged[name] = { ...(merged[name] as Tree), ...(keys as Tree) };
  return merged;
}

function load(sections: Tree | string = {}, env: Environment = {}): LoadedConfig {
  writeFileSync(join(dir, 'config.yaml'), typeof sections === 'string' ? sections : stringify(tree(sections)));
  return loadConfig({ cwd: dir, env });
}

/** The problems as lines, without the place. */
function problems(sections: Tree | string, env: Environment = {}): string[] {
  return lines(sections, env).map((line) => line.replace(/^config\.yaml:\d+:\d+: /, ''));
}

function lines(sections: Tree | string, env: Environment = {}): string[] {
  try {
    load(sections, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(describeProblem);
    throw error;
  }
  return [];
}

const warnings = (sections: Tree, env: Environment = {}) => load(sections, env).warnings.map(({ key }) => key);

describe('where values come from', () => {
  it('has the documented default for everything but the keys and secrets', () => {
    const { config } = load();
    expect(config).toMatchObject({
      embedded: false,
      file: join(dir, 'config.yaml'),
      server: { certFile: join(dir, 'server.crt'), readTimeoutMs: 30_000, fileOpTimeoutMs: 10_000, metadataOpTimeoutMs: 5_000 },
      auth: { createHome: true, users: [] },
      log: { level: 'info', format: 'json' },
      metrics: { listenAddr: undefined },
      backend: { defaultBackend: 'localfs', localfsRootPath: '/var/lib/callfs', s3: undefined },
      storage: {
        inlineMaxBytes: 16_384,
        blockCacheBytes: 67_108_864,
        durability: 'full',
        collectGraceMs: 60_000,
        orphanGraceMs: 86_400_000,
        replicas: 1,
        replicaGraceMs: 600_000,
        healRateBytes: 33_554_432,
        scrubRateBytes: 4_194_304,
      },
      metadataStore: { type: 'sqlite', sqlitePath: '/var/lib/callfs/metadata.sqlite', poolSize: 10 },
      dlm: { type: 'local', leaseTtlMs: 15_000, acquireTimeoutMs: 5_000 },
      instanceDiscovery: { instanceId: 'callfs-instance-1', peerEndpoints: {} },
      debug: { profiling: false },
      console: { enabled: true },
    });
  });

  it('listens on :8443 of every interface by default', () => {
    const { config } = load(stringify({ ...BASE, server: {} }));
    expect(config.server).toMatchObject({ listenAddr: { host: '', port: 8443 }, protocol: 'auto' });
  });

  it('takes the environment over the file, in both spellings', () => {
    const file = { log: { level: 'warn', format: 'console' }, metadata_store: { pool_size: 3 } };
    const env = { CALLFS_LOG_LEVEL: 'error', CALLFS_METADATA_STORE__POOL_SIZE: '7', CALLFS_CONSOLE_ENABLED: 'false' };
    const { config } = load(file, env);
    expect(config.log).toEqual({ level: 'error', format: 'console' });
    expect(config.metadataStore.poolSize).toBe(7);
    expect(config.console.enabled).toBe(false);
  });

  it('reads lists with commas, maps as JSON and secrets from files', () => {
    writeFileSync(join(dir, 'dsn'), 'postgres://u:p@db/callfs\n');
    writeFileSync(join(dir, 'keys'), `${KEY}\nsha256:${'a'.repeat(64)}\n`);
    const { config } = load(
      {},
      {
        CALLFS_SERVER_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
        CALLFS_INSTANCE_DISCOVERY_PEER_ENDPOINTS: '{"callfs-instance-1":"http://a:1/"}',
        CALLFS_METADATA_STORE_DSN_FILE: join(dir, 'dsn'),
        CALLFS_AUTH_API_KEYS_FILE: join(dir, 'keys'),
      },
    );
    expect(config.server.trustedProxies).toEqual(['10.0.0.0/8', '::1']);
    expect(config.instanceDiscovery.peerEndpoints).toEqual({ 'callfs-instance-1': 'http://a:1' });
    expect(config.metadataStore).toEqual({ type: 'postgres', dsn: 'postgres://u:p@db/callfs', poolSize: 10 });
    expect(config.auth.apiKeys).toEqual([KEY, `sha256:${'a'.repeat(64)}`]);
  });

  it('takes an empty variable as no value, also over the file', () => {
    const { config } = load(
      { log: { level: 'warn' }, metrics: { listen_addr: ':9090' } },
      { CALLFS_METRICS_LISTEN_ADDR: '', CALLFS_LOG_LEVEL: '' },
    );
    expect(config.metrics.listenAddr).toBeUndefined();
    expect(config.log.level).toBe('info');
  });

  it('reads JSON, indented with tabs, and a file with a byte order mark', () => {
    writeFileSync(join(dir, 'config.json'), `\ufeff${JSON.stringify({ ...BASE, log: { level: 'warn' } }, null, '\t')}`);
    expect(loadConfig({ cwd: dir, env: {} }).config.log.level).toBe('warn');
  });

  it('accepts s3 keys nested and flat, and in variables', () => {
    const flat = { backend: { s3_bucket_name: 'b', s3_access_key: 'id', s3: { secret_key: 'shh' } } };
    const { config } = load(flat, { CALLFS_BACKEND_S3_REGION: 'eu-1', CALLFS_BACKEND__S3__ENDPOINT: 'http://s3:9000/' });
    expect(config.backend.s3).toMatchObject({
      bucketName: 'b',
      accessKey: 'id',
      secretKey: 'shh',
      region: 'eu-1',
      endpoint: 'http://s3:9000',
      forcePathStyle: true,
    });
  });

  it('puts a key of auth.api_key_users to the user of that name, or makes one', () => {
    const users = [{ name: 'alice', uid: 7, groups: ['media', 9], umask: '0077', keys: ['alice-key-000000001'] }];
    const { config } = load({ auth: { users, api_key_users: { alice: 'alice-key-000000002', bob: 'bob-key-000000000001' } } });
    expect(config.auth.users).toEqual([
      { name: 'alice', uid: 7, groups: ['media', 9], umask: 0o77, keys: ['alice-key-000000001', 'alice-key-000000002'] },
      { name: 'bob', groups: [], umask: 0o22, keys: ['bob-key-000000000001'] },
    ]);
  });

  it.each([
    ['one address', { redis_addr: 'r:1' }, { addresses: ['r:1'], cluster: false, sentinels: [] }],
    ['several addresses', { redis_addr: 'r:1,r:2' }, { addresses: ['r:1', 'r:2'], cluster: true }],
    ['one address of a cluster', { redis_addr: 'r:1', redis_cluster: true }, { addresses: ['r:1'], cluster: true }],
    ['nodes of a cluster', { redis_cluster: 'r:1,r:2' }, { addresses: ['r:1', 'r:2'], cluster: true }],
    ['sentinels', { redis_sentinels: ['s:1'] }, { sentinels: ['s:1'], sentinelMaster: 'mymaster', cluster: false }],
  ])('finds Redis by %s', (_, dlm, redis) => {
    expect(load({ dlm }).config.dlm).toMatchObject({ type: 'redis', redis });
  });

  it('reads rates in words and in numbers', () => {
    const { config } = load({ rate_limits: { download: '20/min', link_generation: { per_second: 100, burst: 1 } } });
    expect(config.rateLimits).toEqual({
      download: { perSecond: 1 / 3, burst: 1 },
      link_generation: { perSecond: 100, burst: 1 },
    });
  });

  it('is frozen all through', () => {
    const { config } = load();
    expect(() => Object.assign(config.server.listenAddr, { port: 1 })).toThrow(TypeError);
    expect(() => (config.auth.apiKeys as string[]).push('x')).toThrow(TypeError);
  });

  it('tells of each key where its value came from, with secrets masked', () => {
    const { settings } = load(
      { auth: { users: [{ name: 'bob', keys: ['bob-key-000000000001'] }] } },
      { CALLFS_LOG_LEVEL: 'warn', CALLFS_METADATA_STORE_DSN: 'postgres://u:hunter2@db/x' },
    );
    const told = new Map(settings.map(({ key, value, place }) => [key, [value, describePlace(place)]]));
    expect([...told.keys()]).toEqual(KEY_NAMES);
    expect(told.get('log.level')).toEqual(['warn', 'CALLFS_LOG_LEVEL']);
    expect(told.get('auth.api_keys')).toEqual([['***'], 'config.yaml:5:3']);
    expect(told.get('auth.users')).toEqual([[{ name: 'bob', keys: ['***'] }], 'config.yaml:9:3']);
    expect(told.get('metadata_store.dsn')).toEqual(['postgres://u:***@db/x', 'CALLFS_METADATA_STORE_DSN']);
    expect(told.get('metadata_store.type')).toEqual(['postgres', '']);
    expect(told.get('server.read_timeout')).toEqual(['30s', '']);
  });
});

describe('problems', () => {
  it('tells all of them at once, down the file, each with its place', () => {
    const text = `server:
  listen_addr: 8443
  protocl: http
  protocol: http
auth:
  api_keys:
    - ${KEY}
    - short
  users: [{name: bob, umsk: "022"}]
  internal_proxy_secret: ${SECRETS.internal_proxy_secret}
`;
    expect(lines(text, { CALLFS_LOG_LEVEL: 'loud', CALLFS_LOG_FROMAT: 'json' })).toEqual([
      'config.yaml:2:3: server.listen_addr: expected an address to listen on: "host:port", ":port" or "[ipv6]:port"',
      'config.yaml:3:3: server.protocl: there is no such key; did you mean server.protocol?',
      expect.stringMatching(/^config\.yaml:8:7: auth\.api_keys\[1\]: expected a key of 16 to 512/),
      'config.yaml:9:23: auth.users[0].umsk: there is no such key; did you mean umask?',
      'CALLFS_LOG_FROMAT: there is no such variable; did you mean CALLFS_LOG_FORMAT?',
      'CALLFS_LOG_LEVEL: log.level: expected debug, info, warn or error',
      expect.stringMatching(/^auth\.single_use_link_secret: is missing; .*CALLFS_AUTH_SINGLE_USE_LINK_SECRET/),
    ]);
  });

  it.each([
    ['a: [1\nb: 2', 'config.yaml:2:1: is not valid YAML: wrong indentation, or a bracket that is not closed'],
    ['log:\n  level: info\n  level: warn\n', 'config.yaml:3:3: this key is there twice'],
    ['log:\n\tlevel: info\n', expect.stringMatching(/^config\.yaml:2:1: is not valid YAML: indent with spaces/)],
    ['auth:\n  api_keys: *nobody\n', expect.stringMatching(/^config\.yaml:1:1: its aliases refer to nothing/)],
    ['just text', 'config.yaml:1:1: expected a map of sections, such as "server:" and "auth:"'],
    ['server: 5\n', 'config.yaml:1:1: server: expected a section: keys below it, indented'],
  ])('explains the file %j', (text, expected) => {
    expect(lines(text)).toContainEqual(expected);
  });

  it('names a file that is not there, and one that is a directory', () => {
    const of = (file: string) => () => loadConfig({ file, cwd: dir, env: {} });
    expect(of('nowhere.yaml')).toThrow('nowhere.yaml:1:1: cannot be read: there is no such file');
    expect(of('.')).toThrow('.:1:1: is a directory; expected a YAML or JSON file');
  });

  it.each<[string, Tree, string]>([
    ['a bare port', { server: { listen_addr: '8443' } }, 'server.listen_addr: expected an address'],
    ['a port too high', { server: { listen_addr: ':65536' } }, 'server.listen_addr: expected an address'],
    ['a bare IPv6 address', { server: { listen_addr: '::1:80' } }, 'server.listen_addr: expected an address'],
    ['a duration without a unit', { server: { read_timeout: 30 } }, 'server.read_timeout: expected a duration'],
    ['a duration of nothing', { server: { read_timeout: '0s' } }, 'server.read_timeout: expected a duration'],
    ['a duration beyond timers', { server: { read_timeout: '25d' } }, 'server.read_timeout: expected a duration'],
    ['a size in no unit', { server: { max_upload_bytes: '5 apples' } }, 'server.max_upload_bytes: expected a number of bytes'],
    ['a fraction of a byte', { server: { max_upload_bytes: 1.5 } }, 'server.max_upload_bytes: expected a number of bytes'],
    ['text for a flag', { console: { enabled: 'yes' } }, 'console.enabled: expected true or false'],
    ['an external URL of FTP', { server: { external_url: 'ftp://h' } }, 'server.external_url: expected a URL'],
    ['an external URL with a query', { server: { external_url: 'http://h/?a=1' } }, 'server.external_url: expected a URL'],
    ['a proxy by name', { server: { trusted_proxies: ['nginx'] } }, 'server.trusted_proxies[0]: expected an IP address'],
    ['a network of 33 bits', { server: { trusted_proxies: ['10.0.0.0/33'] } }, 'server.trusted_proxies[0]: expected an IP'],
    ['an unknown sslmode', { metadata_store: { dsn: 'postgres://h/d?sslmode=on' } }, 'metadata_store.dsn: expected postgres://'],
    ['a dsn of MySQL', { metadata_store: { dsn: 'mysql://h/d' } }, 'metadata_store.dsn: expected postgres://'],
    ['Redis without a port', { dlm: { redis_addr: 'redis' } }, 'dlm.redis_addr[0]: expected "host:port"'],
    [
      'a peer without a scheme',
      { instance_discovery: { peer_endpoints: { b: 'b:1' } } },
      'instance_discovery.peer_endpoints.b: expected a URL',
    ],
    ['a number for a key', { auth: { api_keys: [1234567890123456] } }, 'auth.api_keys[0]: expected a key'],
    ['a path with "~"', { backend: { localfs_root_path: '~/callfs' } }, 'backend.localfs_root_path: expected the path of a file'],
    ['a key of no name that is near', { server: { port: 1 } }, 'server.port: there is no such key; "callfs config show" lists'],
    ['a key with a space', { auth: { api_keys: ['sixteen letters and'] } }, 'auth.api_keys[0]: expected a key'],
    ['a digest too short', { auth: { api_keys: ['sha256:abc'] } }, 'auth.api_keys[0]: expected a key'],
    ['a bare umask', { auth: { users: [{ name: 'bob', umask: 22 }] } }, 'auth.users[0].umask: expected octal digits in quotes'],
    [
      'the superuser as a user',
      { auth: { users: [{ name: 'bob', uid: 0 }] } },
      'auth.users[0].uid: expected a whole number from 1',
    ],
    ['a user named root', { auth: { users: [{ name: 'root' }] } }, 'auth.users[0].name: root is the superuser'],
    ['a user twice', { auth: { users: [{ name: 'bob' }, { name: 'bob' }] } }, 'auth.users[1].name: another user has this name'],
    [
      'a uid twice',
      {
        auth: {
          users: [
            { name: 'bob', uid: 5 },
            { name: 'eve', uid: 5 },
          ],
        },
      },
      'auth.users[1].uid: another user has this number',
    ],
    ['a key twice', { auth: { api_key_users: { bob: KEY } } }, 'auth.api_key_users.bob: the same key is there twice'],
    ['a secret as a key', { auth: { api_keys: [SECRETS.internal_proxy_secret] } }, 'auth.api_keys[0]: is one of the secrets'],
    ['a short secret', { auth: { internal_proxy_secret: 'x' } }, 'auth.internal_proxy_secret: expected a secret of 16'],
    [
      'a placeholder',
      { auth: { internal_proxy_secret: 'change-me-to-a-secret' } },
      'auth.internal_proxy_secret: is a placeholder',
    ],
    ['a placeholder for a key', { auth: { api_keys: ['your-api-key-goes-here'] } }, 'auth.api_keys[0]: is a placeholder'],
    ['a repeated word', { auth: { internal_proxy_secret: 'secretsecretsecret' } }, 'auth.internal_proxy_secret: repeats itself'],
    ['a repeated letter', { auth: { internal_proxy_secret: 'x'.repeat(32) } }, 'auth.internal_proxy_secret: repeats itself'],
    [
      'a sequence',
      { auth: { internal_proxy_secret: '0123456789abcdef' } },
      'auth.internal_proxy_secret: is a well-known sequence',
    ],
    [
      'equal secrets',
      { auth: { internal_proxy_secret: SECRETS.single_use_link_secret } },
      'auth.single_use_link_secret: is the same as',
    ],
    ['no key at all', { auth: { api_keys: [] } }, 'auth.api_keys: is missing'],
    ['https without files', { server: { protocol: 'https' } }, 'server.cert_file: certificate not found: the file'],
    ['s3 without a bucket', { backend: { default_backend: 's3' } }, 'backend.s3.bucket_name: is missing'],
    [
      'half of the s3 credentials',
      { backend: { s3: { bucket_name: 'b', access_key: 'i' } } },
      'backend.s3.secret_key: is missing',
    ],
    ['a KMS key without KMS', { backend: { s3: { bucket_name: 'b', kms_key_id: 'k' } } }, 'backend.s3.kms_key_id: is of use'],
    [
      'flat and nested',
      { backend: { s3_region: 'a', s3: { region: 'b' } } },
      'backend.s3.region: is the same as backend.s3.region',
    ],
    ['postgres without a dsn', { metadata_store: { type: 'postgres' } }, 'metadata_store.dsn: is missing'],
    ['redis without an address', { dlm: { type: 'redis' } }, 'dlm.redis_addr: is missing'],
    [
      'a cluster with a database',
      { dlm: { redis_addr: 'r:1,r:2', redis_db: 2 } },
      'dlm.redis_db: a Redis Cluster has database 0',
    ],
    [
      'metrics on the port of the API',
      { server: { listen_addr: ':1' }, metrics: { listen_addr: ':1' } },
      'metrics.listen_addr: is the address of the API',
    ],
    [
      'a group that is none',
      { rate_limits: { downlod: '1/s' } },
      'rate_limits.downlod: there is no such key; did you mean download?',
    ],
    [
      'an unknown encryption',
      { backend: { s3: { bucket_name: 'b', server_side_encryption: 'AES128' } } },
      'backend.s3.server_side_encryption: expected AES256',
    ],
  ])('refuses %s', (_, sections, expected) => {
    expect(problems(sections)).toContainEqual(expect.stringContaining(expected));
  });

  it('refuses local locks and SQLite for more than one node', () => {
    const peers = { instance_discovery: { instance_id: 'a', peer_endpoints: { a: 'http://a:1', b: 'http://b:1' } } };
    expect(problems(peers)).toEqual(
      [
        expect.stringMatching(/^metadata_store\.type: sqlite serves one node alone/),
        expect.stringMatching(/^dlm\.type: local locks hold on one node alone/),
      ]
        .sort()
        .reverse(),
    );
    const engines = { metadata_store: { dsn: 'postgres://h/d' }, dlm: { redis_addr: 'r:1' } };
    expect(problems({ ...peers, ...engines })).toEqual([]);
  });

  it.each([
    [
      { CALLFS_SERVER_LISTEN_ADDR: ':1', CALLFS_SERVER__LISTEN_ADDR: ':2' },
      /^CALLFS_SERVER__LISTEN_ADDR: .* is set by CALLFS_SERVER_LISTEN_ADDR as well/,
    ],
    [{ CALLFS_AUTH_API_KEY_USERS: 'alice=key' }, /^CALLFS_AUTH_API_KEY_USERS: auth.api_key_users: expected a map .*, as JSON$/],
    [
      { CALLFS_METADATA_STORE_POOL_SIZE: 'ten' },
      /^CALLFS_METADATA_STORE_POOL_SIZE: metadata_store.pool_size: expected a whole number/,
    ],
    [{ CALLFS_AUTH_INTERNAL_PROXY_SECRET_FILE: '/nowhere' }, /the file \/nowhere that it names cannot be read \(ENOENT\)$/],
    [
      { CALLFS_SERVER_CERT_FILE_FILE: '/x' },
      /^CALLFS_SERVER_CERT_FILE_FILE: there is no such variable; did you mean CALLFS_SERVER_CERT_FILE\?$/,
    ],
  ])('tells of the variables %j', (env, expected) => {
    expect(lines({}, env)).toContainEqual(expect.stringMatching(expected));
  });

  it("leaves the client's variables, that of the image's health check and those of Kubernetes alone", () => {
    const env = {
      CALLFS_HEALTH_URL: 'https://127.0.0.1:8443/health',
      CALLFS_URL: 'http://h',
      CALLFS_API_KEY: 'k',
      CALLFS_SERVICE_HOST: 'h',
      CALLFS_SERVICE_PORT: '8443',
      CALLFS_PORT: 'tcp://10.0.0.1:8443',
      CALLFS_NODE_PORT_8443_TCP_ADDR: 'h',
    };
    expect(lines({}, env)).toEqual([]);
  });

  it.each(['CALLFS_PORT', 'CALLFS_SERVER_PORT'])('says of %s=8444 which variable has the port', (variable) => {
    expect(lines({}, { [variable]: '8444' })).toEqual([
      `${variable}: there is no such variable; the port is in CALLFS_SERVER_LISTEN_ADDR, as ":8443"`,
    ]);
  });

  it('tells whom a variable takes out of embedded mode where keys come from', () => {
    const start = () => loadConfig({ cwd: dir, env: { CALLFS_LOG_LEVEL: 'debug' } });
    expect(start).toThrow(/auth\.api_keys: is missing[^]*no configuration file here.*"callfs config init --output config\.yaml"/);
  });

  it('does not complain of each missing key when the file cannot be read', () => {
    expect(lines('a: [')).toHaveLength(1);
  });
});

it('wants both the certificate and its key, or neither', () => {
  writeFileSync(join(dir, 'server.crt'), '');
  expect(problems({ server: { protocol: 'auto' } })).toEqual([
    expect.stringMatching(
      /^server\.key_file: key of the certificate not found: the file .*server\.key does not exist; either both/,
    ),
  ]);
  writeFileSync(join(dir, 'server.key'), '');
  expect(problems({ server: { protocol: 'auto' } })).toEqual([]);
});

it('names a certificate that is not there by its whole path, but never a key that was pasted in place of one', () => {
  const far = join(dir, 'a-directory-of-some-length', 'and-one-more-in-it', 'with-yet-another', 'server.key');
  const missing = (keyFile: string) => problems({ server: { protocol: 'https', cert_file: 'c', key_file: keyFile } })[1];
  expect(missing(far)).toContain(`the file ${far} does not exist`);
  expect(missing('-----BEGIN PRIVATE KEY-----MIIsecret')).toMatch(/the file \*\*\* does not exist/);
});

describe('warnings', () => {
  const cluster = { metadata_store: { dsn: 'postgres://h/d' }, dlm: { redis_addr: 'r:1' } };
  const secure = { server: { external_url: 'https://files.example.com', listen_addr: ':1' } };
  it.each<[string, Tree, string[]]>([
    ['plain http that others can reach', { server: { listen_addr: ':1' } }, ['server.listen_addr']],
    ['plain http behind a TLS proxy', secure, []],
    ['plain http on this machine', {}, []],
    ['a certificate that is named and not there', { server: { protocol: 'auto', cert_file: 'no.crt' } }, ['server.cert_file']],
    [
      'a certificate for which peers are not checked',
      { backend: { internal_proxy_skip_tls_verify: true } },
      ['backend.internal_proxy_skip_tls_verify'],
    ],
    ['a key that anybody could guess', { auth: { api_keys: ['a'.repeat(20)] } }, ['auth.api_keys[0]']],
    ['traces, which nobody sends yet', { tracing: { otlp_endpoint: 'http://h:4318' } }, ['tracing.otlp_endpoint']],
    [
      'a node whose own address is none that it speaks',
      { ...cluster, instance_discovery: { instance_id: 'a', peer_endpoints: { a: 'https://a:1', b: 'https://b:1' } } },
      ['instance_discovery.peer_endpoints.a'],
    ],
    [
      'a node that nobody is told of',
      { ...cluster, instance_discovery: { instance_id: 'node1', peer_endpoints: { 'node-1': 'http://a:1', b: 'http://b:1' } } },
      ['instance_discovery.peer_endpoints'],
    ],
    ['a dsn without a use', { metadata_store: { type: 'sqlite', dsn: 'postgres://h/d' } }, ['metadata_store.dsn']],
  ])('%s', (_, sections, expected) => {
    expect(warnings(sections)).toEqual(expected);
  });
});

describe('embedded mode', () => {
  const start = (options: { keepSecrets?: boolean } = {}) => loadConfig({ cwd: dir, env: {}, ...options });

  it('needs neither file nor variable, and keeps to this machine', () => {
    const { config, embedded } = start();
    expect(config).toMatchObject({
      embedded: true,
      server: { listenAddr: { host: '127.0.0.1', port: 8443 }, protocol: 'http' },
      auth: { apiKeys: [embedded?.apiKey] },
      backend: { localfsRootPath: join(dir, 'callfs-data/storage') },
      metadataStore: { type: 'sqlite', sqlitePath: join(dir, 'callfs-data/metadata.sqlite') },
      dlm: { type: 'local' },
    });
    expect(config.auth.internalProxySecret).not.toBe(config.auth.singleUseLinkSecret);
  });

  it('keeps its secrets where nobody else can read them, and uses them again', () => {
    const first = start();
    expect(statSync(join(dir, 'callfs-data')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, 'callfs-data/secrets.json')).mode & 0o777).toBe(0o600);
    expect(start().config.auth).toEqual(first.config.auth);
    expect(readdirSync(join(dir, 'callfs-data'))).toEqual(['secrets.json']);
  });

  it('writes nothing when it is only asked', () => {
    start({ keepSecrets: false });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('refuses a damaged secrets file, and says so without its content', () => {
    mkdirSync(join(dir, 'callfs-data'));
    writeFileSync(join(dir, 'callfs-data/secrets.json'), '{"api_key":"hidden-hidden-hidden"');
    expect(() => start()).toThrow(/secrets\.json does not hold the keys/);
    expect(() => start()).not.toThrow(/hidden/);
  });

  it('says why when there is a file in the way', () => {
    writeFileSync(join(dir, 'callfs-data'), '');
    expect(() => start()).toThrow(/callfs-data cannot be used \((EEXIST|ENOTDIR)\)\. Start it in a directory/);
  });

  it('is not what a single variable asks for', () => {
    expect(() => loadConfig({ cwd: dir, env: { CALLFS_LOG_LEVEL: 'warn' } })).toThrow(/auth\.api_keys: is missing/);
  });
});

it('has a variable of its own for every key', () => {
  const all = KEY_NAMES.flatMap((name) => variablesOf(name));
  expect(new Set(all).size).toBe(all.length);
});
