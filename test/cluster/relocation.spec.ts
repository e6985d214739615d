import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entries, type Answer, type Client } from '../support/client';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';
import { digestField, patternBytes, sha256 } from '../support/random';
import { TestBucket } from '../support/s3-bucket';
import { ROOT_KEY, type TestServer } from '../support/server';
import { storedFiles } from '../support/storage-root';
import { findings } from '../upkeep/events';
import { expectOneWait } from './one-wait';

const MIB = 1024 * 1024;
const bytes = patternBytes(1, 3 * MIB + 77);

let bucket: TestBucket;
let cluster: TestCluster;
const node = (number: number): TestServer => cluster.node(number);
const client = (number: number): Client => node(number).client();

beforeAll(async () => {
  bucket = await TestBucket.start();
  const { bucketName, endpoint, region, accessKey, secretKey } = bucket.options();
  const s3 = { bucket_name: bucketName, endpoint, region, access_key: accessKey, secret_key: secretKey };
  const storage = { collect_grace: '0s', orphan_grace: '4s' };
  const dlm = { lease_ttl: '5s', acquire_timeout: '20s' };
  cluster = await TestCluster.start({ nodes: 3, config: { backend: { s3 }, storage, dlm } });
});
afterAll(async () => {
  await cluster?.stop();
  await bucket?.stop();
});

/** How many blobs there are at each place: on the disk of each node, then in the bucket. */
async function blobs(): Promise<number[]> {
  const disks = await Promise.all(cluster.nodes.map(({ dataDir }) => storedFiles(dataDir)));
  return [...disks.map((disk) => disk.blobs.length), (await bucket.blobs()).length];
}

/** Once what has been given up is collected, and what a crash left is swept. */
function pollBlobs(expected: readonly number[]): Promise<void> {
  return expect.poll(blobs, { timeout: 60_000, interval: 100 }).toEqual(expected);
}

/** Every node serves these bytes at `path`, whole and in part. */
async function expectEverywhere(path: string, content: Buffer): Promise<void> {
  for (const number of [1, 2, 3]) {
    const whole = await must(client(number).get(path));
    expect([number, sha256(whole.body), whole.header('repr-digest')]).toEqual([number, sha256(content), digestField(content)]);
    const part = await must(client(number).get(path, { range: `bytes=${MIB}-${2 * MIB}` }));
    expect([number, part.status, part.body.equals(content.subarray(MIB, 2 * MIB + 1))]).toEqual([number, 206, true]);
  }
}

const placeOf = ({ json }: Answer): string => `${json.backend} ${json.instance_id}`;

describe('PATCH moves the bytes', () => {
  beforeAll(() => must(client(1).put('/moved', bytes)));

  it.each([
    ['another node, asked at a third', { instance: 'node-2' }, 3, 'localfs node-2', [0, 1, 0, 0]],
    ['S3, asked at a node that has not the bytes', { backend: 's3' }, 1, 's3 node-2', [0, 0, 0, 1]],
    ['S3 of another node: nothing travels', { backend: 's3', instance: 'node-1' }, 3, 's3 node-1', [0, 0, 0, 1]],
    ['from S3 to a node by its name alone', { instance: 'node-3' }, 2, 'localfs node-3', [0, 0, 1, 0]],
    ['a node that asks for it itself', { backend: 'localfs', instance: 'node-1' }, 1, 'localfs node-1', [1, 0, 0, 0]],
    ['where it is already', { backend: 'localfs', instance: 'node-1' }, 2, 'localfs node-1', [1, 0, 0, 0]],
  ])('to %s', async (_, wanted, asked, place, left) => {
    const [before] = entries(await client(1).list('/', { glob: 'moved' }));
    const moved = await must(client(asked).patch('/moved', wanted));
    expect(placeOf(moved)).toBe(place);
    const [backend, instance_id] = place.split(' ');
    expect(moved.json).toEqual({ ...before, backend, instance_id });
    const head = await must(client(2).head('/moved'));
    expect(`${head.header('x-callfs-backend-type')} ${head.header('x-callfs-instance-id')}`).toBe(place);
    await expectEverywhere('/moved', bytes);
    await pollBlobs(left);
  });

  it('a copy shares the bytes, and they move under both names', async () => {
    await must(client(2).copy('/moved', '/shares'));
    await must(client(3).patch('/shares', { instance: 'node-3' }));
    expect((await client(1).head('/moved')).header('x-callfs-instance-id')).toBe('node-3');
    await expectEverywhere('/moved', bytes);
    await expectEverywhere('/shares', bytes);
    await must(client(1).delete('/shares'));
    await must(client(1).delete('/moved'));
    await pollBlobs([0, 0, 0, 0]);
  });
});

