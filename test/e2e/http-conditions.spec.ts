import { beforeAll, describe, expect, it } from 'vitest';
import { fileTarget, type Answer, type Client } from '../support/client';
import { freshDirectory, must, snapshot } from '../support/fixture';
import { sha256 } from '../support/random';
import { PATIENT } from '../support/server';
import { useServer } from '../support/use-server';

const MTIME = 'Sun, 06 Nov 1994 08:49:37 GMT';
const EARLIER = 'Sun, 06 Nov 1994 08:49:36 GMT';
const LATER = 'Sunday, 06-Nov-94 08:49:38 GMT';

const server = useServer({ config: PATIENT });
let root: Client;
let base: string;
let etag: string;

beforeAll(async () => {
  root = server.client();
  base = await freshDirectory(root);
  await must(root.put(`${base}/file`, 'content', { 'x-callfs-mtime': '1994-11-06T08:49:37.5Z' }));
  etag = (await root.head(`${base}/file`)).header('etag') ?? '';
});

/** Stands in the tables for the tag that the file has. */
const fill = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replaceAll('TAG', etag)]));

describe('H4 reads, in the order of RFC 9110 §13.2.2', () => {
  it.each<[number, Record<string, string>]>([
    [200, { 'if-match': 'TAG' }],
    [200, { 'if-match': '*' }],
    [200, { 'if-match': '"other", TAG' }],
    [412, { 'if-match': '"other"' }],
    [412, { 'if-match': 'W/TAG' }],
    [400, { 'if-match': 'unquoted' }],
    [412, { 'if-match': '"other"', 'if-none-match': 'TAG' }],
    [304, { 'if-match': 'TAG', 'if-none-match': 'TAG' }],
    [200, { 'if-match': 'TAG', 'if-unmodified-since': EARLIER }],
    [412, { 'if-unmodified-since': EARLIER }],
    [200, { 'if-unmodified-since': MTIME }],
    [200, { 'if-unmodified-since': 'nonsense' }],
    [304, { 'if-none-match': 'TAG' }],
    [304, { 'if-none-match': 'W/TAG' }],
    [304, { 'if-none-match': '"other", TAG' }],
    [304, { 'if-none-match': '*' }],
    [200, { 'if-none-match': '"other"' }],
    [200, { 'if-none-match': '"other"', 'if-modified-since': LATER }],
    [304, { 'if-none-match': 'TAG', 'if-modified-since': EARLIER }],
    [304, { 'if-modified-since': MTIME }],
    [304, { 'if-modified-since': LATER }],
    [200, { 'if-modified-since': EARLIER }],
    [200, { 'if-modified-since': 'nonsense' }],
  ])('%i: %j', async (status, headers) => {
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = await root.request(method, fileTarget(`${base}/file`), { headers: fill(headers) });
      expect([method, answer.status]).toEqual([method, status]);
      if (status === 200) expect(answer.text).toBe(method === 'GET' ? 'content' : '');
      if (status === 304) expect(answer.body).toHaveLength(0);
      if (method === 'GET' && status === 412) expect(answer.outcome).toBe('412 PRECONDITION_FAILED');
    }
  });

  it('304 has no body and the headers that a cache needs', async () => {
    const answer = await root.get(`${base}/file`, { 'if-none-match': etag });

    expect(answer.body).toHaveLength(0);
    expect(answer.headers).toMatchObject({ etag, 'last-modified': MTIME, date: expect.any(String) });
  });

  it('P3 no cache takes what it has for current without asking, however old the file is', async () => {
    const file = `${base}/file`;
    const answers = [
      await root.get(file),
      await root.get(file, { range: 'bytes=0-0' }),
      await root.get(file, { 'if-none-match': etag }),
      await root.head(file),
      await root.get(`${base}/`),
    ];
    const seen = answers.map(({ status, headers }) => [status, headers['cache-control']]);
    expect(seen).toEqual([200, 206, 304, 200, 200].map((status) => [status, 'no-cache']));
  });

  it('do not count where the answer is an error without them', async () => {
    for (const headers of [{ 'if-match': '*' }, { 'if-none-match': '*' }, { 'if-match': '"x"' }])
      expect((await root.get(`${base}/missing`, headers)).outcome).toBe('404 FILE_NOT_FOUND');
  });
});

