import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ANSWER_MS } from '../../apps/callfs/src/cluster/peer-client';
import { must } from '../support/fixture';
import type { Client } from '../support/client';
import { expectOneWait } from './one-wait';
import { TestCluster } from '../support/cluster';

const MIB = 1024 * 1024;
const AWAITED = { timeout: 30_000, interval: 20 };
let cluster: TestCluster;
let east: Client;
let west: Client;

beforeAll(async () => {
  // Every read of another node's content goes there.
  cluster = await TestCluster.start({ nodes: 2, proxied: true, config: { storage: { block_cache_bytes: 0 } } });
  east = cluster.node(1).client();
  west = cluster.node(2).client();
});
afterEach(() => {
  cluster.way(2).fault = () => undefined;
});
afterAll(() => cluster?.stop());

const content = (size: number, seed: number): Buffer => {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + seed + (i >> 9)) & 0xff;
  return bytes;
};
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('base64');
const metric = async (status: string): Promise<number> => {
  const { text } = await east.request('GET', '/metrics');
  const line = new RegExp(`^callfs_cross_server_operations_total\\{operation="read",status="${status}"\\} (\\d+)$`, 'm').exec(
    text,
  );
  return Number(line?.[1] ?? 0);
};

describe('what was written on one node is read on the other', () => {
  const large = content(3 * MIB + 17, 1);

  it('whole, with the same headers as there', async () => {
    await must(west.put('/large', large));
    const [here, there] = [await east.get('/large'), await west.get('/large')];
    expect(here.status).toBe(200);
    expect(here.body.equals(large)).toBe(true);
    for (const name of [
      'etag',
      'repr-digest',
      'content-length',
      'last-modified',
      'x-callfs-instance-id',
      'x-callfs-backend-type',
    ])
      expect([name, here.header(name)]).toEqual([name, there.header(name)]);
    expect(here.header('x-callfs-instance-id')).toBe('node-2');
    expect(here.header('repr-digest')).toBe(`sha-256=:${digest(large)}:`);
    expect((await east.head('/large')).header('content-length')).toBe(String(large.length));
  });

  it.each([
    ['bytes=0-0', 0, 1],
    [`bytes=65535-65536`, 65_535, 65_537],
    [`bytes=${MIB}-${2 * MIB}`, MIB, 2 * MIB + 1],
    ['bytes=-5', large.length - 5, large.length],
    [`bytes=${3 * MIB}-`, 3 * MIB, large.length],
  ])('%s', async (range, from, to) => {
    const { status, body } = await east.get('/large', { range });
    expect(status).toBe(206);
    expect(body.equals(large.subarray(from, to))).toBe(true);
  });

  it('under conditions, and several ranges at once', async () => {
    const etag = (await west.head('/large')).header('etag') ?? '';
    expect((await east.get('/large', { 'if-none-match': etag })).status).toBe(304);
    expect((await east.get('/large', { 'if-match': '"another"' })).status).toBe(412);
    const parts = await east.get('/large', { range: 'bytes=0-9,1000000-1000009' });
    expect(parts.status).toBe(206);
    expect(parts.body.includes(large.subarray(1_000_000, 1_000_010))).toBe(true);
  });

  it('small and large, both ways, many at once', async () => {
    const sizes = [0, 1, 16_384, 16_385, 65_536, 200_000, MIB];
    await Promise.all(
      sizes.flatMap((size) => [
        must(east.put(`/from-east-${size}`, content(size, 2))),
        must(west.put(`/from-west-${size}`, content(size, 3))),
      ]),
    );
    const read = await Promise.all(sizes.flatMap((size) => [west.get(`/from-east-${size}`), east.get(`/from-west-${size}`)]));
    expect(read.map(({ body }) => digest(body))).toEqual(
      sizes.flatMap((size) => [digest(content(size, 2)), digest(content(size, 3))]),
    );
  });

  it('409 tells on which server it is', async () => {
    await must(west.put('/report.docx', content(20_000, 4)));
    const { outcome, json } = await east.post('/report.docx', 'mine');
    expect(outcome).toBe('409 FILE_ALREADY_EXISTS');
    expect(json).toMatchObject({
      error: 'Resource exists on another server',
      existing_path: '/report.docx',
      instance_id: 'node-2',
      backend_type: 'localfs',
      suggestion: 'File already exists on another server. Use PUT to update it.',
      update_url: `${cluster.node(1).url}/v1/files/report.docx`,
    });
  });

  it('writes the user and no secret into the log of the other node', async () => {
    const said = cluster.node(2).output.length;
    await must(west.put('/shared', content(20_000, 5)));
    await must(west.patch('/shared', { mode: '0644' }));
    await must(cluster.node(1).client('alice').get('/shared'));
    await cluster.node(2).waitFor(/"path":"\/internal\/v1\/blobs\/localfs\/[0-9a-f]{32}","status":200[^\n]*"user":"alice"/, said);
    expect(cluster.node(2).output).not.toContain('x-callfs-peer-signature');
  });
});