it('of a small file, which is in the metadata, only the place is noted', async () => {
  await must(client(1).put('/small', 'text'));
  expect(placeOf(await must(client(2).patch('/small', { backend: 's3', instance: 'node-3' })))).toBe('s3 node-3');
  expect(placeOf(await must(client(2).patch('/small', { backend: 'localfs' })))).toBe('localfs node-3');
  expect((await client(1).get('/small')).text).toBe('text');
  expect(await blobs()).toEqual([0, 0, 0, 0]);
});

it('with a destination the name moves as well, of a tree with everything below', async () => {
  await must(client(1).put('/tree/a', bytes));
  await must(client(2).put('/tree/deep/b', bytes.subarray(0, 2 * MIB + 2)));
  await must(client(2).put('/tree/deep/small', 'small'));
  await must(client(2).symlink('/tree/link', 'a'));
  const moved = await must(client(1).move('/tree', '/there', { instance: 'node-3' }));
  expect(moved.json).toEqual({ path: '/there' });
  const listed = (await client(1).list('/there', { recursive: true, type: 'file' })).json.items as { instance_id: string }[];
  expect(listed.map(({ instance_id }) => instance_id)).toEqual(['node-3', 'node-3', 'node-3']);
  await expectEverywhere('/there/a', bytes);
  await pollBlobs([0, 0, 2, 0]);
  await must(client(1).patch('/there', { backend: 's3' }));
  await expectEverywhere('/there/a', bytes);
  await pollBlobs([0, 0, 0, 2]);
  // What would not be moved moves no bytes either.
  const refused = await client(1).move('/there', '/small', { instance: 'node-1' });
  expect(refused.outcome).toBe('409 FILE_ALREADY_EXISTS');
  expect(await blobs()).toEqual([0, 0, 0, 2]);
  await must(client(1).delete('/there', { recursive: true }));
  await pollBlobs([0, 0, 0, 0]);
});

describe('is refused and changes nothing', () => {
  beforeAll(() => must(client(1).put('/kept', bytes)));

  it.each<[string, object, string, RegExp]>([
    ['a backend that nobody knows', { backend: 'tape' }, '400 INVALID_REQUEST', /localfs, s3/],
    ['a node that nobody knows', { instance: 'node-9' }, '404 NODE_NOT_FOUND', /node-1, node-2, node-3/],
    ['a place and a name', { name: 'x', instance: 'node-2' }, '400 INVALID_REQUEST', /exactly one/],
    ['a place and attributes', { mode: '0600', instance: 'node-2' }, '400 INVALID_REQUEST', /exactly one/],
    ['a number', { instance: 2 }, '400 INVALID_REQUEST', /instance/],
  ])('%s', async (_, wanted, outcome, message) => {
    const refused = await client(3).patch('/kept', wanted);
    expect(refused.outcome).toBe(outcome);
    expect(refused.json.message).toMatch(message);
  });

  it('/, what is not there, another version, and what the caller may not write', async () => {
    const wanted = { instance: 'node-2' };
    expect((await client(3).patch('/', wanted)).outcome).toBe('400 INVALID_REQUEST');
    expect((await client(3).patch('/absent', wanted)).outcome).toBe('404 FILE_NOT_FOUND');
    expect((await client(3).patch('/kept', wanted, { 'if-match': '"other"' })).outcome).toBe('412 PRECONDITION_FAILED');
    expect((await node(3).client('alice').patch('/kept', wanted)).outcome).toBe('403 PERMISSION_DENIED');
  });

  it('N3 a target that is dead: 502 in less than two seconds', async () => {
    await node(2).kill();
    const since = performance.now();
    expect((await client(3).patch('/kept', { instance: 'node-2' })).outcome).toBe('502 PEER_UNAVAILABLE');
    expectOneWait(since);
    expect((await client(3).head('/kept')).header('x-callfs-instance-id')).toBe('node-1');
    await node(2).start();
  });

  it('N3 a source that is dead: the same', async () => {
    await node(1).kill();
    const since = performance.now();
    expect((await client(3).patch('/kept', { instance: 'node-2' })).outcome).toBe('502 PEER_UNAVAILABLE');
    expectOneWait(since);
    await node(1).start();
  });

  it('afterwards everything is as it was', async () => {
    await expectEverywhere('/kept', bytes);
    await pollBlobs([1, 0, 0, 0]);
    await must(client(1).delete('/kept'));
    await pollBlobs([0, 0, 0, 0]);
  });
});

