import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { useServer } from '../support/use-server';
import { begin, begun, metadata, PART, send, status, TUS } from './tus-client';

const server = useServer({ config: { server: { max_upload_bytes: 50_000_000 } } });
let alice: Client;
let root: Client;
let base: string;

beforeAll(() => {
  root = server.client();
  alice = server.client('alice');
});

beforeEach(async () => {
  base = await freshDirectory(root, '0777');
});

describe('what the server says of itself', () => {
  it('tells version, extensions, limits and checksums', async () => {
    const answer = await alice.request('OPTIONS', '/v1/uploads');
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'tus-version': '1.0.0',
      'tus-extension': 'creation,creation-with-upload,termination,checksum,expiration,concatenation',
      'tus-max-size': '50000000',
      'tus-checksum-algorithm': 'md5,sha1,sha256,sha512',
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it.each([
    ['POST', '/v1/uploads'],
    ['HEAD', '/v1/uploads/x'],
    ['PATCH', '/v1/uploads/x'],
    ['DELETE', '/v1/uploads/x'],
    ['POST', '/v1/uploads/x'],
  ])('refuses %s %s of another version, saying its own', async (method, target) => {
    const answer = await alice.request(method, target, { headers: { 'tus-resumable': '0.2.2' } });
    expect([answer.status, answer.header('tus-version'), answer.header('tus-resumable')]).toEqual([412, '1.0.0', '1.0.0']);
  });

  it('gives every answer its request id and security headers', async () => {
    const { headers } = await begin(alice, 5, { path: `${base}/f` });
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'tus-resumable': '1.0.0' });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('an upload in parts', () => {
  it('is nothing anybody sees until its last byte, then a file with what was said of it', async () => {
    const upload = await begun(alice, 11, { path: `${base}/new/f.txt`, filetype: 'text/plain', mtime: '1700000000', other: 'x' });
    expect((await send(alice, upload, 0, 'hello ')).header('upload-offset')).toBe('6');
    expect((await alice.get(`${base}/new/f.txt`)).status).toBe(404);
    const state = await status(alice, upload);
    expect(state.headers).toMatchObject({ 'upload-offset': '6', 'upload-length': '11', 'cache-control': 'no-store' });
    expect(state.header('upload-metadata')).toContain('other eA==');
    expect(new Date(state.header('upload-expires') ?? '').getTime()).toBeGreaterThan(Date.now());
    const last = await send(alice, upload, 6, 'world');
    expect([last.status, last.header('upload-offset')]).toEqual([204, '11']);
    const file = await alice.get(`${base}/new/f.txt`);
    expect([file.text, file.header('content-type'), file.header('etag')]).toEqual([
      'hello world',
      'text/plain',
      last.header('etag'),
    ]);
    expect(file.header('last-modified')).toBe(new Date(1_700_000_000_000).toUTCString());
    expect([file.header('x-callfs-owner'), file.header('x-callfs-mode')]).toEqual(['alice', '0644']);
    expect((await status(alice, upload)).header('upload-offset')).toBe('11');
  });

  it('takes the first bytes, or all of them, with its creation', async () => {
    const headers = { ...PART, 'upload-length': '6', 'upload-metadata': metadata({ path: `${base}/f` }) };
    const first = await alice.request('POST', '/v1/uploads', { headers, body: 'abc' });
    expect([first.status, first.header('upload-offset')]).toEqual([201, '3']);
    await must(send(alice, first.header('location') ?? '', 3, 'def'));
    expect((await alice.get(`${base}/f`)).text).toBe('abcdef');
    const whole = { ...headers, 'upload-metadata': metadata({ path: `${base}/g` }) };
    expect((await alice.request('POST', '/v1/uploads', { headers: whole, body: 'uvwxyz' })).header('upload-offset')).toBe('6');
    expect((await alice.get(`${base}/g`)).text).toBe('uvwxyz');
  });

  it('is a file at once when it has no bytes', async () => {
    await begun(alice, 0, { path: `${base}/empty` });
    expect((await alice.get(`${base}/empty`)).header('content-length')).toBe('0');
  });

  it('replaces a file only when it says so, and then in place', async () => {
    await must(alice.put(`${base}/f`, 'old'));
    const refused = await begin(alice, 3, { path: `${base}/f` });
    expect(refused.outcome).toBe('409 FILE_ALREADY_EXISTS');
    expect(refused.json).toMatchObject({ existing_path: `${base}/f`, update_url: expect.stringContaining(`${base}/f`) });
    await must(send(alice, await begun(alice, 3, { path: `${base}/f`, overwrite: 'true' }), 0, 'new'));
    expect((await alice.get(`${base}/f`)).text).toBe('new');
  });

  it('judges the conditions of its beginning again at its end', async () => {
    const tag = (await must(alice.put(`${base}/f`, 'one'))).header('etag') ?? '';
    const values = { path: `${base}/f`, overwrite: 'true' };
    const upload = await begun(alice, 5, values, { 'if-match': tag });
    await must(alice.put(`${base}/f`, 'two'));
    expect((await send(alice, upload, 0, 'three')).outcome).toBe('412 PRECONDITION_FAILED');
    expect((await begin(alice, 5, values, { 'if-match': tag })).outcome).toBe('412 PRECONDITION_FAILED');
    expect((await alice.get(`${base}/f`)).text).toBe('two');
  });

  it('keeps few parts of very many small requests', async () => {
    const upload = await begun(alice, 300, { path: `${base}/f` });
    for (let offset = 0; offset < 300; offset++) await must(send(alice, upload, offset, String(offset % 10)));
    expect((await alice.get(`${base}/f`)).text).toBe('0123456789'.repeat(30));
  });

  it('is freed when it is given up', async () => {
    const upload = await begun(alice, 10, { path: `${base}/f` });
    await must(send(alice, upload, 0, 'abc'));
    expect((await alice.request('DELETE', upload, { headers: TUS })).status).toBe(204);
    expect((await status(alice, upload)).status).toBe(404);
    expect((await send(alice, upload, 3, 'def')).outcome).toBe('404 UPLOAD_NOT_FOUND');
  });

  it('takes POST for the method that the client could not send, and for no other', async () => {
    const upload = await begun(alice, 5, { path: `${base}/f` });
    const post = (method: string, headers: Record<string, string> = TUS) =>
      alice.request('POST', upload, { headers: { ...headers, 'x-http-method-override': method }, body: 'hel' });

    expect((await post('PATCH', { ...PART, 'upload-offset': '0' })).header('upload-offset')).toBe('3');
    expect((await post('PATCH', { ...PART, 'upload-offset': '0' })).outcome).toBe('409 UPLOAD_OFFSET_MISMATCH');
    for (const method of ['GET', 'patch', '']) expect((await post(method)).outcome).toBe('405 METHOD_NOT_ALLOWED');
    expect((await post('DELETE')).status).toBe(204);
    expect((await status(alice, upload)).status).toBe(404);
  });

  it('takes only bytes that say that they are its own', async () => {
    const upload = await begun(alice, 3, { path: `${base}/f` });
    const wrong = { 'content-type': 'application/octet-stream' };
    expect((await send(alice, upload, 0, 'abc', wrong)).outcome).toBe('415 UNSUPPORTED_MEDIA_TYPE');
    expect((await alice.request('GET', upload)).outcome).toBe('405 METHOD_NOT_ALLOWED');
  });
});

describe('T1 lengths', () => {
  it.each(['-1', 'abc', '1e3', '0x10', '1.5', ' ', '+1'])('refuses Upload-Length %j', async (length) => {
    expect((await begin(alice, length, { path: `${base}/f` })).outcome).toBe('400 INVALID_REQUEST');
  });

  it.each(['50000001', '99999999999999999999'])('refuses %s bytes as too many', async (length) => {
    expect((await begin(alice, length, { path: `${base}/f` })).outcome).toBe('413 PAYLOAD_TOO_LARGE');
  });

  it('refuses a length that is told later, or not at all', async () => {
    const headers = { ...TUS, 'upload-defer-length': '1', 'upload-metadata': metadata({ path: `${base}/f` }) };
    expect((await alice.request('POST', '/v1/uploads', { headers })).outcome).toBe('400 INVALID_REQUEST');
  });

  it('takes no more bytes than were announced', async () => {
    const upload = await begun(alice, 3, { path: `${base}/f` });
    expect((await send(alice, upload, 0, 'abcd')).outcome).toBe('413 PAYLOAD_TOO_LARGE');
    const chunked = { headers: { ...PART, 'upload-offset': '0' }, body: Readable.from([Buffer.from('abcd')]) };
    expect((await alice.request('PATCH', upload, chunked)).outcome).toBe('413 PAYLOAD_TOO_LARGE');
    expect((await status(alice, upload)).header('upload-offset')).toBe('0');
  });
});

describe('T2 ids', () => {
  it.each(['x', '../x', '%2e%2e%2f', '..%2fx', '%00', 'a%00b', 'A'.repeat(32), 'a'.repeat(4000), '%C3%A9'])(
    'knows no upload %j',
    async (id) => {
      expect((await status(alice, `/v1/uploads/${id}`)).status).toBe(404);
      expect((await send(alice, `/v1/uploads/${id}`, 0, 'x')).status).toBe(404);
      expect((await alice.request('DELETE', `/v1/uploads/${id}`, { headers: TUS })).status).toBe(404);
    },
  );

  it("knows no upload of another user's, whoever asks", async () => {
    const upload = await begun(alice, 3, { path: `${base}/f` });
    for (const other of [server.client('bob'), root]) {
      expect((await status(other, upload)).status).toBe(404);
      expect((await send(other, upload, 0, 'abc')).outcome).toBe('404 UPLOAD_NOT_FOUND');
      expect((await other.request('DELETE', upload, { headers: TUS })).outcome).toBe('404 UPLOAD_NOT_FOUND');
    }
    await must(send(alice, upload, 0, 'abc'));
  });

  it('gives ids that nobody guesses', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => begun(alice, 3, { path: `${base}/f` })));
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) expect(id).toMatch(/^\/v1\/uploads\/[A-Za-z0-9_-]{32}$/);
  });

  it.each([
    ['no path', {}, '400 INVALID_REQUEST'],
    ['a path that climbs', { path: '/../x' }, '400 INVALID_PATH'],
    ['a NUL', { path: '/a\0b' }, '400 INVALID_PATH'],
    ['a directory', { path: '/dir/' }, '400 IS_A_DIRECTORY'],
    ['a time that is none', { path: '/t/x', mtime: 'yesterday' }, '400 INVALID_REQUEST'],
    ['a flag that is none', { path: '/t/x', overwrite: 'maybe' }, '400 INVALID_REQUEST'],
  ] as [string, Record<string, string>, string][])('refuses metadata with %s', async (_, values, outcome) => {
    expect((await begin(root, 3, values)).outcome).toBe(outcome);
  });

  it.each(['path', 'path !!!', 'path L2E=,path L2I=', 'path /////w==', ',', 'path L2E'])(
    'refuses Upload-Metadata %j',
    async (text) => {
      expect((await begin(root, 3, {}, { 'upload-metadata': text })).status).toBe(400);
    },
  );

  it('takes a path as it is, decoding nothing', async () => {
    await must(send(alice, await begun(alice, 1, { path: `${base}/%2e%2e%2f é` }), 0, 'x'));
    expect((await alice.get(`${base}/%2e%2e%2f é`)).text).toBe('x');
  });
});