describe('N3 a peer that fails', () => {
  const large = content(3 * MIB, 6);
  const blobs = (path: string) => path.startsWith('/internal/v1/blobs/');
  /** Of the west since so many requests: it is pinged meanwhile. */
  const blobsAskedFor = (since: number) =>
    cluster
      .way(2)
      .seen.slice(since)
      .map(({ path }) => path)
      .filter(blobs);
  beforeAll(async () => {
    await must(west.put('/on-west', large));
    await must(east.put('/on-east', large));
  });

  it('black-holed: 502 in under two seconds, and nothing else suffers', async () => {
    cluster.way(2).fault = ({ path }) => (blobs(path) ? 'silence' : undefined);
    const since = performance.now();
    const answer = await east.get('/on-west');
    expect(answer.outcome).toBe('502 PEER_UNAVAILABLE');
    expectOneWait(since);
    expect((await east.get('/on-east')).body.equals(large)).toBe(true);
    expect((await east.head('/on-west')).status).toBe(200);
  });

  it.each(['/on-west', '/on-west with a range'])('dying mid-stream breaks the transfer: %s', async (what) => {
    cluster.way(2).fault = ({ path }) => (blobs(path) ? { cutAfter: MIB } : undefined);
    const headers = what.endsWith('range') ? { range: `bytes=10-${2 * MIB}` } : {};
    const before = await metric('error');
    await expect(east.get('/on-west', headers)).rejects.toThrow();
    expect(await metric('error')).toBeGreaterThan(before);
  });

  it('at a byte a second, or silent after the first ones: the transfer is broken off, and others go on', async () => {
    await must(west.put('/dripping', content(100_000, 9)));
    // What of a small content could still be wrong is not given out: it can be answered with a status.
    cluster.way(2).fault = ({ path }) => (blobs(path) ? { bytesPerSecond: 1 } : undefined);
    const since = performance.now();
    const asked = cluster.way(2).seen.length;
    const small = east.get('/dripping').then(({ outcome }) => outcome);
    const dripping = east.get('/on-west').then(({ status }) => status);
    await expect.poll(() => blobsAskedFor(asked).length, AWAITED).toBe(2);
    cluster.way(2).fault = ({ path }) => (blobs(path) ? { stallAfter: MIB } : undefined);
    const stalled = east.get('/on-west', { range: `bytes=1-${2 * MIB}` }).then(({ status }) => status);
    const broken = [expect(dripping).rejects.toThrow(), expect(stalled).rejects.toThrow()];
    expect((await east.get('/on-east')).body.equals(large)).toBe(true);
    await Promise.all(broken);
    expect(await small).toBe('502 PEER_UNAVAILABLE');
    expect(performance.now() - since).toBeLessThan(20_000);
  });

  it('busy with other content: it is waited for', async () => {
    const stream = content(160_000, 11);
    await must(west.put('/streaming', stream));
    cluster.way(2).fault = ({ path }) => (blobs(path) ? { bytesPerSecond: 40_000 } : undefined);
    const asked = cluster.way(2).seen.length;
    const streaming = east.get('/streaming');
    await expect.poll(() => blobsAskedFor(asked).length, AWAITED).toBe(1);
    cluster.way(2).fault = ({ path }) => (blobs(path) ? { lateMs: 2_500 } : undefined);
    expect((await east.get('/on-west')).body.equals(large)).toBe(true);
    expect((await streaming).body.equals(stream)).toBe(true);
  });

  it('that has answered while this node stood still is not taken for silent', async () => {
    await must(west.put('/meanwhile', large));
    cluster.way(2).fault = ({ path }) => (blobs(path) ? { lateMs: 300 } : undefined);
    const asked = cluster.way(2).seen.length;
    const reading = east.get('/meanwhile');
    await expect.poll(() => blobsAskedFor(asked).length, AWAITED).toBe(1);
    process.kill(cluster.node(1).pid, 'SIGSTOP');
    try {
      await delay(ANSWER_MS + 800);
    } finally {
      process.kill(cluster.node(1).pid, 'SIGCONT');
    }
    expect((await reading).body.equals(large)).toBe(true);
  });

  it('killed while a client reads through another node: never a short 200', async () => {
    const huge = content(32 * MIB, 10);
    await must(west.put('/huge', huge));
    const answer = await fetch(`${cluster.node(1).url}/v1/files/huge`, { headers: { authorization: `Bearer ${east.key}` } });
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, String(huge.length)]);
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await cluster.node(2).kill();
    const rest = async () => {
      for (let isOver = false; !isOver;) isOver = (await reader.read()).done;
    };
    await expect(rest()).rejects.toThrow();
    await cluster.node(2).start();
  });

  it('that answers with an error, nonsense or a redirect: 502', async () => {
    for (const [status, body] of [
      [500, '{"code":"INTERNAL_ERROR","message":"no"}'],
      [200, 'short'],
      [302, ''],
      [401, '{}'],
    ] as const) {
      cluster.way(2).fault = ({ path }) => (blobs(path) ? { status, body } : undefined);
      expect([status, (await east.get('/on-west')).outcome]).toEqual([status, '502 PEER_UNAVAILABLE']);
    }
  });

  it('N2 a redirect is not followed, wherever it leads', async () => {
    const asked = cluster.way(1).seen.length;
    cluster.way(2).fault = ({ path }) =>
      blobs(path) ? { status: 307, body: '', location: `${cluster.way(1).url}${path}` } : undefined;
    expect((await east.get('/on-west')).outcome).toBe('502 PEER_UNAVAILABLE');
    expect(
      cluster
        .way(1)
        .seen.slice(asked)
        .filter(({ path }) => blobs(path)),
    ).toEqual([]);
  });

  it('a wrong digest: 502, of a large content a broken transfer; a wrong size: 502; all are counted', async () => {
    await must(west.put('/small', content(100_000, 7)));
    const before = await metric('wrong');
    cluster.way(2).fault = ({ path }) => (blobs(path) ? { rewrite: (chunk) => flipped(chunk) } : undefined);
    expect((await east.get('/small')).outcome).toBe('502 PEER_UNAVAILABLE');
    expect(await metric('wrong')).toBe(before + 1);
    await expect(east.get('/on-west').then(({ status }) => status)).rejects.toThrow();
    expect(await metric('wrong')).toBe(before + 2);
    cluster.way(2).fault = ({ path }) => (blobs(path) ? { status: 200, body: 'too short' } : undefined);
    for (const path of ['/small', '/on-west']) expect((await east.get(path)).outcome).toBe('502 PEER_UNAVAILABLE');
    expect(await metric('wrong')).toBe(before + 4);
  });

  it('a blob that is missing there: 503 that says what to do', async () => {
    await must(west.put('/gone', content(50_000, 8)));
    const seen = cluster.way(2).seen.length;
    await must(east.get('/gone'));
    const key = blobsAskedFor(seen).at(-1)?.split('/').at(-1) ?? '';
    await damage(cluster.node(2).dataDir, key);
    expect((await east.get('/gone')).status).toBe(503);
  });

  it('killed and back', async () => {
    await cluster.node(2).kill();
    const since = performance.now();
    expect((await east.get('/on-west')).outcome).toBe('502 PEER_UNAVAILABLE');
    expectOneWait(since);
    expect((await east.put('/while-away', large)).status).toBe(201);
    await cluster.node(2).start();
    expect((await east.get('/on-west')).body.equals(large)).toBe(true);
    expect((await west.get('/while-away')).body.equals(large)).toBe(true);
  });
});

function flipped(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk);
  copy[0] = (copy[0] ?? 0) ^ 1;
  return copy;
}

async function damage(root: string, key: string): Promise<void> {
  for (const name of await readdir(root, { recursive: true })) {
    if (!name.endsWith(key)) continue;
    const path = join(root, name);
    await writeFile(path, (await readFile(path)).fill(0, 0, 64));
  }
}
