import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { TestCluster } from '../support/cluster';
import type { Fault } from '../support/fault-proxy';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { storedFiles } from '../support/storage-root';
import { flipByte } from '../upkeep/flip-byte';
import { giveTo, putOn } from './replicas';
import { pollEmptyStaging } from './staging';

const MIB = 1024 * 1024;
const bytes = patternBytes(1, 4 * MIB);

let cluster: TestCluster;
let one: Client;
let two: Client;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, proxied: true });
  one = cluster.node(1).client();
  two = cluster.node(2).client();
  await must(one.put('/on-1', bytes));
  await must(two.put('/on-2', bytes));
});
afterEach(() => void (cluster.way(2).fault = () => undefined));
afterAll(() => cluster?.stop());

/** What the way to node 2 does to blobs. */
function breakBlobs(method: 'GET' | 'PUT', fault: Fault): void {
  cluster.way(2).fault = (request) =>
    request.method === method && request.path.startsWith('/internal/v1/blobs/') ? fault : undefined;
}

it.each<[string, string, string, 'GET' | 'PUT', Fault]>([
  ['the node that has the bytes dies in the middle of them', '/on-2', 'node-1', 'GET', { cutAfter: MIB }],
  ['it sends other bytes than those that were written', '/on-2', 'node-1', 'GET', { rewrite: flipped }],
  ['the node that is to have them fails', '/on-1', 'node-2', 'PUT', { status: 500, body: '{"code":"INTERNAL_ERROR"}' }],
])('N3 %s: 502, and all of them are where they were, and nowhere else', async (_, path, instance, method, fault) => {
  breakBlobs(method, fault);
  expect((await one.patch(path, { instance })).outcome).toBe('502 PEER_UNAVAILABLE');
  cluster.way(2).fault = () => undefined;
  for (const node of cluster.nodes) {
    expect(await pollEmptyStaging(node.dataDir)).toEqual([]);
    expect((await storedFiles(node.dataDir)).blobs).toHaveLength(1);
    const answer = await must(node.client().get(path));
    expect([sha256(answer.body), answer.header('x-callfs-instance-id')]).toEqual([sha256(bytes), `node-${path.at(-1)}`]);
  }
});

it('no blob is given up for one that is missing: the file stays where it is', async () => {
  const [, missing = ''] = await putOn(cluster, '/twice', bytes, 1, 2);
  await rm(missing);
  expect((await one.patch('/twice', { instance: 'node-2' })).outcome).toBe('503 BACKEND_UNAVAILABLE');
  for (const client of [one, two]) expect(sha256((await must(client.get('/twice'))).body)).toBe(sha256(bytes));
});

it('C6: nor for one whose bytes have rotted: it is read before', async () => {
  const [, rotten = ''] = await putOn(cluster, '/rotten-there', bytes, 1, 2);
  await flipByte(rotten, 3 * MIB);
  expect((await one.patch('/rotten-there', { instance: 'node-2' })).outcome).toBe('502 PEER_UNAVAILABLE');
  expect(sha256((await must(one.get('/rotten-there'))).body)).toBe(sha256(bytes));
});

it('C6: nor for one that somebody else puts there while the bytes are on their way: it is read as well', async () => {
  const [sound = ''] = await putOn(cluster, '/meanwhile', bytes, 1);
  let rotten: Promise<string> | undefined;
  cluster.way(2).fault = ({ method }) => {
    if (method !== 'PUT') return undefined;
    rotten ??= giveTo(cluster, 2, sound, 1, (copy) => flipByte(copy, 3 * MIB));
    return { until: rotten };
  };
  expect((await one.patch('/meanwhile', { instance: 'node-2' })).outcome).toBe('502 PEER_UNAVAILABLE');
  expect(sha256((await must(one.get('/meanwhile'))).body)).toBe(sha256(bytes));
});

it('C6: nor when there are too many, be it the one at its own place that is missing or has rotted', async () => {
  const [missing = ''] = await putOn(cluster, '/too-many', bytes, 1, 2);
  const [rotten = '', sound = ''] = await putOn(cluster, '/too-many-rotten', bytes, 1, 2);
  await rm(missing);
  await flipByte(rotten, 3 * MIB);
  await cluster.node(2).restart({ CALLFS_STORAGE_REPLICA_GRACE: '1s' });
  const told = cluster.node(2).output.length;
  await cluster.node(2).waitFor(/A blob of this file is missing from its backend/, told);
  await cluster.node(2).waitFor(/The node that has the content stopped in the middle of it/, told);
  for (const client of [one, two]) expect(sha256((await must(client.get('/too-many'))).body)).toBe(sha256(bytes));
  expect(existsSync(sound)).toBe(true);
  expect(sha256((await must(two.get('/too-many-rotten'))).body)).toBe(sha256(bytes));
});

function flipped(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk);
  copy[0] = (copy[0] ?? 0) ^ 1;
  return copy;
}
