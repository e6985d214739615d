import { Readable } from 'node:stream';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fileTarget, names, type Client } from '../support/client';
import { freshFixture, must, snapshot } from '../support/fixture';
import { digestField, patternBytes, sha256 } from '../support/random';
import { refusals } from '../support/refusals';
import { useServer } from '../support/use-server';

const MAX_UPLOAD = 2_000_000;
const server = useServer({ config: { server: { listen_addr: '127.0.0.1:0', protocol: 'http', max_upload_bytes: MAX_UPLOAD } } });
let root: Client;
let alice: Client;
/** `file`, `dir/inner`, `empty/`, `link`; new for each test. */
let base: string;

beforeAll(() => {
  root = server.client();
  alice = server.client('alice');
});

beforeEach(async () => {
  base = await freshFixture(root);
});

const world = () => ({ root, base });

describe('GET and HEAD', () => {
  it('answer with the bytes and what is known of them', async () => {
    await must(root.put(`${base}/file`, 'twelve bytes', { 'content-type': 'text/plain' }));

    const answer = await root.get(`${base}/file`);

    expect([answer.status, answer.text]).toEqual([200, 'twelve bytes']);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain',
      'content-length': '12',
      'accept-ranges': 'bytes',
      'repr-digest': digestField('twelve bytes'),
      etag: expect.stringMatching(/^"[^"]+"$/),
      'last-modified': expect.stringMatching(/ GMT$/),
      'x-callfs-type': 'file',
      'x-callfs-size': '12',
      'x-callfs-mode': '0644',
      'x-callfs-owner': 'root',
      'x-callfs-group': 'root',
      'x-callfs-uid': '0',
      'x-callfs-gid': '0',
      'x-callfs-mtime': expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      'x-callfs-instance-id': 'callfs-test',
      'x-callfs-backend-type': 'localfs',
    });
    const head = await root.head(`${base}/file`);
    expect([head.status, head.body.length, head.header('etag')]).toEqual([200, 0, answer.header('etag')]);
  });

  it.each(['', '/'])('of a directory answer with its entries (with "%s" at the end)', async (slash) => {
    const answer = await root.get(`${base}/dir${slash}`);

    expect(answer.status).toBe(200);
    expect(answer.header('content-type')).toMatch(/^application\/json/);
    expect(answer.header('x-callfs-type')).toBe('directory');
    expect(answer.json).toHaveLength(1);
    expect(answer.json[0]).toMatchObject({
      name: 'inner',
      path: `${base}/dir/inner`,
      type: 'file',
      size: 6,
      mode: '0644',
      uid: 0,
      gid: 0,
      owner: 'root',
      group: 'root',
      nlink: 1,
      backend: 'localfs',
      instance_id: 'callfs-test',
      etag: (await root.head(`${base}/dir/inner`)).header('etag'),
    });
    expect((await root.head(`${base}/dir${slash}`)).header('x-callfs-type')).toBe('directory');
  });

  it.each([0, 1, 16_383, 16_384, 16_385, 65_536, 1_048_577])('give back %d bytes as they were sent', async (size) => {
    const bytes = patternBytes(size, size);
    await must(root.put(`${base}/sized`, bytes));

    const answer = await root.get(`${base}/sized`);

    expect([answer.header('content-length'), sha256(answer.body)]).toEqual([`${size}`, sha256(bytes)]);
  });

  refusals(world, [
    ['of nothing: 404', () => root.get(`${base}/nothing`), '404 FILE_NOT_FOUND'],
    ['of nothing, HEAD: 404', () => root.head(`${base}/nothing`), '404'],
    ['below a file: 404', () => root.get(`${base}/file/below`), '404 FILE_NOT_FOUND'],
    ['below a missing directory: 404', () => root.get(`${base}/no/such`), '404 FILE_NOT_FOUND'],
    ['of a file with a slash at its end: 404', () => root.get(`${base}/file/`), '404 FILE_NOT_FOUND'],
    ['a range beyond the end: 416', () => root.get(`${base}/file`, { range: 'bytes=100-' }), '416 RANGE_NOT_SATISFIABLE'],
    ['a condition that fails: 412', () => root.get(`${base}/file`, { 'if-match': '"other"' }), '412 PRECONDITION_FAILED'],
  ]);
});

