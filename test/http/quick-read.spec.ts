import { beforeAll, describe, expect, it } from 'vitest';
import { rawExchange, rawRequest } from '../support/raw';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';

/*
 * What is in memory is answered past router and framework. Nobody may notice: each answer is compared with that of the
 * ordinary way, which a parameter that says nothing (`follow=true`) leads to. Which way an answer took shows in its
 * bytes: the quick one puts X-Request-ID behind the fields of the file.
 */
const server = useServer();

interface Seen {
  readonly status: number;
  readonly fields: readonly string[];
  readonly body: string;
  readonly isQuick: boolean;
}

async function ask(method: string, target: string, key = ROOT_KEY, headers: Record<string, string> = {}): Promise<Seen> {
  const text = rawRequest(method, target, { Authorization: `Bearer ${key}`, ...headers });
  const { bytes, responses } = await rawExchange(server, text, { heads: method === 'HEAD' ? [0] : [] });
  const names = bytes.toString('latin1').split('\r\n\r\n')[0]?.split('\r\n').slice(1) ?? [];
  const at = (name: string) => names.findIndex((line) => line.startsWith(`${name}:`));
  const fields = names.filter((line) => !/^(X-Request-ID|Date):/.test(line)).sort();
  return {
    status: responses[0]?.status ?? 0,
    fields,
    body: responses[0]?.body.toString('latin1') ?? '',
    isQuick: at('X-Request-ID') > at('Content-Length') && at('Content-Length') >= 0,
  };
}

/** By the quick way: asked for before, since the first times may have to fetch it. */
async function quickly(method: string, path: string, key?: string, headers?: Record<string, string>): Promise<Seen> {
  await ask(method, path, key, headers);
  await ask(method, path, key, headers);
  return ask(method, path, key, headers);
}

async function ordinarily(method: string, path: string, key?: string, headers?: Record<string, string>): Promise<Seen> {
  const seen = await ask(method, `${path}?follow=true`, key, headers);
  expect(seen.isQuick).toBe(false);
  return seen;
}

const LARGE = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));

const user = (name: string) => server.user(name).key;

beforeAll(async () => {
  const root = server.client();
  await root.put('/quick/plain', Buffer.from('bytes \xff\0', 'latin1'), { 'Content-Type': 'text/plain; charset=utf-8' });
  await root.put('/quick/empty', '');
  await root.put('/quick/large', LARGE);
  await root.put('/quick/huge', Buffer.alloc(3 * 2 ** 20, 'huge'));
  await root.put('/quick/page', '<script>', { 'Content-Type': 'text/html' });
  await root.put('/quick/ein schöner Name', 'n');
  await root.symlink('/quick/link', '/quick/plain');
  await root.put('/quick/secret', 's', { 'X-CallFS-Mode': '0600' });
});

describe('is the ordinary answer, field for field, for', () => {
  const paths = [
    '/v1/files/quick/plain',
    '/v1/files/quick/empty',
    '/v1/files//quick/./plain',
    '/v1/files/quick/ein%20sch%C3%B6ner%20Name',
    '/v1/files/quick/large',
  ];
  it.each(paths)('GET and HEAD of %s', async (path) => {
    for (const method of ['GET', 'HEAD']) {
      const { isQuick, ...quick } = await quickly(method, path);
      const { isQuick: _, ...ordinary } = await ordinarily(method, path);
      expect(isQuick).toBe(true);
      expect(quick).toEqual(ordinary);
      expect(quick.status).toBe(200);
    }
  });

  it('HEAD of a file whose bytes are elsewhere', async () => {
    const { isQuick, ...quick } = await quickly('HEAD', '/v1/files/quick/huge');
    const { isQuick: _, ...ordinary } = await ordinarily('HEAD', '/v1/files/quick/huge');
    expect(isQuick).toBe(true);
    expect(quick).toEqual(ordinary);
  });

  it.each<[string, string, string, number]>([
    ['the first bytes', 'plain', 'bytes=0-1', 206],
    ['the last bytes', 'plain', 'bytes=-3', 206],
    ['all from one on', 'large', 'bytes=5-', 206],
    ['more than there is', 'large', 'bytes=99990-200000', 206],
    ['over the edge of a block', 'large', 'bytes=65530-65545', 206],
    ['a part of what is not kept as a whole', 'huge', 'bytes=1000000-2000000', 206],
    ['what is no range', 'plain', 'bytes=5-3', 200],
    ['another unit', 'large', 'items=0-1', 200],
  ])('H1: a range, %s', async (_what, name, range, status) => {
    const { isQuick, ...quick } = await quickly('GET', `/v1/files/quick/${name}`, ROOT_KEY, { Range: range });
    const { isQuick: _, ...ordinary } = await ordinarily('GET', `/v1/files/quick/${name}`, ROOT_KEY, { Range: range });
    expect(isQuick).toBe(true);
    expect(quick).toEqual(ordinary);
    expect(quick.status).toBe(status);
  });

  it('a user who may read', async () => {
    const { isQuick, ...quick } = await quickly('GET', '/v1/files/quick/plain', user('alice'));
    const { isQuick: _, ...ordinary } = await ordinarily('GET', '/v1/files/quick/plain', user('alice'));
    expect(isQuick).toBe(true);
    expect(quick).toEqual(ordinary);
  });
});

