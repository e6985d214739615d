import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bare } from './bare.mjs';
import { AUTHORIZATION } from './callfs.mjs';
import { download, durableFiles, fetches, heads, nodeLoop, upload, wrk } from './load.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;
const LARGE = 256 * MIB;
/** Different files of one size that are asked for at random. */
const NAMES = 1000;

/**
 * Every work: `prepare` once for both sides, then `ours` and `beside` in turns, each a rate (more is better). `reach` is
 * what `--check` asks of the median of the ratios.
 */
export const WORKS = [
  ...[16, 64].flatMap((connections) => [
    small('GET', 'get-1k', KIB, connections, 0.35),
    small('GET', 'get-4k', 4 * KIB, connections, 0.35),
    small('HEAD', 'head-4k', 4 * KIB, connections, 0.35),
    small('GET', 'get-64k', 64 * KIB, connections, 0.45),
  ]),
  large('get-256m', 'GET 256 MiB', [], 0.9),
  large('range-1m', 'GET 1 MiB in the middle of 256', [`Range: bytes=${LARGE / 2 + 100}-${LARGE / 2 + MIB + 99}`], 0.9),
  ...[16, 64].flatMap((connections) => [
    put('put-4k-new', 'new names', 0, connections),
    put('put-4k-replace', 'replacing', NAMES, connections),
  ]),
  putSqlite(),
  putLarge(),
  ...[10_000, 100_000].flatMap((entries) => [list(entries, 'json'), list(entries, 'ndjson')]),
  ...[16, 64].flatMap((connections) => [clusterGet(connections), clusterPut(connections)]),
  twoNodes('GET'),
  twoNodes('PUT'),
  peerGet('peer-get-64k', 'GET 64 KiB', 64 * KIB, 0.5, ({ tools, seconds }, { url }, prefix) =>
    wrk(tools.wrk, { url, connections: 16, seconds, method: 'GET', prefix, names: NAMES, headers: [AUTHORIZATION] }),
  ),
  peerGet('peer-get-256m', 'GET 256 MiB', LARGE, 0.8, ({ tools, seconds }, { port }, prefix) =>
    download(tools.transfer, { port, path: `${prefix}0`, seconds, headers: [AUTHORIZATION] }),
  ),
  // What Node comes to that does nothing of what CallFS is for.
  ...[16, 64].flatMap((connections) => [barePut(connections), bareClusterPut(connections)]),
  bareRelay(),
];

function small(method, name, size, connections, reach) {
  const ask = ({ tools, seconds }, { url, port }, root, headers) => {
    const load = { url, port, connections, seconds, method, prefix: `${root}/f${size}-`, names: NAMES, headers };
    return method === 'HEAD' ? heads(tools.heads, load) : wrk(tools.wrk, load);
  };
  return {
    name: `${name}-${connections}`,
    title: `${method} ${size / KIB} KiB, ${connections} connections`,
    beside: 'nginx',
    reach,
    unit: 'requests/s',
    prepare: (sides) => sameFiles(sides, `f${size}-`, NAMES, size),
    ours: (sides) => ask(sides, sides.callfs, '/v1/files/bench', [AUTHORIZATION]),
    other: (sides) => ask(sides, sides.nginx, '', []),
  };
}

function large(name, title, headers, reach) {
  const path = `f${LARGE}-0`;
  return {
    name,
    title,
    beside: 'nginx',
    reach,
    unit: 'bytes/s',
    prepare: (sides) => sameFiles(sides, `f${LARGE}-`, 1, LARGE),
    ours: ({ tools, seconds, callfs }) =>
      download(tools.transfer, {
        port: callfs.port,
        path: `/v1/files/bench/${path}`,
        seconds,
        headers: [AUTHORIZATION, ...headers],
      }),
    other: ({ tools, seconds, nginx }) => download(tools.transfer, { port: nginx.port, path: `/${path}`, seconds, headers }),
  };
}

function put(name, title, names, connections) {
  const size = 4 * KIB;
  return {
    name: `${name}-${connections}`,
    title: `PUT 4 KiB, ${title}, ${connections} connections`,
    beside: '16 threads: create, write, fsync',
    reach: 0.8,
    usesDisk: true,
    unit: 'requests/s',
    prepare: ({ callfs }) => inParallel(names, (number) => callfs.request('PUT', `/v1/files/bench/${name}/${number}`, 'x')),
    ours: ({ tools, seconds, callfs }) =>
      wrk(tools.wrk, {
        url: callfs.url,
        connections,
        seconds,
        method: 'PUT',
        prefix: `/v1/files/bench/${name}/`,
        names,
        size,
        headers: [AUTHORIZATION],
      }),
    other: (sides) =>
      inFreshDirectory(sides, (directory) =>
        durableFiles(sides.tools.durableFiles, { directory, threads: 16, size, seconds: sides.seconds }),
      ),
  };
}

