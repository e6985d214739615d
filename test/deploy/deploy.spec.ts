import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../apps/callfs/src/config/load-config';
import { requireTool } from '../support/engines';
import { useServer } from '../support/use-server';

const ROOT = resolve(__dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Service {
  build?: string;
  image?: string;
  volumes?: string[];
  environment?: Record<string, string>;
  healthcheck?: unknown;
  depends_on?: Record<string, { condition: string }>;
  read_only?: boolean;
}
interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
}

let work: string;
/** The compose file as Docker Compose itself understands it, with the variables of a fresh `.env`. */
let compose: Compose;

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'callfs-deploy-'));
  for (const path of ['docker-compose.yml', 'deploy']) cpSync(join(ROOT, path), join(work, path), { recursive: true });
  execFileSync('sh', ['deploy/make-env.sh'], { cwd: work });
  const tool = requireTool('docker-compose');
  // Debian's 1.29 takes the environment of the process before the file, so it gets none.
  const env = { PATH: process.env['PATH'] };
  const { stdout } = await promisify(execFile)(tool, ['--project-directory', work, '-f', 'docker-compose.yml', 'config'], {
    cwd: work,
    env,
  });
  compose = parse(stdout) as Compose;
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

it("make-env.sh writes secrets that are long, unequal and their owner's alone, and never overwrites them", () => {
  const values = readFileSync(join(work, '.env'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('=')[1] ?? '');
  expect(values.length).toBeGreaterThanOrEqual(8);
  expect(new Set(values).size).toBe(values.length);
  expect(values.every((value) => /^[0-9a-f]{48}$/.test(value))).toBe(true);
  expect(statSync(join(work, '.env')).mode & 0o777).toBe(0o600);
  expect(() => execFileSync('sh', ['deploy/make-env.sh'], { cwd: work, stdio: 'pipe' })).toThrow(/there already/);
});

it('the compose file has what a cluster needs, each with a health check and a pinned image', () => {
  const { services } = compose;
  const expected = ['front', 'grafana', 'node-1', 'node-2', 'postgres', 'prometheus', 'redis', 's3', 's3-bucket'];
  expect(Object.keys(services).sort()).toEqual(expected);
  for (const [name, { image, build, healthcheck }] of Object.entries(services)) {
    expect(image, name).toMatch(/^[a-z/]+:(?!latest)/);
    // The nodes' own is in the image.
    if (!build && name !== 's3-bucket') expect(healthcheck, name).toBeDefined();
  }
  for (const node of [services['node-1'], services['node-2']]) {
    expect(node).toMatchObject({ read_only: true });
    const conditions = Object.entries(node?.depends_on ?? {}).map(([name, { condition }]) => `${name} ${condition}`);
    expect(conditions.sort()).toEqual([
      'postgres service_healthy',
      'redis service_healthy',
      's3-bucket service_completed_successfully',
    ]);
  }
});

it('every file that a service mounts is there, and every volume it names is declared', () => {
  for (const [name, { volumes = [] }] of Object.entries(compose.services)) {
    for (const volume of volumes) {
      const source = volume.split(':')[0] ?? '';
      if (source.startsWith('/')) expect(existsSync(source), `${name}: ${source}`).toBe(true);
      else expect(Object.keys(compose.volumes), name).toContain(source);
    }
  }
});

it.each(['node-1', 'node-2'])('%s gets a configuration that is valid, with its secrets from the environment', (name) => {
  const { environment = {} } = compose.services[name] as Service;
  const { config } = loadConfig({ file: join(ROOT, 'deploy/callfs/config.yaml'), cwd: work, env: environment });
  expect(config.instanceDiscovery.instanceId).toBe(name);
  expect(config.metadataStore.type).toBe('postgres');
  expect(config.dlm).toMatchObject({ type: 'redis', redis: { addresses: ['redis:6379'] } });
  expect(config.backend).toMatchObject({ defaultBackend: 's3', s3: { bucketName: 'callfs', endpoint: 'http://s3:9000' } });
  expect(Object.keys(config.instanceDiscovery.peerEndpoints)).toEqual(['node-1', 'node-2']);
});

it('the image runs as an ordinary user, with a health check, from more than one stage', () => {
  const lines = read('Dockerfile').split('\n');
  expect(lines.filter((line) => line.startsWith('FROM '))).toHaveLength(2);
  expect(lines.findLast((line) => line.startsWith('USER '))).toBe('USER node');
  expect(lines.some((line) => line.startsWith('HEALTHCHECK '))).toBe(true);
  const copied = lines.filter((line) => /^COPY (?!--from)/.test(line)).flatMap((line) => line.split(' ').slice(1, -1));
  const ignored = read('.dockerignore').split('\n');
  for (const path of copied) {
    expect(existsSync(join(ROOT, path)), path).toBe(true);
    expect(ignored, path).toContain(`!${path}`);
  }
});

it('nginx accepts its configuration, and Prometheus its rules', async () => {
  const run = promisify(execFile);
  const conf = join(work, 'nginx.conf');
  // The names of the nodes are known to Docker alone.
  const text = read('deploy/nginx/nginx.conf').replace(/server node-\d:8443/g, 'server 127.0.0.1:8443');
  writeFileSync(conf, text);
  await run(requireTool('nginx'), ['-t', '-c', conf, '-g', `pid ${work}/nginx.pid; error_log stderr;`]);
  const { stdout } = await run(requireTool('promtool', ['prometheus']), ['check', 'config', 'deploy/prometheus/prometheus.yml'], {
    cwd: ROOT,
  });
  expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
});

const server = useServer();

it('the dashboard and the alerts name only metrics that a node has, and all of its own', async () => {
  const { text: metrics } = await server.client().request('GET', '/metrics');
  const types = [...metrics.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({ name, type }));
  const names = new Set(
    types.flatMap(({ name, type }) => (type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name])),
  );
  names.add('up');
  const dashboard = JSON.parse(read('deploy/grafana/dashboards/callfs.json')) as { panels: { targets?: { expr: string }[] }[] };
  const rules = parse(read('deploy/prometheus/alerts.yml')) as { groups: { rules: { expr: string }[] }[] };
  const expressions = [
    ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr)),
  ];
  const used = expressions.flatMap((expr) =>
    [...expr.matchAll(/\b((?:callfs|process|nodejs)_\w+|up(?=\{))/g)].map(([, name = '']) => name),
  );
  expect(used.length).toBeGreaterThan(30);
  expect([...new Set(used)].filter((name) => !names.has(name))).toEqual([]);
  // Every metric of ours is on the dashboard or in an alert: one that nobody looks at is not worth its cost.
  const own = types.map(({ name }) => name).filter((name) => name.startsWith('callfs_'));
  const seen = new Set(used.map((name) => name.replace(/_(bucket|sum|count)$/, '')));
  expect(own.filter((name) => !seen.has(name) && !used.includes(name))).toEqual([]);
});
