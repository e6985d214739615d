// Starts a cluster on this machine for trying it out: a private PostgreSQL and Redis and three nodes, all on loopback.
// Everything is kept in ./callfs-cluster/ and is there again at the next start. Ctrl-C stops all of it.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

const USAGE = `npm run cluster [-- OPTIONS]

  --nodes N     how many nodes (3)
  --port P      the port of the first node; the others, Redis and PostgreSQL follow (8443)
  --dir D       where everything is kept (./callfs-cluster)
`;
const CLI = fileURLToPath(new URL('../dist/apps/callfs/src/cli.js', import.meta.url));
const START_TIMEOUT_MS = 60_000;

const children = [];
let stopping = false;

async function main() {
  const { values } = parseArgs({
    options: {
      nodes: { type: 'string', default: '3' },
      port: { type: 'string', default: '8443' },
      dir: { type: 'string', default: 'callfs-cluster' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const [count, port] = [values.nodes, values.port].map((text) => Number.parseInt(text, 10));
  if (!(count >= 1 && count <= 16 && port > 0 && port + count + 1 < 65_536))
    throw new Error(`--nodes is 1 to 16, --port a port.\n\n${USAGE}`);
  const directory = resolve(values.dir);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const secrets = loadSecrets(join(directory, 'secrets.json'));

  say('starting Redis');
  const redisPort = port + count;
  await startRedis(join(directory, 'redis'), redisPort, secrets);
  say('starting PostgreSQL');
  const postgresPort = redisPort + 1;
  await startPostgres(join(directory, 'postgres'), postgresPort, secrets);

  const nodes = Array.from({ length: count }, (_, i) => ({ id: `node-${i + 1}`, port: port + i }));
  const peers = Object.fromEntries(nodes.map((node) => [node.id, `http://127.0.0.1:${node.port}`]));
  // The first makes the tables; the others find them.
  for (const node of nodes) {
    say(`starting ${node.id}`);
    await startNode(join(directory, node.id), node, peers, { redisPort, postgresPort, secrets });
  }
  process.stdout.write(greeting(nodes, secrets, directory));
}

function loadSecrets(path) {
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  const names = ['apiKey', 'proxySecret', 'linkSecret', 'postgresPassword', 'redisPassword'];
  const secrets = Object.fromEntries(names.map((name) => [name, randomBytes(24).toString('hex')]));
  writeFileSync(path, JSON.stringify(secrets), { mode: 0o600 });
  return secrets;
}

async function startRedis(directory, port, { redisPassword }) {
  const server = find('redis-server', [], 'redis-server');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const config = join(directory, 'redis.conf');
  const lines = [
    `bind 127.0.0.1`,
    `port ${port}`,
    `requirepass ${redisPassword}`,
    `dir ${directory}`,
    'save ""',
    'maxmemory-policy noeviction',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  await run('Redis', server, [config], { log: join(directory, 'log') }, () => answers(port));
}

async function startPostgres(directory, port, { postgresPassword }) {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').sort((a, b) => b - a) : [];
  const bins = versions.map((version) => `/usr/lib/postgresql/${version}/bin`);
  const [postgres, initdb] = ['postgres', 'initdb'].map((name) => find(name, bins, 'postgresql'));
  // PostgreSQL refuses to run as root.
  const owner = process.getuid() === 0 ? idsOf('postgres') : {};
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (owner.uid !== undefined) chownSync(directory, owner.uid, owner.gid);
  if (owner.uid !== undefined && spawnSync('ls', [directory], { ...owner, cwd: '/' }).status !== 0)
    throw new Error(
      `PostgreSQL does not run as root, and its user may not enter ${directory}. Choose another place: --dir /var/tmp/callfs-cluster`,
    );
  const data = join(directory, 'data');
  if (!existsSync(join(data, 'PG_VERSION'))) {
    const password = join(directory, 'password');
    writeFileSync(password, postgresPassword, { mode: 0o600 });
    if (owner.uid !== undefined) chownSync(password, owner.uid, owner.gid);
    const options = [
      '-D',
      data,
      '-U',
      'callfs',
      '--auth=scram-sha-256',
      `--pwfile=${password}`,
      '--encoding=UTF8',
      '--locale=C',
      '--data-checksums',
    ];
    execFileSync(initdb, options, { ...owner, cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const options = [
    '-D',
    data,
    '-p',
    String(port),
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    `unix_socket_directories=${directory}`,
  ];
  await run('PostgreSQL', postgres, options, { ...owner, cwd: directory, log: join(directory, 'log') }, () => answers(port));
}

async function startNode(directory, { id, port }, peers, { redisPort, postgresPort, secrets }) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const config = join(directory, 'config.yaml');
  const settings = {
    server: { listen_addr: `127.0.0.1:${port}`, protocol: 'http', external_url: peers[id] },
    auth: { api_keys: [secrets.apiKey], internal_proxy_secret: secrets.proxySecret, single_use_link_secret: secrets.linkSecret },
    backend: { localfs_root_path: join(directory, 'data') },
    metadata_store: { dsn: `postgres://callfs:${secrets.postgresPassword}@127.0.0.1:${postgresPort}/postgres?sslmode=disable` },
    dlm: { redis_addr: [`127.0.0.1:${redisPort}`], redis_password: secrets.redisPassword },
    instance_discovery: { instance_id: id, peer_endpoints: peers },
  };
  writeFileSync(config, stringify(settings), { mode: 0o600 });
  const args = [CLI, 'server', '--config', config, '--wait-for-dependencies', '30s'];
  await run(
    id,
    process.execPath,
    args,
    { cwd: directory, log: join(directory, 'log') },
    async () => (await fetch(`${peers[id]}/health`)).ok,
  );
}

/** Starts a program and waits until it is ready; when it ends before all is stopped, everything is. */
async function run(name, program, args, { log, ...options }, ready) {
  const output = openSync(log, 'a', 0o600);
  const child = spawn(program, args, { ...options, stdio: ['ignore', output, output] });
  const ended = new Promise((end) => child.once('close', end));
  children.push({ name, child, ended });
  child.once('error', (error) => fail(`${name} cannot be started: ${error.message}`));
  child.once('close', (code, signal) => {
    if (!stopping) fail(`${name} has ended (${signal ?? code}). The end of its log, ${log}:\n${tail(log)}`);
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await ready().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`${name} was not ready after ${START_TIMEOUT_MS / 1000} s. See ${log}.`);
    await delay(100);
  }
}

function answers(port) {
  return new Promise((settle) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => settle(true) ?? socket.destroy());
    socket.once('error', () => settle(false));
  });
}

function find(tool, places, debianPackage) {
  const folders = [...places, ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const found = folders.map((folder) => join(folder, tool)).find((path) => existsSync(path));
  if (found) return found;
  throw new Error(`The cluster needs ${tool}. Install it: apt-get install --no-install-recommends ${debianPackage}`);
}

function idsOf(user) {
  const id = (flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

function tail(path) {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-10).join('\n');
}

function greeting(nodes, { apiKey }, directory) {
  const [first, second = first] = nodes.map(({ port }) => `http://127.0.0.1:${port}`);
  return `
${nodes.length} nodes are up, one filesystem: ${nodes.map(({ port }) => `http://127.0.0.1:${port}`).join('  ')}

  API key   ${apiKey}
  Upload    curl -H "Authorization: Bearer ${apiKey}" --data-binary "Hello" ${first}/v1/files/hello.txt
  Download  curl -H "Authorization: Bearer ${apiKey}" ${second}/v1/files/hello.txt
  Nodes     CALLFS_URL=${first} CALLFS_API_KEY=${apiKey} ./callfs nodes list

Everything is kept in ${directory}. Ctrl-C stops it.
`;
}

function say(line) {
  process.stderr.write(`cluster: ${line}\n`);
}

function fail(message) {
  process.stderr.write(`cluster: ${message}\n`);
  process.exitCode = 1;
  void stop();
}

/** In the opposite order: no node loses what it works with while it still has requests. */
async function stop() {
  if (stopping) return;
  stopping = true;
  for (const { child, ended, name } of children.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    // SIGINT is PostgreSQL's fast way to stop: SIGTERM would wait for its clients.
    child.kill(name === 'PostgreSQL' ? 'SIGINT' : 'SIGTERM');
    await ended;
  }
  process.exit();
}

process.on('SIGINT', () => void stop());
process.on('SIGTERM', () => void stop());
main().catch((error) => fail(error.message));
