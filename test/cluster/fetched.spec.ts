import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';

/* What a node has once fetched of another one is read from its own memory, and is never old. */

let cluster: TestCluster;
let east: Client;
let west: Client;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2 });
  east = cluster.node(1).client();
  west = cluster.node(2).client();
});
afterAll(() => cluster?.stop());

const content = (size: number, seed: number) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + seed) & 0xff));

async function fetches(): Promise<number> {
  const { text } = await east.request('GET', '/metrics');
  return Number(/^callfs_cross_server_operations_total\{operation="read",status="ok"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

it('is fetched once, also for parts of it', async () => {
  const bytes = content(100_000, 1);
  await must(west.put('/once', bytes));
  const before = await fetches();
  for (let time = 0; time < 3; time++) expect((await east.get('/once')).body.equals(bytes)).toBe(true);
  const part = await east.get('/once', { range: 'bytes=65530-65600' });
  expect([part.status, part.body.equals(bytes.subarray(65_530, 65_601))]).toEqual([206, true]);
  expect(await fetches()).toBe(before + 1);
});

it('P3: is what the file has now, after every change on the other node', async () => {
  for (let version = 0; version < 10; version++) {
    const bytes = content(20_000, version);
    await must(west.put('/changing', bytes));
    for (let time = 0; time < 2; time++) expect((await east.get('/changing')).body.equals(bytes)).toBe(true);
  }
  const alice = cluster.node(1).client('alice');
  expect((await alice.get('/changing')).status).toBe(200);
  await must(west.patch('/changing', { mode: '0600' }));
  expect((await alice.get('/changing')).outcome).toBe('403 PERMISSION_DENIED');
  await must(west.delete('/changing'));
  expect((await east.get('/changing')).outcome).toBe('404 FILE_NOT_FOUND');
});

it('is fetched every time when it is large', async () => {
  await must(west.put('/large', content(300_000, 3)));
  const before = await fetches();
  for (let time = 0; time < 3; time++) await must(east.get('/large'));
  expect(await fetches()).toBe(before + 3);
});

it('is there also when that node is not', async () => {
  const bytes = content(50_000, 4);
  await must(west.put('/kept', bytes));
  await must(west.put('/never-asked-for', bytes.subarray(1)));
  await must(east.get('/kept'));
  await cluster.node(2).kill();
  expect((await east.get('/kept')).body.equals(bytes)).toBe(true);
  expect((await east.get('/never-asked-for')).outcome).toBe('502 PEER_UNAVAILABLE');
});