describe('leaves to the ordinary way', () => {
  it.each<[string, string, number]>([
    ['a link', '/v1/files/quick/link', 200],
    ['a directory', '/v1/files/quick', 200],
    ['a file with a trailing slash', '/v1/files/quick/plain/', 404],
    ['what is below a file', '/v1/files/quick/plain/x', 404],
    ['nothing', '/v1/files/quick/nothing', 404],
    ['a path that is none', '/v1/files/quick/..%2f', 400],
    ['a page with active content', '/v1/files/quick/page', 200],
    ['more bytes than are kept in memory', '/v1/files/quick/huge', 200],
  ])('%s', async (_what, path, status) => {
    expect(await quickly('GET', path)).toMatchObject({ isQuick: false, status });
  });

  it.each<[string, Record<string, string>, number]>([
    ['several ranges', { Range: 'bytes=0-1,4-5' }, 206],
    ['a range of nothing', { Range: 'bytes=100-' }, 416],
    ['a range with a condition', { Range: 'bytes=0-1', 'If-Range': '"other"' }, 200],
    ['a condition', { 'If-None-Match': '*' }, 304],
    ['a date', { 'If-Modified-Since': 'Sun, 06 Nov 2050 08:49:37 GMT' }, 304],
    ['a connection that is to end', { Connection: 'close' }, 200],
    ['a body', { 'Content-Length': '0', 'Transfer-Encoding': 'chunked' }, 400],
  ])('%s', async (_what, headers, status) => {
    await ask('GET', '/v1/files/quick/plain');
    expect(await ask('GET', '/v1/files/quick/plain', ROOT_KEY, headers)).toMatchObject({ isQuick: false, status });
  });

  it('whoever may not read, in the file or on the way', async () => {
    await quickly('GET', '/v1/files/quick/secret');
    expect(await ask('GET', '/v1/files/quick/secret', user('alice'))).toMatchObject({ isQuick: false, status: 403 });
    expect(await ask('HEAD', '/v1/files/quick/secret', user('alice'))).toMatchObject({ isQuick: false, status: 200 });
    await server.client().put('/closed/file', 'c');
    await quickly('GET', '/v1/files/closed/file', user('bob'));
    await server.client().patch('/closed', { mode: '0700' });
    expect(await ask('GET', '/v1/files/closed/file', user('bob'))).toMatchObject({ isQuick: false, status: 403 });
  });

  it('a key that is wrong', async () => {
    expect(await ask('GET', '/v1/files/quick/plain', 'wrong-key-0123456789')).toMatchObject({ isQuick: false, status: 401 });
  });
});

it('P3: sees every change at once', async () => {
  const root = server.client();
  for (let version = 0; version < 20; version++) {
    await root.put('/changing', `version ${version}`);
    expect(await ask('GET', '/v1/files/changing')).toMatchObject({ status: 200, body: `version ${version}` });
    expect(await ask('GET', '/v1/files/changing')).toMatchObject({ body: `version ${version}`, isQuick: true });
  }
  await root.patch('/changing', { mode: '0600' });
  expect(await ask('GET', '/v1/files/changing', user('alice'))).toMatchObject({ status: 403 });
  await root.move('/changing', '/changed');
  expect(await ask('GET', '/v1/files/changing')).toMatchObject({ status: 404 });
  expect(await quickly('GET', '/v1/files/changed')).toMatchObject({ status: 200, isQuick: true });
  await root.delete('/changed');
  expect(await ask('GET', '/v1/files/changed')).toMatchObject({ status: 404 });
});