describe('T3 offsets', () => {
  it.each(['1', '-1', 'abc', '0x0', ''])('refuses bytes at offset %j and tells where it goes on', async (offset) => {
    const upload = await begun(alice, 3, { path: `${base}/f` });
    const answer = await send(alice, upload, 0, 'abc', { 'upload-offset': offset });
    expect(answer.outcome).toBe(offset === '1' ? '409 UPLOAD_OFFSET_MISMATCH' : '400 INVALID_REQUEST');
    expect(answer.header('upload-offset')).toBe(offset === '1' ? '0' : undefined);
    expect((await status(alice, upload)).header('upload-offset')).toBe('0');
  });

  it('lets exactly one of twenty have an offset', async () => {
    // So short that each comes in one piece: of a longer one that is overtaken midway, what came by then would stay.
    const upload = await begun(alice, 2000, { path: `${base}/f` });
    const bodies = Array.from({ length: 20 }, (_, index) => Buffer.alloc(1000, index));
    const answers = await Promise.all(bodies.map((body) => send(alice, upload, 0, body)));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    const offset = Number((await status(alice, upload)).header('upload-offset'));
    expect(offset).toBe(1000);
    await must(send(alice, upload, offset, Buffer.alloc(1000, 99)));
    const { body } = await alice.get(`${base}/f`);
    expect(new Set(body.subarray(0, 1000)).size).toBe(1);
    expect(new Set(body.subarray(1000))).toEqual(new Set([99]));
  });
});