describe('POST of a file', () => {
  it('creates it, and the directories above it', async () => {
    const answer = await root.post(`${base}/new/deep/file`, 'made', { 'x-callfs-mode': '0640' });

    expect(answer.status).toBe(201);
    expect((await root.get(`${base}/new/deep/file`)).text).toBe('made');
    expect((await root.head(`${base}/new/deep/file`)).header('x-callfs-mode')).toBe('0640');
    expect((await root.head(`${base}/new/deep`)).header('x-callfs-mode')).toBe('0755');
  });

  it('takes a body of unknown length', async () => {
    const bytes = patternBytes(7, 300_000);

    expect((await root.post(`${base}/chunked`, Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)]))).status).toBe(201);

    expect(sha256((await root.get(`${base}/chunked`)).body)).toBe(sha256(bytes));
  });

  it('creates an empty file', async () => {
    expect((await root.post(`${base}/nil`)).status).toBe(201);
    expect((await root.get(`${base}/nil`)).header('content-length')).toBe('0');
  });

  it('of a path that exists is a 409 that says where it is and what to do', async () => {
    const answer = await root.post(`${base}/file`, 'new');

    expect(answer.outcome).toBe('409 FILE_ALREADY_EXISTS');
    expect(answer.json).toMatchObject({
      existing_path: `${base}/file`,
      instance_id: 'callfs-test',
      backend_type: 'localfs',
      suggestion: expect.stringContaining('PUT'),
      update_url: `${server.url}/v1/files${base}/file`,
    });
    expect((await root.get(`${base}/file`)).text).toBe('old');
  });

  refusals(world, [
    ['that exists: 409', () => root.post(`${base}/file`, 'new'), '409 FILE_ALREADY_EXISTS'],
    ['where a directory stands: 409', () => root.post(`${base}/dir`, 'new'), '409 FILE_ALREADY_EXISTS'],
    ['where a link stands: 409', () => root.post(`${base}/link`, 'new'), '409 FILE_ALREADY_EXISTS'],
    ['below a file: 409', () => root.post(`${base}/file/below`, 'new'), '409 NOT_A_DIRECTORY'],
    [
      'with a wrong digest: 400',
      () => root.post(`${base}/n`, 'x', { 'content-digest': digestField('y') }),
      '400 DIGEST_MISMATCH',
    ],
    ['that is encoded: 415', () => root.post(`${base}/n`, 'x', { 'content-encoding': 'gzip' }), '415 UNSUPPORTED_ENCODING'],
    ['with a bad mode: 400', () => root.post(`${base}/n`, 'x', { 'x-callfs-mode': 'rw-r--r--' }), '400 INVALID_REQUEST'],
    ['with a bad time: 400', () => root.post(`${base}/n`, 'x', { 'x-callfs-mtime': 'yesterday' }), '400 INVALID_REQUEST'],
    ['without permission: 403', () => alice.post(`${base}/n`, 'x'), '403 PERMISSION_DENIED'],
    ['below a directory one may not write: 403', () => alice.post(`${base}/a/b/n`, 'x'), '403 PERMISSION_DENIED'],
  ]);
});

describe('POST of a directory', () => {
  it('creates it: 201, and once more: 200', async () => {
    expect((await root.mkdir(`${base}/made`)).status).toBe(201);
    expect((await root.mkdir(`${base}/made`)).status).toBe(200);
    expect((await root.head(`${base}/made`)).headers).toMatchObject({ 'x-callfs-type': 'directory', 'x-callfs-mode': '0755' });
  });

  it('takes a mode, and makes the directories above', async () => {
    expect((await root.mkdir(`${base}/x/y/private`, '0700')).status).toBe(201);

    expect((await root.head(`${base}/x/y/private`)).header('x-callfs-mode')).toBe('0700');
    expect((await root.head(`${base}/x/y`)).header('x-callfs-mode')).toBe('0755');
  });

  refusals(world, [
    ['where a file stands: 409', () => root.mkdir(`${base}/file`), '409 FILE_ALREADY_EXISTS'],
    ['below a file: 409', () => root.mkdir(`${base}/file/below`), '409 NOT_A_DIRECTORY'],
    ['with a body that is no JSON: 400', () => root.post(`${base}/n/`, '{', json), '400 INVALID_REQUEST'],
    ['with a body of another type: 400', () => root.post(`${base}/n/`, '{"type":"file"}', json), '400 INVALID_REQUEST'],
    ['with a bad mode: 400', () => root.mkdir(`${base}/n`, '0999'), '400 INVALID_REQUEST'],
    ['with a mode beyond 7777: 400', () => root.mkdir(`${base}/n`, '17777'), '400 INVALID_REQUEST'],
    ['without permission: 403', () => alice.mkdir(`${base}/n`), '403 PERMISSION_DENIED'],
  ]);
});

const json = { 'content-type': 'application/json' };

it('POST of a directory that exists leaves its mode', async () => {
  expect((await root.mkdir(`${base}/dir`, '0700')).status).toBe(200);
  expect((await root.head(`${base}/dir`)).header('x-callfs-mode')).toBe('0755');
});