function putSqlite() {
  const { ours } = put('put-4k-sqlite', '', 0, 16);
  return {
    name: 'put-4k-sqlite',
    title: 'PUT 4 KiB, new names, 16 connections',
    beside: 'one loop of SQLite commits',
    usesDisk: true,
    unit: 'requests/s',
    prepare: async () => {},
    ours,
    other: (sides) =>
      inFreshDirectory(sides, (directory) =>
        nodeLoop('sqlite-commits.mjs', [join(directory, 'database'), 4 * KIB, sides.seconds]),
      ),
  };
}

function putLarge() {
  return {
    name: 'put-256m',
    title: 'PUT 256 MiB',
    beside: 'nginx WebDAV, no fsync',
    reach: 0.5,
    usesDisk: true,
    unit: 'bytes/s',
    prepare: async () => {},
    ours: async ({ tools, seconds, callfs }) => {
      const rate = await upload(tools.transfer, {
        port: callfs.port,
        path: '/v1/files/bench/put-256m/',
        seconds,
        size: LARGE,
        headers: [AUTHORIZATION],
      });
      await callfs.request('DELETE', '/v1/files/bench/put-256m?recursive=true');
      return rate;
    },
    other: async ({ tools, seconds, nginx }) => {
      const rate = await upload(tools.transfer, { port: nginx.port, path: '/put-256m/', seconds, size: LARGE });
      rmSync(join(nginx.files, 'put-256m'), { recursive: true });
      return rate;
    },
  };
}

function list(entries, format) {
  const directory = `list-${entries}`;
  const path = format === 'json' ? `/v1/files/${directory}` : `/v1/directories/${directory}`;
  const headers = [AUTHORIZATION, ...(format === 'json' ? [] : ['Accept: application/x-ndjson'])];
  return {
    name: `list-${entries / 1000}k-${format}`,
    title: `list ${entries.toLocaleString('en')} entries, ${format.toUpperCase()}`,
    beside: 'bare SQL scan and JSON.stringify',
    reach: 0.7,
    unit: 'lists/s',
    prepare: (sides) => fillDirectory(sides, directory, entries),
    ours: ({ tools, seconds, callfs }) => fetches(tools.transfer, { port: callfs.port, path, seconds, headers }),
    other: ({ seconds, callfs }) => nodeLoop('bare-scan.mjs', [callfs.database, directory, seconds, format]),
  };
}

/** A node on PostgreSQL and Redis, beside the one statement that it cannot do without. */
function clusterGet(connections) {
  const size = 4 * KIB;
  const prefix = '/v1/files/bench/cluster-get/';
  return {
    name: `cluster-get-4k-${connections}`,
    title: `cluster: GET 4 KiB, ${connections} connections`,
    beside: 'pgbench: one prepared select',
    reach: 0.6,
    by: 'node',
    needsCluster: true,
    unit: 'requests/s',
    prepare: async (sides) => {
      await sides.postgres.prepareRows(size);
      await once(sides, prefix, () =>
        inParallel(NAMES, (number) => sides.node.request('PUT', `${prefix}${number}`, randomBytes(size))),
      );
    },
    ours: ({ tools, seconds, node }) =>
      wrk(tools.wrk, { url: node.url, connections, seconds, method: 'GET', prefix, names: NAMES, headers: [AUTHORIZATION] }),
    other: ({ seconds, postgres }) => postgres.bench({ connections, seconds, statement: 'SELECT data FROM kept WHERE id = :id' }),
  };
}

function clusterPut(connections) {
  const size = 4 * KIB;
  const prefix = `/v1/files/bench/cluster-put-${connections}/`;
  const statement = `INSERT INTO kept (id, data) VALUES (:id, decode(repeat('62', ${size}), 'hex'))
    ON CONFLICT (id) DO UPDATE SET data = excluded.data`.replaceAll(/\s+/g, ' ');
  return {
    name: `cluster-put-4k-${connections}`,
    title: `cluster: PUT 4 KiB with Redis lock, replacing, ${connections} connections`,
    beside: 'pgbench: one durable upsert',
    reach: 0.5,
    by: 'node',
    needsCluster: true,
    usesDisk: true,
    unit: 'requests/s',
    prepare: async ({ node, postgres }) => {
      await postgres.prepareRows(size);
      await inParallel(NAMES, (number) => node.request('PUT', `${prefix}${number}`, 'x'));
    },
    ours: ({ tools, seconds, node }) =>
      wrk(tools.wrk, {
        url: node.url,
        connections,
        seconds,
        method: 'PUT',
        prefix,
        names: NAMES,
        size,
        headers: [AUTHORIZATION],
      }),
    other: ({ seconds, postgres }) => postgres.bench({ connections, seconds, statement }),
  };
}