it('P2: has of a replaced file what is new', async () => {
  const root = server.client();
  await root.put('/replaced', Buffer.alloc(100_000, 'a'));
  expect(await quickly('GET', '/v1/files/replaced')).toMatchObject({ isQuick: true, body: 'a'.repeat(100_000) });
  await root.put('/replaced', Buffer.alloc(100_000, 'b'));
  expect(await ask('GET', '/v1/files/replaced')).toMatchObject({ body: 'b'.repeat(100_000) });
  expect(await quickly('GET', '/v1/files/replaced')).toMatchObject({ isQuick: true, body: 'b'.repeat(100_000) });
});

it('answers requests that come in one go in their order', async () => {
  await ask('GET', '/v1/files/quick/plain');
  const one = (target: string) => rawRequest('GET', target, { Authorization: `Bearer ${ROOT_KEY}` });
  const targets = [
    '/v1/files/quick/plain',
    '/v1/files/quick/large',
    '/v1/files/quick/empty',
    '/v1/files/quick/plain',
    '/v1/files/none',
  ];
  const { responses } = await rawExchange(server, targets.map(one).join(''), { responses: targets.length });
  expect(responses.map(({ status, body }) => [status, status === 200 ? body.length : 0])).toEqual([
    [200, 8],
    [200, 100_000],
    [200, 0],
    [200, 8],
    [404, 0],
  ]);
});

it('is in the access log and the metrics like any other', async () => {
  const count = async () => {
    const { text } = await server.client().request('GET', '/metrics');
    const value = (line: RegExp) => Number(line.exec(text)?.[1] ?? 0);
    return {
      requests: value(/^callfs_http_requests_total\{method="GET",path="\/v1\/files\/\*",status_code="200"\} (\d+)/m),
      reads: value(/^callfs_file_operations_total\{operation="read",backend_type="localfs"\} (\d+)/m),
      out: value(/^callfs_bytes_total\{direction="out"\} (\d+)/m),
    };
  };
  await quickly('GET', '/v1/files/quick/plain', user('alice'));
  const said = server.stdout.length;
  const before = await count();
  await ask('GET', '/v1/files/quick/plain', user('alice'));
  const after = await count();
  expect({ requests: after.requests - before.requests, reads: after.reads - before.reads }).toEqual({ requests: 1, reads: 1 });
  expect(after.out).toBeGreaterThanOrEqual(before.out + 8);
  await server.waitFor(/"path":"\/v1\/files\/quick\/plain","status":200[^\n]*"bytes_out":8,"user":"alice"/, said);
});

it('is logged with the status of its answer', async () => {
  await quickly('GET', '/v1/files/quick/large', ROOT_KEY, { Range: 'bytes=0-10' });
  const said = server.stdout.length;
  const { isQuick } = await ask('GET', '/v1/files/quick/large', ROOT_KEY, { Range: 'bytes=77-88' });
  expect(isQuick).toBe(true);
  await server.waitFor(/"path":"\/v1\/files\/quick\/large","status":206,[^\n]*"bytes_out":12,/, said);
});

it('names an owner who has got a name since', async () => {
  const root = server.client();
  await root.put('/quick/owned', 'o');
  await root.patch('/quick/owned', { owner: 7007, group: 7007 });
  const owner = ({ fields }: Seen) => fields.filter((line) => /^X-CallFS-(Owner|Group):/.test(line));
  const before = await quickly('GET', '/v1/files/quick/owned');
  expect([before.isQuick, owner(before)]).toEqual([true, ['X-CallFS-Group: 7007', 'X-CallFS-Owner: 7007']]);

  expect((await root.postJson('/v1/admin/users', { name: 'zoe', uid: 7007 })).status).toBe(201);

  const after = await quickly('GET', '/v1/files/quick/owned');
  expect([after.isQuick, owner(after)]).toEqual([true, ['X-CallFS-Group: zoe', 'X-CallFS-Owner: zoe']]);
  expect(owner(await ordinarily('HEAD', '/v1/files/quick/owned'))).toEqual(owner(after));
});