describe('PUT', () => {
  it('replaces: 200, creates: 201, and the ETag is of the content', async () => {
    const first = await must(root.head(`${base}/file`));
    expect((await root.put(`${base}/file`, 'new')).status).toBe(200);
    expect((await root.put(`${base}/other`, 'new')).status).toBe(201);

    const [file, other] = await Promise.all([root.get(`${base}/file`), root.get(`${base}/other`)]);
    expect([file.text, other.text]).toEqual(['new', 'new']);
    expect(file.header('etag')).not.toBe(first.header('etag'));
  });

  it('keeps mode and owner of what it replaces', async () => {
    await must(root.patch(`${base}/file`, { mode: '0666', owner: 'alice', group: 'alice' }));
    await must(root.put(`${base}/file`, 'new'));

    expect((await root.head(`${base}/file`)).headers).toMatchObject({ 'x-callfs-mode': '0666', 'x-callfs-owner': 'alice' });
  });

  it.each([
    ['x-callfs-mtime', '2001-02-03T04:05:06.123456789Z', '2001-02-03T04:05:06.123456789Z'],
    ['x-callfs-mtime', '2001-02-03T05:05:06+01:00', '2001-02-03T04:05:06.000000000Z'],
    ['x-oc-mtime', '981173106', '2001-02-03T04:05:06.000000000Z'],
    ['x-oc-mtime', '981173106.5', '2001-02-03T04:05:06.500000000Z'],
  ])("keeps the client's time of %s: %s", async (header, value, stored) => {
    await must(root.put(`${base}/file`, 'new', { [header]: value }));

    const head = await root.head(`${base}/file`);
    expect(head.header('x-callfs-mtime')).toBe(stored);
    expect(head.header('last-modified')).toBe('Sat, 03 Feb 2001 04:05:06 GMT');
  });

  it('writes through a link', async () => {
    expect((await root.put(`${base}/link`, 'through')).status).toBe(200);

    expect((await root.get(`${base}/file`)).text).toBe('through');
    expect((await root.list(base, { type: 'symlink' })).json.items[0]).toMatchObject({ name: 'link', target: 'file' });
  });

  it('verifies a right digest', async () => {
    expect((await root.put(`${base}/file`, 'new', { 'content-digest': digestField('new') })).status).toBe(200);
    expect((await root.put(`${base}/file`, 'newer', { 'repr-digest': digestField('newer', 'sha-512') })).status).toBe(200);
  });

  refusals(world, [
    ['of a directory: 400', () => root.put(`${base}/dir`, 'x'), '400 IS_A_DIRECTORY'],
    ['of a path that says directory: 400', () => root.put(`${base}/dir/`, 'x'), '400 IS_A_DIRECTORY'],
    ['of a missing path that says directory: 400', () => root.put(`${base}/n/`, 'x'), '400 IS_A_DIRECTORY'],
    ['below a file: 409', () => root.put(`${base}/file/below`, 'x'), '409 NOT_A_DIRECTORY'],
    ['without permission: 403', () => alice.put(`${base}/file`, 'x'), '403 PERMISSION_DENIED'],
    ['into a directory one may not write: 403', () => alice.put(`${base}/dir/n`, 'x'), '403 PERMISSION_DENIED'],
    [
      'another version than If-Match: 412',
      () => root.put(`${base}/file`, 'x', { 'if-match': '"other"' }),
      '412 PRECONDITION_FAILED',
    ],
    ['of a missing file with If-Match: 412', () => root.put(`${base}/n`, 'x', { 'if-match': '*' }), '412 PRECONDITION_FAILED'],
    ['with If-None-Match: 412', () => root.put(`${base}/file`, 'x', { 'if-none-match': '*' }), '412 PRECONDITION_FAILED'],
    ['with a wrong digest: 400', () => root.put(`${base}/file`, 'x', { 'repr-digest': digestField('y') }), '400 DIGEST_MISMATCH'],
    ['too large: 413', () => root.put(`${base}/file`, Buffer.alloc(MAX_UPLOAD + 1)), '413 PAYLOAD_TOO_LARGE'],
    ['that is encoded: 415', () => root.put(`${base}/file`, 'x', { 'content-encoding': 'br' }), '415 UNSUPPORTED_ENCODING'],
  ]);

  it('too large without a length: 413, cut off where the limit is', async () => {
    const before = await snapshot(root, base);
    const endless = Readable.from(
      (function* () {
        for (let sent = 0; sent < MAX_UPLOAD * 2; sent += 65_536) yield Buffer.alloc(65_536);
      })(),
    );

    expect((await root.put(`${base}/n`, endless)).outcome).toBe('413 PAYLOAD_TOO_LARGE');
    expect(await snapshot(root, base)).toEqual(before);
  });

  it('of exactly the largest size passes', async () => {
    expect((await root.put(`${base}/n`, Buffer.alloc(MAX_UPLOAD))).status).toBe(201);
  });
});