describe('checksums', () => {
  const digest = (algorithm: string, text: string) => `${algorithm} ${createHash(algorithm).update(text).digest('base64')}`;

  it.each(['md5', 'sha1', 'sha256', 'sha512'])('compares %s, and keeps nothing of what differs', async (algorithm) => {
    const upload = await begun(alice, 6, { path: `${base}/f` });
    await must(send(alice, upload, 0, 'abc', { 'upload-checksum': digest(algorithm, 'abc') }));
    const wrong = await send(alice, upload, 3, 'dxf', { 'upload-checksum': digest(algorithm, 'def') });
    expect(wrong.outcome).toBe('460 CHECKSUM_MISMATCH');
    expect((await status(alice, upload)).header('upload-offset')).toBe('3');
    await must(send(alice, upload, 3, 'def', { 'upload-checksum': digest(algorithm, 'def') }));
    expect((await alice.get(`${base}/f`)).text).toBe('abcdef');
  });

  it.each(['crc32 AAAAAA==', 'sha256', 'sha256 AAAA', 'sha256 !', ''])('refuses Upload-Checksum %j', async (checksum) => {
    const upload = await begun(alice, 3, { path: `${base}/f` });
    expect((await send(alice, upload, 0, 'abc', { 'upload-checksum': checksum })).outcome).toBe('400 INVALID_REQUEST');
    expect((await status(alice, upload)).header('upload-offset')).toBe('0');
  });
});

