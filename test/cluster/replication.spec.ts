import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileSizeOf } from '../../libs/storage/src/blob-format';
import type { Client } from '../support/client';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import type { TestServer } from '../support/server';
import { storedFiles } from '../support/storage-root';
import { begun, send } from '../uploads/tus-client';
import { findings } from '../upkeep/events';

const MIB = 1024 * 1024;
const FILES = 6;
const contentOf = (serial: number): Buffer => patternBytes(serial, 200_000 + serial);

let cluster: TestCluster;
const node = (number: number): TestServer => cluster.node(number);
const client = (number: number): Client => node(number).client();

beforeAll(async () => {
  const storage = { replicas: 2, replica_grace: '1s', collect_grace: '0s', orphan_grace: '4s' };
  cluster = await TestCluster.start({ nodes: 3, config: { storage } });
  // They started at the same time: each is to know the others before the first write.
  for (const number of [1, 2, 3]) await must(client(number).request('GET', '/v1/admin/nodes'));
});
afterAll(() => cluster?.stop());

/** How many blobs are on the disks of these nodes, in all. */
async function blobsOn(...numbers: number[]): Promise<number> {
  const disks = await Promise.all(numbers.map((number) => storedFiles(node(number).dataDir)));
  return disks.reduce((sum, { blobs }) => sum + blobs.length, 0);
}

