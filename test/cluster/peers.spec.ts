import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../support/fixture';
import type { Client } from '../support/client';
import { startTwoNodes, type TwoNodes } from './two-nodes';

const MIB = 1024 * 1024;
let nodes: TwoNodes;
let east: Client;
let west: Client;

beforeAll(async () => {
  nodes = await startTwoNodes();
  east = nodes.east.client();
  west = nodes.west.client();
});
afterEach(() => {
  nodes.toWest.fault = () => undefined;
});
afterAll(() => nodes?.stop());

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
    expect(here.header('x-callfs-instance-id')).toBe('west');
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
      instance_id: 'west',
      backend_type: 'localfs',
      suggestion: 'File already exists on another server. Use PUT to update it.',
      update_url: `${nodes.east.url}/v1/files/report.docx`,
    });
  });

  it('writes the user and no secret into the log of the other node', async () => {
    const said = nodes.west.output.length;
    await must(west.put('/shared', content(20_000, 5)));
    await must(west.patch('/shared', { mode: '0644' }));
    await must(nodes.east.client('alice').get('/shared'));
    await nodes.west.waitFor(/"path":"\/internal\/v1\/blobs\/localfs\/[0-9a-f]{32}","status":200[^\n]*"user":"alice"/, said);
    expect(nodes.west.output).not.toContain('x-callfs-peer-signature');
  });
});

describe('N3 a peer that fails', () => {
  const large = content(3 * MIB, 6);
  const blobs = (path: string) => path.startsWith('/internal/v1/blobs/');
  beforeAll(async () => {
    await must(west.put('/on-west', large));
    await must(east.put('/on-east', large));
  });

  it('black-holed: 502 in under two seconds, and nothing else suffers', async () => {
    nodes.toWest.fault = ({ path }) => (blobs(path) ? 'silence' : undefined);
    const since = performance.now();
    const answer = await east.get('/on-west');
    expect(answer.outcome).toBe('502 PEER_UNAVAILABLE');
    expect(performance.now() - since).toBeLessThan(2_000);
    expect((await east.get('/on-east')).body.equals(large)).toBe(true);
    expect((await east.head('/on-west')).status).toBe(200);
  });

  it.each(['/on-west', '/on-west with a range'])('dying mid-stream breaks the transfer: %s', async (what) => {
    nodes.toWest.fault = ({ path }) => (blobs(path) ? { cutAfter: MIB } : undefined);
    const headers = what.endsWith('range') ? { range: `bytes=10-${2 * MIB}` } : {};
    const before = await metric('error');
    await expect(east.get('/on-west', headers)).rejects.toThrow();
    expect(await metric('error')).toBeGreaterThan(before);
  });

  it('that answers with an error, nonsense or a redirect: 502', async () => {
    for (const [status, body] of [
      [500, '{"code":"INTERNAL_ERROR","message":"no"}'],
      [200, 'short'],
      [302, ''],
      [401, '{}'],
    ] as const) {
      nodes.toWest.fault = ({ path }) => (blobs(path) ? { status, body } : undefined);
      expect([status, (await east.get('/on-west')).outcome]).toEqual([status, '502 PEER_UNAVAILABLE']);
    }
  });

  it('other bytes than those that were written: no client takes them for whole, and it is counted', async () => {
    await must(west.put('/lie', content(100_000, 7)));
    const seen = nodes.toWest.seen.length;
    await must(east.get('/lie'));
    const path = nodes.toWest.seen.slice(seen).find((request) => blobs(request.path))?.path ?? '';
    nodes.toWest.fault = (request) => (request.path === path ? { rewrite: (chunk) => flipped(chunk) } : undefined);
    const before = await metric('wrong');
    await expect(east.get('/lie').then(({ status }) => status)).rejects.toThrow();
    expect(await metric('wrong')).toBeGreaterThan(before);
  });

  it('a blob that is missing there: 503 that says what to do', async () => {
    await must(west.put('/gone', content(50_000, 8)));
    const seen = nodes.toWest.seen.length;
    await must(east.get('/gone'));
    const key = nodes.toWest.seen.slice(seen).at(-1)?.path.split('/').at(-1) ?? '';
    await damage(nodes.west.dataDir, key);
    expect((await east.get('/gone')).status).toBe(503);
  });

  it('killed and back', async () => {
    await nodes.west.kill();
    const since = performance.now();
    expect((await east.get('/on-west')).outcome).toBe('502 PEER_UNAVAILABLE');
    expect(performance.now() - since).toBeLessThan(2_000);
    expect((await east.put('/while-away', large)).status).toBe(201);
    await nodes.west.start();
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