describe('concatenation', () => {
  const partial = async (body: string) => {
    const headers = { ...PART, 'upload-concat': 'partial', 'upload-length': `${body.length}` };
    return (await must(alice.request('POST', '/v1/uploads', { headers, body }))).header('location') ?? '';
  };
  const final = (uploads: string[], values: Record<string, string>, headers = {}) =>
    alice.request('POST', '/v1/uploads', {
      headers: { ...TUS, 'upload-concat': `final;${uploads.join(' ')}`, 'upload-metadata': metadata(values), ...headers },
    });

  it('makes a file of partial uploads, in their order, however they are named', async () => {
    const [a, b] = [await partial('hello '), await partial('world')];
    expect((await status(alice, a)).headers).toMatchObject({ 'upload-concat': 'partial', 'upload-offset': '6' });
    const made = await final([a, `http://somewhere.test${b}`], { path: `${base}/f` });
    expect(made.status).toBe(201);
    expect((await alice.get(`${base}/f`)).text).toBe('hello world');
    const state = await status(alice, made.header('location') ?? '');
    expect(state.headers).toMatchObject({ 'upload-concat': `final;${a} ${b}`, 'upload-offset': '11', 'upload-length': '11' });
    const more = await send(alice, made.header('location') ?? '', 0, 'x');
    expect(more.outcome).toBe('403 PERMISSION_DENIED');
  });

  it('does it once for a client that asks again, and not for another file', async () => {
    const parts = [await partial('a'), await partial('b')];
    const first = await final(parts, { path: `${base}/f` });
    const second = await final(parts, { path: `${base}/f` });
    expect([second.status, second.header('location')]).toEqual([201, first.header('location')]);
    expect((await final(parts, { path: `${base}/g` })).outcome).toBe('400 INVALID_REQUEST');
  });

  it('refuses what is not complete, not partial, not there or not its own, and keeps the parts', async () => {
    const done = await partial('a');
    const open = await begun(alice, 3, {}, { 'upload-concat': 'partial' });
    const plain = await begun(alice, 3, { path: `${base}/other` });
    for (const other of [open, plain])
      expect((await final([done, other], { path: `${base}/f` })).outcome).toBe('400 INVALID_REQUEST');
    expect((await final([done, '/v1/uploads/none'], { path: `${base}/f` })).outcome).toBe('404 UPLOAD_NOT_FOUND');
    expect((await final(['/elsewhere'], { path: `${base}/f` })).outcome).toBe('400 INVALID_REQUEST');
    expect((await final([done], { path: `${base}/f` }, { 'upload-length': '1' })).outcome).toBe('400 INVALID_REQUEST');
    await must(root.patch(base, { mode: '0755' }));
    expect((await final([done], { path: `${base}/f` })).outcome).toBe('403 PERMISSION_DENIED');
    await must(root.patch(base, { mode: '0777' }));
    await must(final([done], { path: `${base}/f` }));
    expect((await alice.get(`${base}/f`)).text).toBe('a');
  });
});