describe('DELETE', () => {
  it.each([
    ['a file', 'file'],
    ['a link, not what it leads to', 'link'],
    ['an empty directory', 'empty'],
    ['an empty directory, said to be one', 'empty/'],
  ])('removes %s: 204', async (_, name) => {
    const answer = await root.delete(`${base}/${name}`);

    expect([answer.status, answer.body.length]).toEqual([204, 0]);
    const left = ['dir', 'empty', 'file', 'link'].filter((other) => other !== name.replace('/', ''));
    expect(names(await root.list(base))).toEqual(left);
  });

  it('removes a tree with ?recursive=true', async () => {
    await must(root.put(`${base}/dir/a/b/c/d`, 'deep'));

    expect((await root.delete(`${base}/dir`, { recursive: true })).status).toBe(204);

    for (const path of ['dir', 'dir/inner', 'dir/a/b/c/d']) {
      expect((await root.get(`${base}/${path}`)).outcome).toBe('404 FILE_NOT_FOUND');
    }
  });

  it('of a version', async () => {
    const etag = (await root.head(`${base}/file`)).header('etag');

    expect((await root.delete(`${base}/file`, { headers: { 'if-match': etag } })).status).toBe(204);
  });

  refusals(world, [
    ['of nothing: 404', () => root.delete(`${base}/nothing`), '404 FILE_NOT_FOUND'],
    ['of nothing, recursively: 404', () => root.delete(`${base}/nothing`, { recursive: true }), '404 FILE_NOT_FOUND'],
    ['below a file: 404', () => root.delete(`${base}/file/below`), '404 FILE_NOT_FOUND'],
    ['of a file said to be a directory: 404', () => root.delete(`${base}/file/`), '404 FILE_NOT_FOUND'],
    ['of a directory that is not empty: 409', () => root.delete(`${base}/dir`), '409 DIRECTORY_NOT_EMPTY'],
    [
      'with recursive=false: 409',
      () => root.request('DELETE', `${fileTarget(base)}/dir?recursive=false`),
      '409 DIRECTORY_NOT_EMPTY',
    ],
    ['with recursive=maybe: 400', () => root.request('DELETE', `${fileTarget(base)}/dir?recursive=maybe`), '400 INVALID_REQUEST'],
    ['without permission: 403', () => alice.delete(`${base}/file`), '403 PERMISSION_DENIED'],
    ['of a tree without permission: 403', () => alice.delete(`${base}/dir`, { recursive: true }), '403 PERMISSION_DENIED'],
    ['of another version: 412', () => root.delete(`${base}/file`, { headers: { 'if-match': '"x"' } }), '412 PRECONDITION_FAILED'],
  ]);

  it('of a tree with a part that the caller may not remove changes nothing', async () => {
    await must(root.mkdir(`${base}/shared`, '0777'));
    await must(alice.put(`${base}/shared/tree/mine`, 'mine'));
    await must(root.patch(`${base}/shared`, { mode: '0777' }));
    await must(alice.patch(`${base}/shared/tree`, { mode: '0777' }));
    await must(root.put(`${base}/shared/tree/locked/inner`, 'roots'));
    const before = await snapshot(root, base);

    expect((await alice.delete(`${base}/shared/tree`, { recursive: true })).outcome).toBe('403 PERMISSION_DENIED');

    expect(await snapshot(root, base)).toEqual(before);
  });
});

describe('other methods', () => {
  it('OPTIONS says what is allowed', async () => {
    const answer = await root.request('OPTIONS', fileTarget(`${base}/file`));

    expect(answer.status).toBe(204);
    expect(answer.header('allow')?.split(/, */).sort()).toEqual(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']);
  });

  it.each(['TRACE', 'PROPFIND', 'LOCK'])('%s is not allowed here', async (method) => {
    const answer = await root.request(method, fileTarget(`${base}/file`));

    expect(answer.outcome).toBe('405 METHOD_NOT_ALLOWED');
    expect(answer.header('allow')).toContain('GET');
  });

  it.each(['/nowhere', '/v1', '/v1/file', '/v2/files/x'])('an unknown route is a 404 in JSON: %s', async (target) => {
    const answer = await root.request('GET', target);

    expect(answer.outcome).toBe('404 ROUTE_NOT_FOUND');
    expect(answer.header('content-type')).toMatch(/^application\/json/);
  });
});