describe('H4 writes', () => {
  type Write = [method: 'PUT' | 'DELETE' | 'PATCH', headers: Record<string, string>, outcome: string];
  it.each<Write>([
    ['PUT', { 'if-match': '"other"' }, '412 PRECONDITION_FAILED'],
    ['PUT', { 'if-match': 'W/TAG' }, '412 PRECONDITION_FAILED'],
    ['PUT', { 'if-match': 'unquoted' }, '400 INVALID_REQUEST'],
    ['PUT', { 'if-none-match': '*' }, '412 PRECONDITION_FAILED'],
    ['PUT', { 'if-none-match': 'TAG' }, '412 PRECONDITION_FAILED'],
    ['PUT', { 'if-none-match': 'W/TAG' }, '412 PRECONDITION_FAILED'],
    ['PUT', { 'if-none-match': 'unquoted' }, '400 INVALID_REQUEST'],
    ['PUT', { 'if-match': 'TAG', 'if-none-match': 'TAG' }, '412 PRECONDITION_FAILED'],
    ['PUT', { 'if-unmodified-since': EARLIER }, '412 PRECONDITION_FAILED'],
    ['DELETE', { 'if-match': '"other"' }, '412 PRECONDITION_FAILED'],
    ['DELETE', { 'if-none-match': 'TAG' }, '412 PRECONDITION_FAILED'],
    ['DELETE', { 'if-unmodified-since': EARLIER }, '412 PRECONDITION_FAILED'],
    ['PATCH', { 'if-match': '"other"' }, '412 PRECONDITION_FAILED'],
    ['PATCH', { 'if-none-match': '*' }, '412 PRECONDITION_FAILED'],
  ])('%s %j: %s, and nothing has changed', async (method, headers, outcome) => {
    const before = await snapshot(root, base);
    const path = `${base}/file`;
    const write = {
      PUT: () => root.put(path, 'changed', fill(headers)),
      DELETE: () => root.delete(path, { headers: fill(headers) }),
      PATCH: () => root.patch(path, { mode: '0600' }, fill(headers)),
    };

    expect((await write[method]()).outcome).toBe(outcome);

    expect(await snapshot(root, base)).toEqual(before);
  });

  it('go through when the condition holds', async () => {
    const path = `${base}/written`;
    const first = await root.put(path, '1', { 'if-none-match': '*' });
    expect(first.status).toBe(201);
    const second = await root.put(path, '2', { 'if-match': `"other", ${first.header('etag')}` });
    expect([second.status, second.header('etag') !== first.header('etag')]).toEqual([200, true]);
    expect((await root.put(path, '3', { 'if-match': '*', 'if-none-match': `${first.header('etag')}` })).status).toBe(200);
    const now = (await root.head(path)).header('etag');
    expect((await root.patch(path, { mode: '0600' }, { 'if-match': now })).status).toBe(200);
    expect((await root.patch(path, { name: 'moved' }, { 'if-match': now })).status).toBe(200);
    expect((await root.delete(`${base}/moved`, { headers: { 'if-match': now } })).status).toBe(204);
  });

  it.each<[string, Record<string, string>, string]>([
    ['made', { 'if-match': '*' }, '412 PRECONDITION_FAILED'],
    ['made', { 'if-none-match': '*' }, '201'],
    ['made', { 'if-none-match': '*' }, '412 PRECONDITION_FAILED'],
    ['made', { 'if-match': '*' }, '200'],
    ['made', { 'if-match': '"other"' }, '412 PRECONDITION_FAILED'],
    ['file', { 'if-match': '"other"' }, '409 FILE_ALREADY_EXISTS'],
  ])('POST /%s/ %j, in this order: %s', async (name, headers, outcome) => {
    expect((await root.post(`${base}/${name}/`, '', headers)).outcome).toBe(outcome);
  });

  it('do not count where a move is refused without them', async () => {
    const [path, stale] = [`${base}/file`, { 'if-match': '"other"' }];
    await must(root.post(`${base}/taken/x`, ''));
    await must(root.patch(base, { mode: '0755' }));
    const move = async (client: Client, body: object) => (await client.patch(path, body, stale)).outcome;
    expect(await move(root, { name: 'taken' })).toBe('409 FILE_ALREADY_EXISTS');
    expect(await move(root, { name: 'taken', overwrite: true })).toBe('400 IS_A_DIRECTORY');
    expect(await move(root, { destination: `${base}/no/x` })).toBe('400 INVALID_REQUEST');
    expect(await move(server.client('bob'), { name: 'free' })).toBe('403 PERMISSION_DENIED');
    expect(await move(root, { name: 'free' })).toBe('412 PRECONDITION_FAILED');
    expect(await move(root, { name: 'file' })).toBe('412 PRECONDITION_FAILED');
  });

  it('If-Match on a missing file: 412, and it stays missing', async () => {
    for (const value of ['*', '"any"'])
      expect((await root.put(`${base}/missing`, 'x', { 'if-match': value })).outcome).toBe('412 PRECONDITION_FAILED');
    expect((await root.get(`${base}/missing`)).status).toBe(404);
  });
});