describe('T5 finishing', () => {
  it('is refused when the permission was taken, keeps the upload, and is made up for when it is asked how it stands', async () => {
    const upload = await begun(alice, 6, { path: `${base}/f` });
    await must(send(alice, upload, 0, 'abc'));
    await must(root.patch(base, { mode: '0755' }));
    expect((await send(alice, upload, 3, 'def')).outcome).toBe('403 PERMISSION_DENIED');
    expect((await status(alice, upload)).status).toBe(403);
    await must(root.patch(base, { mode: '0777' }));
    expect((await status(alice, upload)).header('upload-offset')).toBe('6');
    expect((await alice.get(`${base}/f`)).text).toBe('abcdef');
  });

  it('is refused when the target became a directory, or a file', async () => {
    const upload = await begun(alice, 3, { path: `${base}/d`, overwrite: 'true' });
    await must(alice.mkdir(`${base}/d`));
    expect((await send(alice, upload, 0, 'abc')).outcome).toBe('400 IS_A_DIRECTORY');
    const other = await begun(alice, 3, { path: `${base}/f` });
    await must(alice.put(`${base}/f`, 'first'));
    expect((await send(alice, other, 0, 'abc')).outcome).toBe('409 FILE_ALREADY_EXISTS');
    expect((await alice.get(`${base}/f`)).text).toBe('first');
    await must(alice.delete(`${base}/f`));
    expect((await send(alice, other, 3, '')).status).toBe(204);
    expect((await alice.get(`${base}/f`)).text).toBe('abc');
  });

  it('makes the file once, also for a client that did not hear of it', async () => {
    const upload = await begun(alice, 20_000, { path: `${base}/f` });
    const bytes = patternBytes(7, 20_000);
    await must(send(alice, upload, 0, bytes));
    const tag = (await alice.head(`${base}/f`)).header('etag');
    expect((await status(alice, upload)).header('upload-offset')).toBe('20000');
    expect((await send(alice, upload, 20_000, '')).status).toBe(204);
    expect((await send(alice, upload, 0, bytes)).outcome).toBe('409 UPLOAD_OFFSET_MISMATCH');
    const file = await alice.get(`${base}/f`);
    expect([sha256(file.body), file.header('etag')]).toEqual([sha256(bytes), tag]);
  });
});