async function metric(number: number, line: RegExp): Promise<number> {
  const { text } = await must(client(number).request('GET', '/metrics'));
  return Number(new RegExp(`^${line.source} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}

const underReplicated = (number: number): Promise<number> => metric(number, /callfs_under_replicated_contents/);

/** What these nodes count as having too few copies, once they all count so many. */
function pollUnder(expected: number, ...numbers: number[]): Promise<void> {
  const counts = () => Promise.all(numbers.map(underReplicated));
  return expect.poll(counts, { timeout: 60_000, interval: 200 }).toEqual(numbers.map(() => expected));
}

async function expectFiles(names: readonly string[], ...numbers: number[]): Promise<void> {
  for (const number of numbers)
    for (const [serial, name] of names.entries()) {
      const answer = await must(client(number).get(name));
      expect([number, name, sha256(answer.body)]).toEqual([number, name, sha256(contentOf(serial))]);
    }
}

const names = Array.from({ length: FILES }, (_, serial) => `/file-${serial}`);

it('what is acknowledged is on two nodes: by PUT, in parts, and as a copy of another', async () => {
  for (const [serial, name] of names.entries()) await must(client((serial % 3) + 1).put(name, contentOf(serial)));
  expect(await blobsOn(1, 2, 3)).toBe(2 * FILES);
  expect(await metric(1, /callfs_replica_copies_total\{reason="write",status="ok"\}/)).toBe(FILES / 3);
  await must(client(1).copy('/file-0', '/copied'));
  const bytes = patternBytes(50, 2 * MIB);
  const upload = await begun(client(1), bytes.length, { path: '/parts' });
  await must(send(client(1), upload, 0, bytes));
  expect(await blobsOn(1, 2, 3)).toBe(2 * FILES + 2);
  // A write that is refused at its end leaves nothing anywhere.
  const refused = await client(2).put('/parts', contentOf(1), { 'if-match': '"other"' });
  expect(refused.outcome).toBe('412 PRECONDITION_FAILED');
  await must(client(2).delete('/copied'));
  await must(client(2).delete('/parts'));
  await expect.poll(() => blobsOn(1, 2, 3), { timeout: 60_000 }).toBe(2 * FILES);
});

it('one that is overwritten, moved to another node or to a third has two again', async () => {
  await must(client(1).put('/file-0', contentOf(7)));
  await must(client(1).put('/file-0', contentOf(0)));
  for (const instance of ['node-1', 'node-2', 'node-3']) {
    await must(client(2).patch('/file-0', { instance }));
    expect((await client(3).head('/file-0')).header('x-callfs-instance-id')).toBe(instance);
    await expect.poll(() => blobsOn(1, 2, 3), { timeout: 60_000 }).toBe(2 * FILES);
  }
  await expectFiles(names, 1, 2, 3);
});

it('a node dies for good: every file is read all the same, and has two copies again', async () => {
  await node(3).kill();
  await expectFiles(names, 1, 2);
  await must(client(1).put('/meanwhile', contentOf(60)));
  // Both that are left have everything, once the third has been away for long enough.
  await expect.poll(() => blobsOn(1, 2), { timeout: 60_000, interval: 200 }).toBe(2 * (FILES + 1));
  await pollUnder(0, 1, 2);
  await expectFiles(names, 1, 2);
}, 240_000);

it('it comes back: what it had is nobody’s any more and goes', async () => {
  await node(3).start();
  await expect.poll(() => blobsOn(3), { timeout: 60_000, interval: 200 }).toBe(0);
  await expectFiles(names, 1, 2, 3);
  await pollUnder(0, 1, 2, 3);
  await expectClean();
}, 240_000);

it('with one node alone writes go on, it is told what has too few copies, and the node that returns gets them', async () => {
  await node(2).stop();
  await node(3).stop();
  await must(client(1).put('/alone', contentOf(70)));
  expect(sha256((await client(1).get('/alone')).body)).toBe(sha256(contentOf(70)));
  await pollUnder(FILES + 2, 1);
  await node(2).start();
  await pollUnder(0, 1, 2);
  expect(await blobsOn(2)).toBe(FILES + 2);
  await node(1).kill();
  const answer = await must(client(2).get('/alone'));
  expect(sha256(answer.body)).toBe(sha256(contentOf(70)));
  await expectFiles(names, 2);
  await node(1).start();
  await node(3).start();
  await expectClean();
}, 240_000);

it('what is too many goes, and what was kept once is kept twice, when the number is changed', async () => {
  const files = FILES + 2;
  for (const [replicas, copies] of [
    ['1', 1],
    ['2', 2],
  ] as const) {
    for (const each of cluster.nodes) await each.restart({ CALLFS_STORAGE_REPLICAS: replicas });
    await expect.poll(() => blobsOn(1, 2, 3), { timeout: 60_000, interval: 200 }).toBe(copies * files);
    await expectFiles(names, 1, 2, 3);
  }
}, 240_000);

it('kill -9 between the copies and the commit leaves nothing', async () => {
  await node(3).restart({ CALLFS_DEBUG_PAUSE_AT: 'staged' });
  const said = node(3).output.length;
  const answered = client(3)
    .put('/lost', contentOf(80))
    .catch(() => undefined);
  await node(3).waitFor(/^paused staged$/m, said);
  expect(await blobsOf(contentOf(80).length)).toBe(2);
  await node(3).kill();
  expect(await answered).toBeUndefined();
  await node(3).start();
  expect((await client(1).get('/lost')).status).toBe(404);
  await expect.poll(() => blobsOf(contentOf(80).length), { timeout: 60_000, interval: 200 }).toBe(0);
}, 240_000);

/** How many blobs of so many bytes are on the disks: the healer sees to the others while a node is stopped. */
async function blobsOf(size: number): Promise<number> {
  let count = 0;
  for (const { dataDir } of cluster.nodes)
    for (const path of (await storedFiles(dataDir)).blobs) {
      // One that is collected in this moment is not there.
      const found = await stat(join(dataDir, 'blobs', path)).catch(() => undefined);
      if (found?.size === fileSizeOf(size)) count++;
    }
  return count;
}

/** No node finds anything wrong with what it has. */
async function expectClean(): Promise<void> {
  expect(await findings(client(1), 'GET', '/v1/admin/fsck?verify_content=true')).toEqual([]);
  for (const number of [1, 2, 3]) expect(await findings(client(number), 'POST', '/v1/admin/scrub')).toEqual([]);
}