describe('A7 whoever may not read a file', () => {
  /** A file that bob may write and rename, and only alice may read; its tag. */
  async function closed(): Promise<[string, string]> {
    const path = `${await freshDirectory(root, '0777')}/file`;
    await must(server.client('alice').put(path, 'content'));
    await must(server.client('alice').patch(path, { mode: '0622' }));
    return [path, (await root.head(path)).header('etag') ?? ''];
  }
  const ACTS: [string, string, string, (bob: Client, path: string, headers: Record<string, string>) => Promise<Answer>][] = [
    ['PUT', '412 PRECONDITION_FAILED', '200', (bob, path, headers) => bob.put(path, 'new', headers)],
    ['DELETE', '412 PRECONDITION_FAILED', '204', (bob, path, headers) => bob.request('DELETE', fileTarget(path), { headers })],
    ['PATCH', '412 PRECONDITION_FAILED', '200', (bob, path, headers) => patch(bob, path, { name: 'renamed' }, headers)],
    [
      'PATCH that changes nothing',
      '412 PRECONDITION_FAILED',
      '200',
      (bob, path, headers) => patch(bob, path, { name: 'file' }, headers),
    ],
    [
      'PATCH that is refused',
      '403 PERMISSION_DENIED',
      '403 PERMISSION_DENIED',
      (bob, path, headers) => patch(bob, path, { mode: '0777' }, headers),
    ],
  ];
  const patch = (client: Client, path: string, body: object, headers: Record<string, string>) =>
    client.request('PATCH', fileTarget(path), { headers, body: JSON.stringify(body) });

  it.each(ACTS)('%s: cannot guess at its bytes by their tag', async (_, guarded, free, act) => {
    const outcomes: Record<string, string[]> = {};
    for (const condition of ['if-match', 'if-none-match'])
      for (const isRight of [true, false]) {
        const [path, tag] = await closed();
        const answer = await act(server.client('bob'), path, { [condition]: isRight ? tag : '"1-0000000000000000"' });
        (outcomes[condition] ??= []).push(answer.outcome);
      }
    const same = (outcome: string) => [outcome, outcome];
    expect(outcomes).toEqual({ 'if-match': same(guarded), 'if-none-match': same(free) });
  });

  it('may still ask that it is there, or that it is not', async () => {
    const [path] = await closed();
    const bob = server.client('bob');
    expect((await bob.put(path, 'new', { 'if-match': '*' })).outcome).toBe('200');
    expect((await bob.put(path, 'new', { 'if-none-match': '*' })).outcome).toBe('412 PRECONDITION_FAILED');
  });
});

describe('P4 P5 H4 50 parallel writers', () => {
  const writers = Array.from({ length: 50 }, (_, i) => i);
  // Small contents are committed with their metadata, large ones go through the store: both have to be fenced.
  const contents = (size: number) => writers.map((i) => Buffer.alloc(size, `writer ${i} `));

  it.each([100, 100_000])('P5 with If-None-Match: * make one 201, and the file is the winner’s (%d bytes)', async (size) => {
    const path = `${base}/created-${size}`;
    const bodies = contents(size);

    const answers = await Promise.all(bodies.map((body) => root.put(path, body, { 'if-none-match': '*' })));

    const outcomes = answers.map(({ outcome }) => outcome);
    expect(tally(outcomes)).toEqual({ '201': 1, '412 PRECONDITION_FAILED': 49 });
    await expectWinner(path, bodies[outcomes.indexOf('201')], answers[outcomes.indexOf('201')]?.header('etag'));
  });

  it.each([100, 100_000])('P4 with one If-Match make one 200 and 49 × 412 (%d bytes)', async (size) => {
    const path = `${base}/replaced-${size}`;
    const first = (await must(root.put(path, 'first'))).header('etag');
    const bodies = contents(size);

    const answers = await Promise.all(bodies.map((body) => root.put(path, body, { 'if-match': first })));

    const outcomes = answers.map(({ outcome }) => outcome);
    expect(tally(outcomes)).toEqual({ '200': 1, '412 PRECONDITION_FAILED': 49 });
    await expectWinner(path, bodies[outcomes.indexOf('200')], answers[outcomes.indexOf('200')]?.header('etag'));
  });

  it('P5 with POST make one 201 and 49 × 409', async () => {
    const path = `${base}/posted`;
    const bodies = contents(100);

    const answers = await Promise.all(bodies.map((body) => root.post(path, body)));

    const outcomes = answers.map(({ outcome }) => outcome);
    expect(tally(outcomes)).toEqual({ '201': 1, '409 FILE_ALREADY_EXISTS': 49 });
    await expectWinner(path, bodies[outcomes.indexOf('201')], answers[outcomes.indexOf('201')]?.header('etag'));
  });

  it('P4 a chain of read, change, write with If-Match loses no change', async () => {
    const path = `${base}/counter`;
    await must(root.put(path, '0'));
    const increment = async () => {
      for (;;) {
        const read = await must(root.get(path));
        const answer = await root.put(path, `${Number(read.text) + 1}`, { 'if-match': read.header('etag') });
        if (answer.status === 200) return;
        expect(answer.outcome).toBe('412 PRECONDITION_FAILED');
      }
    };

    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let i = 0; i < 5; i++) await increment();
      }),
    );

    expect((await root.get(path)).text).toBe('40');
  });

  async function expectWinner(path: string, body: Buffer | undefined, etag: string | undefined): Promise<void> {
    const answer = await root.get(path);
    expect([sha256(answer.body), answer.header('etag')]).toEqual([sha256(body ?? 'nobody won'), etag]);
  }
});

function tally(outcomes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
