import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { entries } from '../support/client';
import { rawExchange, rawRequest } from '../support/raw';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';

/*
 * A small PUT goes past router and framework. Nobody may notice: each answer is compared with that of the ordinary way,
 * which a parameter that says nothing (`x=1`) leads to, on a twin of the same tree.
 */
const server = useServer();
const DIGEST = `sha-256=:${createHash('sha256').update('bytes').digest('base64')}:`;

const user = (name: string) => server.user(name).key;

beforeAll(async () => {
  const root = server.client();
  for (const twin of ['/quick', '/plain']) {
    for (const name of ['old', 'kept', 'secret', 'page.html']) await root.put(`${twin}/${name}`, 'before');
    await root.put(`${twin}/directory/file`, 'below');
    await root.patch(`${twin}/secret`, { mode: '0600' });
    await root.patch(twin, { mode: '0777' });
    await root.symlink(`${twin}/link`, 'old');
    await root.symlink(`${twin}/dangling`, 'nowhere/at/all');
    await root.put(`${twin}/alice/own`, 'a');
    for (const path of [`${twin}/alice`, `${twin}/alice/own`]) await root.patch(path, { owner: 'alice' });
  }
});

/** The answer, without what no two requests have in common. */
async function put(target: string, key: string, headers: Record<string, string | number>, body: string) {
  const head = rawRequest('PUT', target, {
    Authorization: `Bearer ${key}`,
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  const { responses } = await rawExchange(server, [head, body]);
  const [answer] = responses;
  const same = (text: string) =>
    text
      .replaceAll('/plain', '/quick')
      .replace(/"(mtime|atime|ctime)":"[^"]+"/g, '"$1":"then"')
      .replace(/\b[0-9a-z]+-(?=[0-9a-f]{16}\b)/g, 'content-')
      .replace(/"request_id":"[^"]+"/, '"request_id":"it"');
  const fields = [...(answer?.headers ?? [])]
    .filter(([name]) => !['x-request-id', 'date', 'content-length'].includes(name))
    .map((field) => same(field.join(': ')))
    .sort();
  expect(answer?.headers.get('content-length')).toBe(String(answer?.body.length));
  return { status: answer?.status, fields, body: same(answer?.body.toString() ?? '') };
}

type Case = [what: string, path: string, status: number, headers?: Record<string, string | number>, key?: () => string];

const CASES: Case[] = [
  ['a new file', '/new', 201],
  ['a new file with a name that a URL encodes', '/ein%20sch%C3%B6ner%20Name', 201],
  ['a new file in directories that are not there', '/a/b/c', 201],
  ['a file that is there', '/old', 200],
  ['where a link leads', '/link', 200],
  ['where a link leads to nothing', '/dangling', 404],
  [
    'the type, mode and time of a file',
    '/attributes',
    201,
    { 'Content-Type': 'Text/Plain', 'X-CallFS-Mode': '2640', 'X-CallFS-MTime': '1700000000.5' },
  ],
  ['active content', '/page.html', 200, { 'Content-Type': 'text/html' }],
  ['a digest that is right', '/digest', 201, { 'Content-Digest': DIGEST }],
  ['a digest that is wrong', '/wrong', 400, { 'Repr-Digest': DIGEST.replace(/:.{4}/, ':AAAA') }],
  ['a condition that holds', '/only-new', 201, { 'If-None-Match': '*' }],
  ['a condition that does not', '/kept', 412, { 'If-None-Match': '*' }],
  ['a condition that is none', '/kept', 400, { 'If-Match': 'unquoted' }],
  ['a directory', '/directory', 400],
  ['a path that says directory', '/none/', 400],
  ['what is below a file', '/kept/x', 409],
  ['a path that is none', '/%2e%2e%2f', 400],
  ['a mode that is none', '/kept', 400, { 'X-CallFS-Mode': '9' }],
  ['a coding', '/kept', 415, { 'Content-Encoding': 'gzip' }],
  ['a part', '/kept', 400, { 'Content-Range': 'bytes 0-4/10' }],
  ['whoever may write', '/hers', 201, {}, () => user('alice')],
  ['an owner', '/alice/own', 200, { 'X-CallFS-Mode': '4711' }, () => user('alice')],
  ['whoever may not write the file', '/secret', 403, {}, () => user('alice')],
  ['whoever may not write the directory', '/directory/mine', 403, {}, () => user('alice')],
  ['a key that is wrong', '/kept', 401, {}, () => 'wrong-key-0123456789'],
];

describe('is the ordinary answer, field for field, for', () => {
  it.each(CASES)('%s', async (_what, path, status, headers = {}, key = () => ROOT_KEY) => {
    const quick = await put(`/v1/files/quick${path}`, key(), headers, 'bytes');
    const ordinary = await put(`/v1/files/plain${path}?x=1`, key(), headers, 'bytes');
    expect(quick).toEqual(ordinary);
    expect(quick.status).toBe(status);
  });

  it('an empty file', async () => {
    const quick = await put('/v1/files/quick/empty', ROOT_KEY, {}, '');
    expect(quick).toEqual(await put('/v1/files/plain/empty?x=1', ROOT_KEY, {}, ''));
    expect(quick).toMatchObject({ status: 201, body: expect.stringContaining('"size":0') });
  });
});

it('leaves two trees that are alike', async () => {
  const [quick, ordinary] = await Promise.all(
    ['quick', 'plain'].map(async (twin) => {
      const listing = await server.client().list(`/${twin}`, { recursive: true, limit: 1000 });
      return entries(listing).map(({ path, type, size, mode, owner }) => [path.replace(`/${twin}`, ''), type, size, mode, owner]);
    }),
  );
  expect(quick).toHaveLength(20);
  expect(quick).toEqual(ordinary);
});

it('takes a body that comes piece by piece', async () => {
  const body = 'x'.repeat(50_000);
  const head = rawRequest('PUT', '/v1/files/quick/pieces', {
    Authorization: `Bearer ${ROOT_KEY}`,
    'Content-Length': body.length,
  });
  const pieces = Array.from({ length: 50 }, (_, i) => [() => new Promise(setImmediate), body.slice(i * 1000, i * 1000 + 1000)]);
  const { responses } = await rawExchange(server, [head, ...pieces.flat()]);
  expect(responses.map(({ status }) => status)).toEqual([201]);
  expect((await server.client().get('/quick/pieces')).text).toBe(body);
});

it('D4: changes nothing for a client that vanishes before the last byte', async () => {
  const root = server.client();
  const head = rawRequest('PUT', '/v1/files/quick/kept', { Authorization: `Bearer ${ROOT_KEY}`, 'Content-Length': 100 });
  await rawExchange(server, [head, 'x'.repeat(99)], { halfClose: true, untilClose: true });
  await server.waitFor(/"path":"\/v1\/files\/quick\/kept","status":400,.*"bytes_in":99,/);
  expect((await root.get('/quick/kept')).text).toBe('before');
  expect((await root.request('GET', '/metrics')).text).toContain('callfs_uploads_in_flight 0');
});