/** Two processes beside one, with as many connections: what more of them bring on this machine. */
function twoNodes(method) {
  const size = 4 * KIB;
  const prefix = `/v1/files/bench/two-nodes-${method.toLowerCase()}/`;
  const load = { method, prefix, names: NAMES, size: method === 'PUT' ? size : 0, headers: [AUTHORIZATION] };
  return {
    name: `two-nodes-${method.toLowerCase()}-4k`,
    title: `cluster: ${method} 4 KiB, 32 connections to each of two nodes`,
    beside: '64 to one of them',
    by: 'node',
    needsCluster: true,
    usesDisk: method === 'PUT',
    unit: 'requests/s',
    prepare: ({ node }) => inParallel(NAMES, (number) => node.request('PUT', `${prefix}${number}`, randomBytes(size))),
    ours: async ({ tools, seconds, node, second }) => {
      const rates = [node, second].map(({ url }) => wrk(tools.wrk, { ...load, url, seconds, connections: 32 }));
      return (await Promise.all(rates)).reduce((sum, rate) => sum + rate);
    },
    other: ({ tools, seconds, node }) => wrk(tools.wrk, { ...load, url: node.url, seconds, connections: 64 }),
  };
}

/** A node that has the metadata but not the blob, beside the node that has it; both have been asked for everything before. */
function peerGet(name, title, size, reach, ask) {
  const prefix = `/v1/files/bench/${name}/`;
  return {
    name,
    title: `cluster: ${title} of another node's blob`,
    beside: 'the same from that node',
    reach,
    by: 'second',
    needsCluster: true,
    unit: size === LARGE ? 'bytes/s' : 'requests/s',
    prepare: ({ node, second }) =>
      inParallel(size === LARGE ? 1 : NAMES, async (number) => {
        await node.request('PUT', `${prefix}${number}`, randomBytes(size));
        for (const side of [second, node, node]) await side.request('GET', `${prefix}${number}`);
      }),
    ours: (sides) => ask(sides, sides.second, prefix),
    other: (sides) => ask(sides, sides.node, prefix),
  };
}

function barePut(connections) {
  const { title, ours, ...rest } = put('bare-put-4k', 'new names', 0, connections);
  return {
    ...rest,
    name: `bare-put-4k-${connections}`,
    ...bare(title, ({ directory }) => ['sqlite', join(directory, `bare-${connections}.sqlite`)]),
    ours: (sides) => ours({ ...sides, callfs: sides.bare }),
  };
}

function bareClusterPut(connections) {
  const { title, ours, ...rest } = clusterPut(connections);
  return {
    ...rest,
    name: `bare-cluster-put-4k-${connections}`,
    ...bare(title, async ({ postgres, redis }) => {
      await postgres.prepareRows(4 * KIB);
      return ['postgres', postgres.dsn, redis.address];
    }),
    ours: (sides) => ours({ ...sides, node: sides.bare }),
  };
}

function bareRelay() {
  const path = '/v1/files/bench/bare-relay';
  const get = ({ tools, seconds }, { port }) => download(tools.transfer, { port, path, seconds, headers: [AUTHORIZATION] });
  return {
    name: 'bare-relay-256m',
    ...bare("GET 256 MiB of another node's blob", async ({ node }) => {
      await node.request('PUT', path, randomBytes(LARGE));
      return ['relay', node.port];
    }),
    beside: 'the same from that node',
    needsCluster: true,
    unit: 'bytes/s',
    ours: (sides) => get(sides, sides.bare),
    other: (sides) => get(sides, sides.node),
  };
}

/** The parts of a work whose side is a bare server; `start` prepares it and gives the arguments of bare-server.mjs. */
function bare(title, start) {
  return {
    title: `a bare Node server: ${title}`,
    by: 'bare',
    reach: undefined,
    prepare: async (sides) => {
      sides.bare = await Bare.start(...(await start(sides)));
      sides.servers.unshift(sides.bare);
    },
  };
}

/** What an earlier work has made is there. */
async function once({ made }, what, work) {
  if (made.has(what)) return;
  made.add(what);
  await work();
}

/** The same files on both sides, unless an earlier work has made them. */
async function sameFiles({ callfs, nginx, made }, prefix, count, size) {
  if (made.has(prefix)) return;
  made.add(prefix);
  await inParallel(count, async (number) => {
    const content = randomBytes(size);
    writeFileSync(join(nginx.files, `${prefix}${number}`), content);
    await callfs.request('PUT', `/v1/files/bench/${prefix}${number}`, content);
  });
}

async function fillDirectory({ callfs, made }, directory, entries) {
  if (made.has(directory)) return;
  made.add(directory);
  await callfs.request('POST', `/v1/files/${directory}/`);
  await inParallel(entries, (number) =>
    callfs.request(
      'PUT',
      `/v1/files/${directory}/some file of everyday length ${String(number).padStart(6, '0')}.txt`.replaceAll(' ', '%20'),
      'x',
    ),
  );
}

async function inParallel(count, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

/** It stays until the run is over: removing thousands of files keeps a disk busy for as long as making them did. */
async function inFreshDirectory({ directory }, work) {
  const fresh = join(directory, `loop-${randomBytes(4).toString('hex')}`);
  mkdirSync(fresh);
  return work(fresh);
}
