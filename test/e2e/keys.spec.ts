import { readFile, writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { Answer, Client, fileTarget, names } from '../support/client';
import { freshDirectory, must, snapshot } from '../support/fixture';
import { issueKey, revokeKey, type TestKey } from '../support/keys';
import { download, makeLink } from '../support/links';
import { sha256 } from '../support/random';
import { withServer } from '../support/server';
import { overSocket } from '../support/sockets';
import { useServer } from '../support/use-server';
import { begin, begun, metadata, send, status, TUS } from '../uploads/tus-client';

// Links are made as fast as it goes.
const server = useServer({ config: { rate_limits: { link_generation: 'off' } } });
let root: Client;

beforeAll(() => {
  root = server.client();
});

/** Each test that fails authentications does so from an address of its own. */
let address = 1;
const newAddress = () => `127.4.0.${++address}`;
const ask = (client: Client, target = '/v1/files/', localAddress = newAddress()) =>
  client.request('GET', target, { localAddress });

/** An upload of `file` that has begun and waits for the rest of its body. */
async function beginUpload(client: Client, path: string): Promise<{ end: () => Promise<Answer> }> {
  const body = new PassThrough();
  const answer = client.put(path, body);
  answer.catch(() => undefined);
  body.write('new '.repeat(10_000));
  // It is under way once the server has taken in what was sent: metrics count uploads whose body is being received.
  await expect
    .poll(async () => (await root.request('GET', '/metrics')).text, { timeout: 60_000 })
    .toMatch(/^callfs_uploads_in_flight [1-9]/m);
  return {
    end: () => {
      body.end('end');
      return answer;
    },
  };
}

describe('an issued key', () => {
  it('stands for its user, is told once, and is kept as its hash alone', async () => {
    const { client, key, id } = await issueKey(server, { user: 'alice' });
    expect(key).toMatch(/^callfs_[\w-]{43}$/);

    await must(client.put('/home/alice/by-key', 'x'));

    expect((await root.head('/home/alice/by-key')).header('x-callfs-owner')).toBe('alice');
    const listed = await must(root.request('GET', '/v1/admin/keys?user=alice'));
    expect(listed.json.items).toContainEqual(
      expect.objectContaining({ id, user: 'alice', name: 'test', path: '/', state: 'valid' }),
    );
    expect(listed.text).not.toContain(key);
    expect(Date.now() - Date.parse(listed.json.items[0].last_used_at as string)).toBeLessThan(60_000);
  });

  it('survives a restart, as do revocations', async () => {
    const kept = await issueKey(server, { user: 'bob' });
    const revoked = await issueKey(server, { user: 'bob' });
    await revokeKey(server, revoked.id);
    await server.stop();
    await server.start();
    expect((await ask(kept.client)).status).toBe(200);
    expect((await ask(revoked.client)).outcome).toBe('401 AUTHENTICATION_FAILED');
  });

  it.each([
    ['a user that is not there', { user: 'nobody' }, '404 USER_NOT_FOUND'],
    ['no verb', { verbs: [] }, '400 INVALID_REQUEST'],
    ['a verb that is none', { verbs: ['read', 'fly'] }, '400 INVALID_REQUEST'],
    ['a path that is none', { path: 'projects' }, '400 INVALID_REQUEST'],
    ['a time that is none', { expires_in: 'soon' }, '400 INVALID_REQUEST'],
    ['no time at all', { expires_in: '0s' }, '400 INVALID_REQUEST'],
    ['more than a hundred years', { expires_in: '36501d' }, '400 INVALID_REQUEST'],
    ['more than a date can tell', { expires_in: '99999999d' }, '400 INVALID_REQUEST'],
    ['admin for an ordinary user', { user: 'alice', verbs: ['admin'] }, '400 INVALID_REQUEST'],
    ['admin below a path', { path: '/a', verbs: ['admin'] }, '400 INVALID_REQUEST'],
    ['A6 a field of ours', { id: '1', digest: 'x', created_by: 'y' }, '400 INVALID_REQUEST'],
  ])('%s: refused', async (_, wishes, outcome) => {
    expect((await root.postJson('/v1/admin/keys', { name: 'test', ...wishes })).outcome).toBe(outcome);
  });
});

describe('A3 a key that is revoked', () => {
  it('stops at once, and revoking it again or another does no harm', async () => {
    const { client, id } = await issueKey(server, { user: 'alice' });
    expect((await ask(client)).status).toBe(200);
    await revokeKey(server, id);
    const refused = await ask(client);
    expect(refused.outcome).toBe('401 AUTHENTICATION_FAILED');
    const { message } = (await ask(server.anonymous())).json as { message: string };
    expect(refused.json.message).toBe(message);
    await revokeKey(server, id);
    expect((await root.request('DELETE', '/v1/admin/keys/00000000')).outcome).toBe('404 KEY_NOT_FOUND');
  });

  it.each<[string, string | undefined]>([
    ['a new file', undefined],
    ['a file that is there', 'old'],
  ])('%s that is being uploaded with it: 401 at the commit, and nothing has changed', async (_, before) => {
    const directory = await freshDirectory(root);
    const path = `${directory}/file`;
    if (before !== undefined) await must(root.put(path, before));
    const { client, id } = await issueKey(server);
    const upload = await beginUpload(client, path);
    await revokeKey(server, id);

    const answer = await upload.end();

    expect(answer.outcome).toBe('401 AUTHENTICATION_FAILED');
    expect(answer.json.message).toContain('Nothing was changed');
    expect(names(await root.list(directory))).toEqual(before === undefined ? [] : ['file']);
    if (before !== undefined) expect((await root.get(path)).text).toBe(before);
  });

  it('an upload with a key that expires meanwhile: the same', async () => {
    const path = `${await freshDirectory(root)}/file`;
    const { client } = await issueKey(server, { expires_in: '6s' });
    const upload = await beginUpload(client, path);
    const localAddress = newAddress();
    await expect
      .poll(async () => (await ask(client, '/v1/files/', localAddress)).status, { interval: 200, timeout: 60_000 })
      .toBe(401);

    expect((await upload.end()).outcome).toBe('401 AUTHENTICATION_FAILED');
    expect((await root.get(path)).status).toBe(404);
  });

  it('an upload with another key is not disturbed', async () => {
    const path = `${await freshDirectory(root)}/file`;
    const { client } = await issueKey(server);
    const upload = await beginUpload(client, path);
    await revokeKey(server, (await issueKey(server)).id);
    expect((await upload.end()).status).toBe(201);
  });
});

describe('A5 a key for one directory', () => {
  let base: string;
  let limited: Client;

  beforeAll(async () => {
    base = await freshDirectory(root);
    await must(root.put(`${base}/a/file`, 'inside'));
    await must(root.put(`${base}/a/dir/inner`, 'inner'));
    await must(root.put(`${base}/ab/x`, 'outside'));
    await must(root.symlink(`${base}/a/out`, '../ab'));
    await must(root.symlink(`${base}/a/outfile`, '../ab/x'));
    await must(root.symlink(`${base}/a/absolute`, `${base}/ab/x`));
    await must(root.symlink(`${base}/a/dangling`, '../ab/new'));
    await must(root.symlink(`${base}/a/up`, '..'));
    await must(root.symlink(`${base}/a/back`, '../a/dir/../file'));
    limited = (await issueKey(server, { path: `${base}/a/` })).client;
  });

  const raw = (method: string, target: string) => limited.request(method, target);
  const link = (path: string) => limited.postJson('/v1/links/generate', { path, expiry_seconds: 60 });
  const socket = async (path: string, query: string) => {
    const {
      status: code,
      headers,
      text,
    } = await overSocket(server, limited, path, query, {
      opened: (opened) => opened.close(),
    });
    return new Answer(code, headers, Buffer.from(text));
  };
  const OUTSIDE: Readonly<Record<string, () => Promise<Answer>>> = {
    'GET of a path that begins alike': () => limited.get(`${base}/ab/x`),
    HEAD: () => limited.head(`${base}/ab/x`),
    'GET of the directory above': () => limited.get(base),
    'GET of /': () => limited.get('/'),
    'GET of what is not there': () => limited.get(`${base}/nothing`),
    'GET through ..': () => raw('GET', `/v1/files${base}/a/../ab/x`),
    'GET through an encoded ..': () => raw('GET', `/v1/files${base}/a/%2e%2e/ab/x`),
    'GET through a link': () => limited.get(`${base}/a/out/x`),
    'GET of a link': () => limited.get(`${base}/a/outfile`),
    'GET of an absolute link': () => limited.get(`${base}/a/absolute`),
    'GET through a link upwards': () => limited.get(`${base}/a/up/ab/x`),
    'GET of what is not there through a link': () => limited.get(`${base}/a/out/nothing`),
    'HEAD of a link': () => limited.head(`${base}/a/outfile`),
    list: () => limited.list(`${base}/ab`),
    'list the directory above': () => limited.list(base),
    'list the tree above': () => limited.list('/', { recursive: true }),
    'list through ..': () => raw('GET', `/v1/directories${base}/a/..`),
    'list through a link': () => limited.list(`${base}/a/out`),
    'list through a link upwards': () => limited.list(`${base}/a/up`, { recursive: true }),
    PUT: () => limited.put(`${base}/ab/y`, 'y'),
    'PUT over': () => limited.put(`${base}/ab/x`, 'y'),
    'PUT through a link': () => limited.put(`${base}/a/out/y`, 'y'),
    'PUT to a link': () => limited.put(`${base}/a/outfile`, 'y'),
    'PUT to a dangling link': () => limited.put(`${base}/a/dangling`, 'y'),
    POST: () => limited.post(`${base}/ab/y`, 'y'),
    mkdir: () => limited.mkdir(`${base}/ab/d`),
    'mkdir of what is there': () => limited.mkdir(`${base}/ab`),
    'mkdir through a link': () => limited.mkdir(`${base}/a/out/d`),
    symlink: () => limited.symlink(`${base}/ab/l`, 'x'),
    DELETE: () => limited.delete(`${base}/ab/x`),
    'DELETE of a tree': () => limited.delete(`${base}/ab`, { recursive: true }),
    'DELETE through a link': () => limited.delete(`${base}/a/out/x`),
    'PATCH of attributes': () => limited.patch(`${base}/ab/x`, { mode: '0600' }),
    'PATCH of attributes through a link': () => limited.patch(`${base}/a/outfile`, { mode: '0600' }),
    'move out': () => limited.move(`${base}/a/file`, `${base}/ab/file`),
    'move out through a link': () => limited.move(`${base}/a/file`, `${base}/a/out/file`),
    'move out through ..': () => limited.move(`${base}/a/file`, `${base}/a/../ab/file`),
    'move in': () => limited.move(`${base}/ab/x`, `${base}/a/x`),
    'move the directory itself': () => limited.move(`${base}/a`, `${base}/c`),
    'rename the directory itself': () => limited.patch(`${base}/a`, { name: 'c' }),
    'copy out': () => limited.copy(`${base}/a/file`, `${base}/ab/copy`),
    'copy in': () => limited.copy(`${base}/ab/x`, `${base}/a/copy`),
    'copy of a link': () => limited.copy(`${base}/a/outfile`, `${base}/a/copy`),
    'copy of a tree': () => limited.copy(`${base}/ab`, `${base}/a/tree`, { query: '?recursive=true' }),
    'copy of a tree through a link': () => limited.copy(`${base}/a/out`, `${base}/a/tree`, { query: '?recursive=true' }),
    'copy over a link': () => limited.copy(`${base}/a/file`, `${base}/a/outfile`, { query: '?overwrite=true' }),
    'link to what is outside': () => link(`${base}/ab/x`),
    'link to a link that leads out': () => link(`${base}/a/outfile`),
    'move the bytes': () => limited.patch(`${base}/ab/x`, { backend: 'localfs' }),
    'move the bytes through a link': () => limited.patch(`${base}/a/out/x`, { backend: 'localfs' }),
    'copy of what a link in a tree leads to': () => limited.copy(`${base}/a/out/x`, `${base}/a/copy`),
    'copy in through ..': () => limited.copy(`${base}/a/../ab/x`, `${base}/a/copy`),
    'PUT over a socket': () => socket(`${base}/ab/y`, 'mode=upload'),
    'PUT over a socket through a link': () => socket(`${base}/a/outfile`, 'mode=upload'),
    'GET over a socket': () => socket(`${base}/ab/x`, 'mode=download'),
    'GET over a socket through a link': () => socket(`${base}/a/out/x`, 'mode=download'),
    'begin an upload': () => begin(limited, 4, { path: `${base}/ab/y` }),
    'begin an upload of nothing': () => begin(limited, 0, { path: `${base}/ab/y` }),
    'begin an upload through a link': () => begin(limited, 4, { path: `${base}/a/out/y` }),
    'begin an upload through ..': () => begin(limited, 4, { path: `${base}/a/../ab/y` }),
    'go on with an upload': async () => send(limited, await begun(root, 4, { path: `${base}/ab/y` }), 0, 'byte'),
    'ask for an upload': async () => status(limited, await begun(root, 4, { path: `${base}/ab/y` })),
    'end an upload': async () => limited.request('DELETE', await begun(root, 4, { path: `${base}/ab/y` }), { headers: TUS }),
    'put uploads together': async () => {
      const part = await begun(limited, 4, {}, { 'upload-concat': 'partial' });
      await must(send(limited, part, 0, 'byte'));
      const headers = { ...TUS, 'upload-concat': `final;${part}`, 'upload-metadata': metadata({ path: `${base}/ab/y` }) };
      return limited.request('POST', '/v1/uploads', { headers });
    },
    'stream a listing': () =>
      limited.request('GET', `/v1/directories${base}/ab`, { headers: { accept: 'application/x-ndjson' } }),
    'the users': () => raw('GET', '/v1/admin/users'),
    'the audit': () => raw('GET', '/v1/admin/audit'),
    'the links of all': () => raw('GET', '/v1/links'),
    'the keys of all': () => raw('GET', '/v1/admin/keys'),
    'the locks': () => raw('GET', '/v1/admin/locks'),
  };

  it.each(Object.entries(OUTSIDE))('%s: 403, and nothing has changed', async (_, act) => {
    const before = await snapshot(root, base);
    const answer = await act();
    expect(answer.status).toBe(403);
    if (answer.body.length > 0) expect(answer.outcome).toBe('403 PERMISSION_DENIED');
    expect(await snapshot(root, base)).toEqual(before);
  });

  it.each(['/a%2f..%2fab%2fx', '/a/..%2fab/x', '/a%2F%2e%2e%2Fab/x', '/a/..%5cab/x', '/%2e%2e%2f..%2fetc', '/a/%00/../../ab/x'])(
    '%s is no path at all',
    async (path) => {
      for (const route of ['/v1/files', '/v1/directories', '/v1/files/ws'])
        expect((await raw('GET', `${route}${base}${path}`)).outcome).toBe('400 INVALID_PATH');
    },
  );

  it('says what the key is limited to', async () => {
    const { message } = (await limited.get(`${base}/ab/x`)).json as { message: string };
    expect(message).toMatch(
      new RegExp(
        `^The API key [0-9a-f]{8} of root is limited to ${base}/a; ${base}/ab/x is outside of it\\. Use another key\\.$`,
      ),
    );
  });

  it('is good for everything in it', async () => {
    expect((await limited.get(`${base}/a/file`)).text).toBe('inside');
    expect((await limited.get(`${base}/a/back`)).text).toBe('inside');
    expect(names(await limited.list(`${base}/a`))).toContain('out');
    await must(limited.put(`${base}/a/new/file`, 'new'));
    await must(limited.copy(`${base}/a/dir`, `${base}/a/copied`, { query: '?recursive=true' }));
    await must(limited.move(`${base}/a/new/file`, `${base}/a/moved`));
    await must(limited.patch(`${base}/a/moved`, { mode: '0600' }));
    await must(limited.symlink(`${base}/a/another`, '../ab/x'));
    expect((await limited.get(`${base}/a/another`)).status).toBe(403);
    await must(limited.delete(`${base}/a/another`));
    await must(limited.delete(`${base}/a/copied`, { recursive: true }));
    await must(limited.delete(`${base}/a/out`));
    expect((await link(`${base}/a/file`)).status).toBe(201);
    expect((await root.get(`${base}/ab/x`)).text).toBe('outside');
  });

  it('gives its user nothing that the user has not', async () => {
    const { client } = await issueKey(server, { user: 'carol', path: '/home/alice' });
    expect((await client.list('/home/alice')).outcome).toBe('403 PERMISSION_DENIED');
  });
});

function beginTus(client: Client, path: string): Promise<Answer> {
  const metadata = `path ${Buffer.from(path).toString('base64')}`;
  const headers = { 'tus-resumable': '1.0.0', 'upload-length': 4, 'upload-metadata': metadata };
  return client.request('POST', '/v1/uploads', { headers });
}

/** Of a part that there never was. */
function putTogether(client: Client, path: string): Promise<Answer> {
  const concat = `final;/v1/uploads/${'x'.repeat(32)}`;
  return client.request('POST', '/v1/uploads', {
    headers: { ...TUS, 'upload-concat': concat, 'upload-metadata': metadata({ path }) },
  });
}

describe('A5 a key for some verbs', () => {
  const ACTS: Readonly<Record<string, { verbs: readonly string[]; act: (client: Client, at: string) => Promise<Answer> }>> = {
    'reads a file': { verbs: ['read'], act: (client, at) => client.get(`${at}/file`) },
    'asks for the attributes of a file': { verbs: ['read', 'list'], act: (client, at) => client.head(`${at}/file`) },
    'lists a directory': { verbs: ['list'], act: (client, at) => client.list(at) },
    'creates a file': { verbs: ['write'], act: (client, at) => client.post(`${at}/new`, 'x') },
    'replaces a file': { verbs: ['write'], act: (client, at) => client.put(`${at}/file`, 'x') },
    'makes a directory': { verbs: ['write'], act: (client, at) => client.mkdir(`${at}/new`) },
    'makes a symbolic link': { verbs: ['write'], act: (client, at) => client.symlink(`${at}/link`, 'file') },
    'changes a mode': { verbs: ['write'], act: (client, at) => client.patch(`${at}/file`, { mode: '0600' }) },
    'changes a time': { verbs: ['write'], act: (client, at) => client.patch(`${at}/file`, { mtime: 'now', atime: 'now' }) },
    'removes a file': { verbs: ['delete'], act: (client, at) => client.delete(`${at}/file`) },
    'removes a tree': { verbs: ['delete'], act: (client, at) => client.delete(`${at}/dir`, { recursive: true }) },
    'lists the links': { verbs: ['share'], act: (client) => client.request('GET', '/v1/links') },
    'sees the keys of all': { verbs: ['admin'], act: (client) => client.request('GET', '/v1/admin/keys') },
  };
  const VERBS = ['read', 'list', 'write', 'delete', 'share', 'admin'] as const;
  const keys = {} as Record<(typeof VERBS)[number], TestKey>;

  beforeAll(async () => {
    for (const verb of VERBS) keys[verb] = await issueKey(server, { verbs: [verb] });
  });

  async function fixture(): Promise<string> {
    const at = await freshDirectory(root);
    await must(root.put(`${at}/file`, 'content'));
    await must(root.put(`${at}/dir/inner`, 'inner'));
    return at;
  }

  const table = Object.entries(ACTS).flatMap(([name, { verbs, act }]) =>
    VERBS.map((verb) => [verb, name, verbs.includes(verb), act] as const),
  );
  it.each(table)('%s alone %s: %s', async (verb, _, allowed, act) => {
    const answer = await act(keys[verb].client, await fixture());
    expect(answer.status < 300 ? true : answer.status).toBe(allowed ? true : 403);
  });

  it('a rename takes both writing and deleting, a copy both reading and writing', async () => {
    const at = await fixture();
    const both = await issueKey(server, { verbs: ['write', 'delete'] });
    for (const { client } of [keys.write, keys.delete]) expect((await client.move(`${at}/file`, `${at}/b`)).status).toBe(403);
    expect((await both.client.move(`${at}/file`, `${at}/b`)).status).toBeLessThan(300);
    const copying = await issueKey(server, { verbs: ['write', 'read'] });
    for (const { client } of [keys.write, keys.read]) expect((await client.copy(`${at}/b`, `${at}/c`)).status).toBe(403);
    expect((await copying.client.copy(`${at}/b`, `${at}/c`)).status).toBe(201);
    const listing = await issueKey(server, { verbs: ['write', 'list'] });
    expect((await listing.client.copy(`${at}/dir`, `${at}/d`, { query: '?recursive=true' })).status).toBe(403);
  });

  it('a link takes both sharing and reading', async () => {
    const at = await fixture();
    const link = (client: Client) => client.postJson('/v1/links/generate', { path: `${at}/file`, expiry_seconds: 60 });
    for (const { client } of [keys.share, keys.read]) expect((await link(client)).status).toBe(403);
    expect((await link((await issueKey(server, { verbs: ['read', 'share'] })).client)).status).toBe(201);
  });

  // How a key is refused tells nothing of what there is.
  it.each<[string, (typeof VERBS)[number], (client: Client, path: string) => Promise<Answer>]>([
    ['reading', 'share', (client, path) => client.get(path)],
    ['listing', 'share', (client, path) => client.request('GET', `/v1/directories${path}`)],
    ['creating', 'share', (client, path) => client.post(path, 'x')],
    ['replacing', 'read', (client, path) => client.put(path, 'x', { 'if-match': '"other"' })],
    ['making a link', 'share', (client, path) => client.symlink(path, 'x')],
    ['removing', 'write', (client, path) => client.delete(path)],
    ['renaming', 'write', (client, path) => client.move(path, `${path}-b`)],
    ['renaming onto it', 'delete', (client, path) => client.move('/', path)],
    ['copying', 'write', (client, path) => client.copy(path, `${path}-c`)],
    ['changing a mode', 'list', (client, path) => client.patch(path, { mode: '0600' })],
    ['moving the bytes', 'delete', (client, path) => client.patch(path, { backend: 'localfs' })],
    ['beginning an upload', 'share', (client, path) => beginTus(client, path)],
    ['putting uploads together', 'read', (client, path) => putTogether(client, path)],
  ])('%s with a key that is only for %s is refused alike where there is something and where not', async (_, verb, act) => {
    const at = await fixture();
    await must(root.symlink(`${at}/symlink`, 'nowhere'));
    const { client } = keys[verb];
    for (const name of ['file', 'dir', 'symlink', 'missing', 'missing/below', 'file/below']) {
      const path = `${at}/${name}`;
      const { request_id: _id, ...told } = (await act(client, path)).json;
      expect([name, { ...told, path: '' }]).toEqual([
        name,
        { ...told, code: 'PERMISSION_DENIED', missing: expect.any(String), path: '' },
      ]);
      expect(told).not.toHaveProperty('existing_path');
    }
  });

  it('to list tells nothing of the bytes', async () => {
    const at = await fixture();
    const [entry] = (await keys.list.client.list(at, { type: 'file' })).json.items as { etag: unknown }[];
    expect(entry?.etag).toBeNull();
    expect((await keys.list.client.head(`${at}/file`)).header('etag')).toBeUndefined();
  });
});

describe('a key cannot make a stronger key', () => {
  const own = (client: Client, wishes: object) => client.postJson('/v1/keys', { name: 'own', ...wishes });
  const strong = { path: '/home/alice/a', verbs: ['read', 'list'], expires_in: '1h' };
  const REFUSED = '403 PERMISSION_DENIED';

  it.each<[string, object, string]>([
    ['as strong as itself', { ...strong, expires_in: '59m' }, '201'],
    ['weaker', { path: '/home/alice/a/b', verbs: ['read'], expires_in: '1m' }, '201'],
    ['for another path', { ...strong, path: '/home/alice/ab', expires_in: '1m' }, REFUSED],
    ['for the path above', { ...strong, path: '/home/alice', expires_in: '1m' }, REFUSED],
    ['for everything', { verbs: ['read'], expires_in: '1m' }, REFUSED],
    ['with another verb', { ...strong, verbs: ['read', 'write'], expires_in: '1m' }, REFUSED],
    ['for longer', { ...strong, expires_in: '2h' }, REFUSED],
    ['for ever', { ...strong, expires_in: undefined }, REFUSED],
    ['for another user', { ...strong, user: 'bob' }, '400 INVALID_REQUEST'],
  ])('%s: %3$s', async (_, wishes, outcome) => {
    const { client } = await issueKey(server, { user: 'alice', ...strong });
    expect((await own(client, wishes)).outcome).toBe(outcome);
  });

  it('a key of the configuration makes any for its user, and none with admin', async () => {
    const made = await must(own(server.client('alice'), { path: '/anywhere' }));
    expect(made.json).toMatchObject({ user: 'alice', path: '/anywhere', verbs: ['read', 'list', 'write', 'delete', 'share'] });
    expect((await own(server.client('alice'), { verbs: ['admin'] })).outcome).toBe('400 INVALID_REQUEST');
  });

  it('an administrator without a verb gives nobody that verb', async () => {
    const { client } = await issueKey(server, { verbs: ['admin', 'read'] });
    const make = (verbs: string[]) => client.postJson('/v1/admin/keys', { name: 'x', user: 'alice', verbs });
    expect((await make(['read'])).outcome).toBe('201');
    expect((await make(['write'])).outcome).toBe(REFUSED);
  });

  it('sees and ends its own and no stronger one', async () => {
    await must(root.postJson('/v1/admin/users', { name: 'kim' }));
    const strongest = await issueKey(server, { user: 'kim' });
    const limited = await issueKey(server, { user: 'kim', path: '/home/kim/a' });
    const below = await issueKey(server, { user: 'kim', path: '/home/kim/a/b' });
    const foreign = await issueKey(server, { user: 'bob', path: '/home/kim/a/b' });
    const idsOf = async (client: Client) =>
      ((await must(client.request('GET', '/v1/keys'))).json.items as { id: string }[]).map(({ id }) => id).sort();
    expect(await idsOf(limited.client)).toEqual([limited.id, below.id].sort());
    expect(await idsOf(strongest.client)).toEqual([strongest.id, limited.id, below.id].sort());
    const end = async (id: string) => (await limited.client.request('DELETE', `/v1/keys/${id}`)).outcome;
    expect(await end(strongest.id)).toBe(REFUSED);
    expect(await end(foreign.id)).toBe('404 KEY_NOT_FOUND');
    expect(await end(below.id)).toBe('200');
    expect(await end(limited.id)).toBe('200');
    expect((await ask(below.client)).status).toBe(401);
    expect((await ask(limited.client)).status).toBe(401);
    expect((await ask(strongest.client)).status).toBe(200);
  });
});

it('a user has at most a thousand valid keys, and as many that have ended are told of', async () => {
  await must(root.postJson('/v1/admin/users', { name: 'collector' }));
  const first = await issueKey(server, { user: 'collector' });
  const make = () => first.client.postJson('/v1/keys', { name: 'another' });
  const outcomes: string[] = [];
  // Many at once, so that the bound cannot be slipped past.
  for (let begun = 0; begun < 1100; begun += 100)
    outcomes.push(...(await Promise.all(Array.from({ length: 100 }, make))).map(({ outcome }) => outcome));
  expect(outcomes.filter((outcome) => outcome === '201')).toHaveLength(999);
  expect(outcomes.filter((outcome) => outcome === '507 INSUFFICIENT_STORAGE')).toHaveLength(101);
  expect((await make()).json.message).toContain('collector has 1000 valid keys, as many as there may be. Revoke some');
  expect((await root.postJson('/v1/admin/keys', { name: 'x', user: 'collector' })).outcome).toBe('507 INSUFFICIENT_STORAGE');
  expect((await root.postJson('/v1/admin/keys', { name: 'x', user: 'alice' })).outcome).toBe('201');

  expect(((await must(root.request('DELETE', `/v1/admin/keys/${first.id}`))).json.keys as string[]).length).toBe(999);
  for (let made = 0; made < 3; made++) await issueKey(server, { user: 'collector' });
  const { items } = (await must(root.request('GET', '/v1/admin/keys?user=collector'))).json as { items: { state: string }[] };
  expect(items.map(({ state }) => state).sort()).toEqual([
    ...Array<string>(1000).fill('revoked'),
    ...Array<string>(3).fill('valid'),
  ]);
});

it('A3 what was made with a key that was taken out of the configuration goes on until its id is revoked', () =>
  withServer({}, async (own) => {
    const path = '/file';
    await must(own.client().put(path, 'content'));
    const { key } = (await must(own.client('alice').postJson('/v1/keys', { name: 'made' }))).json as TestKey;
    const made = new Client(() => own.url, key);
    const { token } = await makeLink(own.client('alice'), path);
    const { items } = (await must(made.request('GET', '/v1/keys'))).json as { items: { parent: string }[] };
    const former = sha256(own.user('alice').key).slice(0, 8);
    expect(items.map(({ parent }) => parent)).toEqual([former]);
    const end = (client: Client) => client.request('DELETE', `/v1/admin/keys/${former}`);
    // Whoever asks too early is not led to believe that it has ended.
    const early = await end(own.client());
    expect([early.outcome, early.json.message]).toEqual(['404 KEY_NOT_FOUND', expect.stringContaining('by changing it')]);

    await own.stop();
    const file = await readFile(own.configFile, 'utf8');
    await writeFile(own.configFile, file.replace(own.user('alice').key, 'another-key-0123456789abcdef'));
    await own.start();

    expect([(await own.client('alice').get('/')).status, (await made.get('/')).status]).toEqual([401, 200]);
    expect((await end((await issueKey(own, { verbs: ['admin', 'read'] })).client)).outcome).toBe('404 KEY_NOT_FOUND');
    expect((await must(end(own.client()))).json).toMatchObject({ id: former, keys: [expect.any(String)], links: 1 });
    expect((await made.get('/')).status).toBe(401);
    expect((await download(own.anonymous(), token)).outcome).toBe('410 LINK_GONE');
    expect((await end(own.client())).outcome).toBe('404 KEY_NOT_FOUND');
  }));

describe('users', () => {
  it('are added and removed while the service runs, with their keys', async () => {
    const added = await must(
      root.postJson('/v1/admin/users', { name: 'dora', uid: 2100, groups: ['team', 3000], umask: '0027' }),
    );
    expect(added.json).toMatchObject({ name: 'dora', uid: 2100, gid: 2100, group: 'dora', umask: '0027', source: 'metadata' });
    expect(added.json.group_names).toEqual(['team', '3000']);
    expect(added.json.groups).toEqual([expect.any(Number), 3000]);
    const { client } = await issueKey(server, { user: 'dora' });
    await must(client.put('/home/dora/file', 'mine'));
    const entry = await root.head('/home/dora/file');
    expect([entry.header('x-callfs-owner'), entry.header('x-callfs-mode')]).toEqual(['dora', '0640']);
    const { token } = await makeLink(client, '/home/dora/file');
    expect((await root.postJson('/v1/admin/users', { name: 'dora' })).outcome).toBe('409 USER_ALREADY_EXISTS');
    expect((await download(server.anonymous(), token)).text).toBe('mine');

    const upload = await beginUpload(client, '/home/dora/late');
    await must(root.request('DELETE', '/v1/admin/users/dora'));

    expect((await upload.end()).outcome).toBe('401 AUTHENTICATION_FAILED');
    expect((await ask(client)).outcome).toBe('401 AUTHENTICATION_FAILED');
    expect((await root.request('DELETE', '/v1/admin/users/dora')).outcome).toBe('404 USER_NOT_FOUND');
    expect((await root.postJson('/v1/admin/keys', { name: 'x', user: 'dora' })).outcome).toBe('404 USER_NOT_FOUND');
    expect((await root.get('/home/dora/file')).text).toBe('mine');
    // Added again, it has its number and its files, and none of its keys.
    expect((await must(root.postJson('/v1/admin/users', { name: 'dora' }))).json).toMatchObject({ uid: 2100 });
    expect((await ask(client)).status).toBe(401);
  });

  it('A3 that are added have no key of whoever was taken out of the configuration under that name', () =>
    withServer({}, async (own) => {
      const { client, key } = await issueKey(own, { user: 'alice' });
      await must(client.put('/home/alice/file', 'content'));
      const { token } = await makeLink(client, '/home/alice/file');
      await own.stop();
      const file = parse(await readFile(own.configFile, 'utf8')) as { auth: { users: { name: string }[] } };
      file.auth.users = file.auth.users.filter(({ name }) => name !== 'alice');
      await writeFile(own.configFile, stringify(file));
      await own.start();
      const outcomes = async () => [
        (await new Client(() => own.url, key).get('/')).status,
        (await download(own.anonymous(), token)).status,
      ];
      expect(await outcomes()).toEqual([401, 410]);
      await must(own.client().postJson('/v1/admin/users', { name: 'alice' }));
      expect(await outcomes()).toEqual([401, 410]);
    }));

  it('of the configuration are not changed here', async () => {
    for (const name of ['alice', 'root']) {
      const removed = await root.request('DELETE', `/v1/admin/users/${name}`);
      expect(removed.outcome).toBe('400 INVALID_REQUEST');
      expect(removed.json.message).toContain('cannot be removed here');
      expect((await root.postJson('/v1/admin/users', { name })).outcome).toBe('409 USER_ALREADY_EXISTS');
    }
    const users = (await must(root.request('GET', '/v1/admin/users'))).json.items as { name: string; source: string }[];
    expect(users.filter(({ source }) => source === 'configuration').map(({ name }) => name)).toEqual([
      'root',
      'alice',
      'bob',
      'carol',
    ]);
  });

  it.each([
    ['a number that is taken', { name: 'erin', uid: 2001 }],
    ['the number of root', { name: 'erin', uid: 0 }],
    ['a name that is a number', { name: '77' }],
    ['a name that is a path', { name: '../x' }],
    ['A6 another field', { name: 'erin', keys: ['x'] }],
  ])('%s: refused', async (_, wishes) => {
    expect((await root.postJson('/v1/admin/users', wishes)).outcome).toBe('400 INVALID_REQUEST');
  });
});

it('B5 a key or token that is sent where its id belongs is told nowhere', async () => {
  const { key, client } = await issueKey(server, { user: 'alice' });
  await must(client.put('/home/alice/linked', 'content'));
  const { token } = await makeLink(client, '/home/alice/linked');
  for (const [method, target, outcome] of [
    ['DELETE', `/v1/keys/${key}`, '404 KEY_NOT_FOUND'],
    ['DELETE', `/v1/admin/keys/${key}`, '404 KEY_NOT_FOUND'],
    ['GET', `/v1/admin/keys/${key}`, '405 METHOD_NOT_ALLOWED'],
    ['PUT', `/v1/keys/${key}`, '405 METHOD_NOT_ALLOWED'],
    ['DELETE', `/v1/links/${token}`, '404 LINK_NOT_FOUND'],
    ['DELETE', `/v1/links/${token.slice(0, 60)}`, '404 LINK_NOT_FOUND'],
  ] as const) {
    const answer = await root.request(method, target);
    expect(answer.outcome).toBe(outcome);
    expect(answer.text).not.toContain(target.split('/').at(-1));
  }
  const last = `/v1/admin/keys/${'0'.repeat(8)}`;
  await root.request('DELETE', last);
  await expect.poll(() => server.output.includes(`"path":"${last}"`)).toBe(true);
  for (const secret of [key, token.slice(0, 60)]) expect(server.output).not.toContain(secret);
  const audit = async () => (await must(root.request('GET', '/v1/admin/audit?limit=100'))).text;
  await expect.poll(audit).toContain('"detail":"00000000"');
  for (const secret of [key, token.slice(0, 60)]) expect(await audit()).not.toContain(secret);
});

it('B5 no issued key is in what the server says', async () => {
  const { key, client, id } = await issueKey(server, { user: 'alice' });
  await client.get('/home/alice/none');
  await client.get('/home/bob');
  await revokeKey(server, id);
  await ask(client, fileTarget('/'));
  expect(server.output).not.toContain(key);
  expect(server.output).not.toMatch(/callfs_[\w-]{43}/);
  expect((await root.request('GET', '/metrics')).text).not.toMatch(/callfs_[\w-]{43}\b/);
});