/** Node 3 moves `/file` from node 1 to node 2 and stops itself at `step`; then `meanwhile`. What it answers, if it does. */
async function stoppedAt(step: string, meanwhile: () => Promise<unknown>): Promise<string> {
  await must(client(1).put('/file', bytes));
  const mover = node(3);
  await mover.restart({ CALLFS_DEBUG_PAUSE_AT: step });
  const said = mover.output.length;
  const answered = client(3)
    .patch('/file', { instance: 'node-2' })
    .then(
      ({ outcome }) => outcome,
      () => 'no answer',
    );
  await mover.waitFor(new RegExp(`^paused ${step}$`, 'm'), said);
  await meanwhile();
  if (mover.running) mover.signal('SIGCONT');
  const outcome = await answered;
  if (mover.running) await mover.restart();
  else await mover.start();
  return outcome;
}

describe('C4 when something dies, or comes in between, nothing is lost and nothing is left', () => {
  const overwritten = patternBytes(2, 2 * MIB + 9);

  it.each<[string, string, () => Promise<unknown>, string, number[]]>([
    ['the node that moves it, before it says so', 'staged', () => node(3).kill(), 'no answer', [1, 0, 0, 0]],
    ['the node that moves it, once it has', 'committed', () => node(3).kill(), 'no answer', [0, 1, 0, 0]],
    ['the target, for good', 'staged', () => node(2).kill(), '502 PEER_UNAVAILABLE', [1, 0, 0, 0]],
    [
      'the target, and it comes back',
      'staged',
      () =>
        node(2)
          .kill()
          .then(() => node(2).start()),
      '200',
      [0, 1, 0, 0],
    ],
    ['the source, when it has given its bytes', 'staged', () => node(1).kill(), '200', [0, 1, 0, 0]],
  ])('kill -9 of %s', async (_, step, meanwhile, outcome, left) => {
    expect(await stoppedAt(step, meanwhile)).toBe(outcome);
    for (const dead of cluster.nodes.filter(({ running }) => !running)) await dead.start();
    await expectEverywhere('/file', bytes);
    await pollBlobs(left);
    await expectClean();
  });

  it('kill -9 between the two places: both have it, and asking again finishes it', async () => {
    expect(await stoppedAt('copied', () => node(3).kill())).toBe('no answer');
    await expectEverywhere('/file', bytes);
    await must(client(1).patch('/file', { instance: 'node-2' }));
    await expectEverywhere('/file', bytes);
    await pollBlobs([0, 1, 0, 0]);
  });

  it('an overwrite while the bytes move wins, and has what was asked for', async () => {
    expect(await stoppedAt('staged', () => must(client(2).put('/file', overwritten)))).toBe('200');
    await expectEverywhere('/file', overwritten);
    await pollBlobs([0, 1, 0, 0]);
    expect((await client(1).head('/file')).header('x-callfs-instance-id')).toBe('node-2');
  });

  it('P7 a node that was stopped until another had its lock commits nothing', async () => {
    expect(await stoppedAt('copied', () => must(client(1).put('/file', overwritten)))).toBe('409 STALE_LOCK');
    await expectEverywhere('/file', overwritten);
    await pollBlobs([1, 0, 0, 0]);
    await expectClean();
  });

  it('who is reading finishes', async () => {
    const big = patternBytes(3, 24 * MIB);
    await must(client(1).put('/file', big));
    const answer = await slowRead('/file');
    await must(client(3).patch('/file', { instance: 'node-3' }));
    await pollBlobs([0, 0, 1, 0]);
    expect(sha256(await answer.rest())).toBe(sha256(big));
  });
});

/** A read through node 2 that has had its first bytes and takes no more until it is told to. */
async function slowRead(path: string): Promise<{ rest(): Promise<Buffer> }> {
  const headers = { authorization: `Bearer ${ROOT_KEY}` };
  const response = await fetch(`${node(2).url}/v1/files${path}`, { headers });
  const reader = response.body!.getReader();
  const chunks: Uint8Array[] = [(await reader.read()).value!];
  const rest = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return Buffer.concat(chunks);
      chunks.push(value);
    }
  };
  return { rest };
}

/** No node finds anything wrong with what it has. */
async function expectClean(): Promise<void> {
  for (const number of [1, 2, 3]) {
    const target = `/v1/admin/fsck?verify_content=true${number === 1 ? '' : '&scope=node'}`;
    expect(await findings(client(number), 'GET', target)).toEqual([]);
  }
}
