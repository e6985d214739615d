import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodePath, entries, names, paths, type Answer, type Client } from '../support/client';
import { freshDirectory, must, snapshot } from '../support/fixture';
import { rawExchange, rawRequest } from '../support/raw';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';

const server = useServer();
let root: Client;

beforeAll(() => {
  root = server.client();
});

/** As they stand in a URL after `/v1/files`; none is acceptable. */
const BAD_URLS: readonly (readonly [string, string])[] = [
  ['P1 climbing above the root', '/../../etc/passwd'],
  ['P1 climbing after a name', '/a/../../x'],
  ['P1 climbing at the end', '/a/../..'],
  ['P3 an encoded climb', '/%2e%2e/%2e%2e/etc/passwd'],
  ['P3 an encoded climb and slash', '/%2e%2e%2fetc'],
  ['P3 dots with an encoded slash', '/..%2fetc'],
  ['P3 a half-encoded climb', '/.%2e/etc'],
  ['P4 an encoded backslash', '/%5c..%5cx'],
  ['P4 a bare backslash', '/a\\b'],
  ['P5 an encoded slash', '/a%2fb'],
  ['P5 an encoded slash in capitals', '/a%2Fb'],
  ['P7 NUL', '/a%00b'],
  ['P7 a C0 control', '/a%01b'],
  ['P7 a tab', '/a%09b'],
  ['P7 DEL', '/a%7fb'],
  ['P7 CR LF', '/a%0d%0ab'],
  ['P8 a byte that is no UTF-8', '/a%ff'],
  ['P8 an overlong dot', '/%c0%ae%c0%ae/x'],
  ['P8 a surrogate in UTF-8', '/a%ed%a0%80'],
  ['P8 a sequence cut short', '/a%e2%82'],
  ['P8 beyond Unicode', '/a%f4%90%80%80'],
  ['P10 right-to-left override', '/a%e2%80%aeb'],
  ['P10 left-to-right embedding', '/a%e2%80%aab'],
  ['P10 an isolate', '/a%e2%81%a6b'],
  ['P11 a name of 256 bytes', `/${'a'.repeat(256)}`],
  ['P11 a name of 128 two-byte letters', `/${'%c3%a9'.repeat(128)}`],
  ['P11 a path of 4,097 bytes', longPath(4097)],
  ['P3 a percent sign alone', '/100%'],
  ['P3 a percent sign before no digits', '/a%zzb'],
];

/** The same in text, for JSON bodies. */
const BAD_TEXTS: readonly (readonly [string, string])[] = [
  ['P1 climbing above the root', '/../../etc/passwd'],
  ['P1 climbing after a name', '/a/../../x'],
  ['P4 a backslash', '/a\\b'],
  ['P7 NUL', '/a\u0000b'],
  ['P7 CR LF', '/a\r\nb'],
  ['P7 DEL', '/a\u007fb'],
  ['P8 a lone high surrogate', '/a\ud800b'],
  ['P8 a lone low surrogate', '/a\udc00b'],
  ['P10 right-to-left override', '/a\u202eb'],
  ['P10 an isolate', '/a\u2066b'],
  ['P11 a name of 256 bytes', `/${'a'.repeat(256)}`],
  ['P11 a path of 4,097 bytes', longPath(4097)],
];

/** A path of exactly this many bytes, of names of at most 255. */
function longPath(bytes: number): string {
  const full = Math.floor(bytes / 256);
  const rest = bytes - full * 256;
  // Two of the names give up a byte when the rest would be a slash alone.
  const names =
    rest === 1
      ? [...Array<number>(full - 1).fill(255), 254, 1]
      : [...Array<number>(full).fill(255), ...(rest > 0 ? [rest - 1] : [])];
  return names.map((length) => `/${'n'.repeat(length)}`).join('');
}

type Send = (client: Client, path: string) => Promise<Answer>;

/** Every place in a URL where a path stands. */
const URL_DOORS: Record<string, Send> = {
  'GET /v1/files': (client, path) => client.request('GET', `/v1/files${path}`),
  'HEAD /v1/files': (client, path) => client.request('HEAD', `/v1/files${path}`),
  'PUT /v1/files': (client, path) => client.request('PUT', `/v1/files${path}`, { body: 'x' }),
  'POST /v1/files': (client, path) => client.request('POST', `/v1/files${path}`, { body: 'x' }),
  'PATCH /v1/files': (client, path) =>
    client.request('PATCH', `/v1/files${path}`, { headers: { 'content-type': 'application/json' }, body: '{"mode":"0777"}' }),
  'DELETE /v1/files': (client, path) => client.request('DELETE', `/v1/files${path}?recursive=true`),
  'GET /v1/directories': (client, path) => client.request('GET', `/v1/directories${path}`),
  'X-CallFS-Copy-Source': (client, path) => {
    return client.request('POST', '/v1/files/copied', { headers: { 'x-callfs-copy-source': path }, body: '' });
  },
};

/** Every place in a JSON body where a path stands. */
const TEXT_DOORS: Record<string, Send> = {
  'PATCH destination': (client, path) => client.patch('/source', { destination: path }),
};

describe.each(Object.entries(URL_DOORS))('a path in %s', (door, send) => {
  it.each(BAD_URLS)('%s is refused: %s', async (_, path) => {
    const answer = await send(root, path);

    expect(answer.outcome).toBe(door.startsWith('HEAD') ? '400' : '400 INVALID_PATH');
  });
});

describe.each(Object.entries(TEXT_DOORS))('a path in %s', (_door, send) => {
  beforeAll(async () => {
    await must(root.put('/source', 'x'));
  });

  it.each(BAD_TEXTS)('%s is refused', async (_, path) => {
    expect((await send(root, path)).outcome).toBe('400 INVALID_PATH');
    expect((await root.get('/source')).text).toBe('x');
  });
});

/** Everything that is no single name. */
const BAD_NAMES: readonly (readonly [string, string])[] = [
  ...BAD_TEXTS.filter(([title]) => !title.startsWith('P1 ')).map(([title, path]) => [title, path.slice(1)] as const),
  ['a slash', 'a/b'],
  ['a dot', '.'],
  ['P1 two dots', '..'],
  ['nothing', ''],
];

describe('PATCH name', () => {
  it.each(BAD_NAMES)('%s is refused', async (_, name) => {
    await must(root.put('/source', 'x'));

    expect((await root.patch('/source', { name })).outcome).toBe('400 INVALID_PATH');
    expect((await root.get('/source')).text).toBe('x');
  });
});

it('P1 leaves a canary beside the storage root untouched and unread', async () => {
  const canary = join(server.dir, 'canary');
  await writeFile(canary, 'sing');

  for (const path of ['/../canary', '/..%2fcanary', '/%2e%2e/canary', '/a/../../canary', '/%252e%252e/canary']) {
    for (const send of Object.values(URL_DOORS)) expect((await send(root, path)).text).not.toContain('sing');
  }
  expect(await readFile(canary, 'utf8')).toBe('sing');
});

it('P1 answers dots on the wire, which clients would resolve themselves', async () => {
  const headers = { Authorization: `Bearer ${ROOT_KEY}` };
  const { responses } = await rawExchange(server, rawRequest('GET', '/v1/files/../../etc/passwd', headers));

  expect(responses.map(({ status }) => status)).toEqual([400]);
});

it('P1 never lets dots reach another route', async () => {
  await must(root.put('/seen', 'x'));

  expect((await root.request('GET', '/v1/files/../../metrics')).outcome).toBe('400 INVALID_PATH');
  expect((await root.request('GET', '/v1/files/../directories/')).outcome).toBe('400 INVALID_PATH');
  expect((await root.request('DELETE', '/v1/directories/../files/seen')).status).toBeGreaterThanOrEqual(400);
  expect((await root.get('/seen')).text).toBe('x');
});

describe('P2 the way round through another directory', () => {
  it('is the same decision as the straight way', async () => {
    const base = await freshDirectory(root);
    await must(root.put(`${base}/secret`, 'hidden', { 'x-callfs-mode': '0600' }));
    await must(root.mkdir(`${base}/dir`));
    const alice = server.client('alice');

    const straight = await alice.get(`${base}/secret`);
    const round = await alice.request('GET', `/v1/files${base}/dir/../secret`);

    expect(straight.outcome).toBe('403 PERMISSION_DENIED');
    expect(round.outcome).toBe(straight.outcome);
    expect(round.json.message).toBe(straight.json.message);
  });

  it('is the same file for one who may read it', async () => {
    const base = await freshDirectory(root);
    await must(root.put(`${base}/secret`, 'hidden'));

    const straight = await root.get(`${base}/secret`);
    const round = await root.request('GET', `/v1/files${base}/dir/../secret`);

    expect(round.text).toBe('hidden');
    expect(round.header('etag')).toBe(straight.header('etag'));
  });
});

it('P3 decodes once: %252e%252e%252f is the literal name %2e%2e%2f', async () => {
  const base = await freshDirectory(root);

  await must(root.request('PUT', `/v1/files${base}/%252e%252e%252f`, { body: 'literal' }));

  expect(names(await root.list(base))).toEqual(['%2e%2e%2f']);
  expect((await root.get(`${base}/%2e%2e%2f`)).text).toBe('literal');
  expect((await root.move(`${base}/%2e%2e%2f`, `${base}/%2e`)).json).toEqual({ path: `${base}/%2e` });
  expect((await root.copy(`${base}/%2e`, `${base}/%2f`)).status).toBe(201);
  expect((await root.get(`${base}/%2f`)).text).toBe('literal');
});

describe('P6 one canonical form', () => {
  it.each(['//a///b', '/a/./b', '/./a/b', '/a/x/../b', '/a//./b'])('%s is /a/b', async (spelling) => {
    const base = await freshDirectory(root);

    await must(root.request('PUT', `/v1/files${base}${spelling}`, { body: 'once' }));

    expect((await root.get(`${base}/a/b`)).text).toBe('once');
    expect(paths(await root.list(base, { recursive: true }))).toEqual([`${base}/a`, `${base}/a/b`]);
    expect((await root.request('GET', `/v1/directories${base}${spelling}/..`)).json.path).toBe(`${base}/a`);
    expect((await root.request('POST', `/v1/files${base}${spelling}`, { body: 'twice' })).json.existing_path).toBe(`${base}/a/b`);
  });
});

describe('P9 NFC and NFD', () => {
  it('are one name, stored NFC', async () => {
    const base = await freshDirectory(root);
    await must(root.put(`${base}/cafe\u0301`, 'one'));

    expect((await root.get(`${base}/caf\u00e9`)).text).toBe('one');
    expect((await root.post(`${base}/caf\u00e9`, 'two')).outcome).toBe('409 FILE_ALREADY_EXISTS');
    expect(names(await root.list(base))).toEqual(['caf\u00e9']);
    expect((await root.patch(`${base}/caf\u00e9`, { name: 'e\u0301' })).json.path).toBe(`${base}/\u00e9`);
    await must(root.copy(`${base}/e\u0301`, `${base}/copy`));
    await must(root.delete(`${base}/\u00e9`));
  });
});

/** Names that are ordinary, however odd. */
const ODD_NAMES = [
  '~',
  'CON',
  'nul.txt',
  '-rf',
  '*',
  '?',
  '#',
  ';',
  '&',
  '=',
  '+',
  ' leading',
  'trailing ',
  '.hidden',
  'trailing.',
  '...',
  '. .',
  '🎉',
  '👨‍👩‍👧',
  'שלום',
  '名前',
  '100%',
  '%41',
  'a_b',
  '%',
  '_',
  '"quoted"',
  "it's",
  '<b>x',
  '$(id)',
  '`id`',
  '|',
  'a:b',
  '[x]',
  '{x}',
  ',',
  '@',
  '!',
  '\u00a0',
  '\ufeff',
  '\uff0f',
  '\u2044',
  '\uff0e\uff0e',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  '0',
  'x'.repeat(255),
  'é'.repeat(127),
  "'; DROP TABLE inode; --",
  '" OR ""="',
  'a;b=c',
  'ws',
  'generate',
];

describe('P10 P12 P14 odd names', () => {
  it('round-trip byte for byte through every door', async () => {
    const base = await freshDirectory(root);
    for (const name of ODD_NAMES) expect([name, (await root.put(`${base}/${name}`, name)).status]).toEqual([name, 201]);

    for (const name of ODD_NAMES) {
      const answer = await root.get(`${base}/${name}`);
      expect([name, answer.status, answer.text]).toEqual([name, 200, name]);
    }
    const items = entries(await root.list(base));
    expect(items.map(({ name }) => name).sort()).toEqual([...ODD_NAMES].sort());
    expect(items.every(({ name, path }) => path === `${base}/${name}`)).toBe(true);

    for (const [index, name] of ODD_NAMES.entries()) {
      expect([
        name,
        (await root.move(`${base}/${name}`, `${base}/moved-${index}/${name}`, { create_parents: true })).outcome,
      ]).toEqual([name, '200']);
      expect([name, (await root.copy(`${base}/moved-${index}/${name}`, `${base}/${name}`)).outcome]).toEqual([name, '201']);
      expect([name, (await root.delete(`${base}/${name}`)).outcome]).toEqual([name, '204']);
    }
  });

  it.each(['name;DROP TABLE inode', "name'--", 'inode.id', ''])('P14 sort=%s is refused', async (sort) => {
    expect((await root.list('/', { sort })).outcome).toBe('400 INVALID_REQUEST');
  });

  it.each(["' OR 1=1 --", '!!!', 'e30', Buffer.from('{"name":"x"}').toString('base64url'), 'x'.repeat(5000), ''])(
    'P14 a cursor that we did not give is refused: %s',
    async (cursor) => {
      expect((await root.list('/', { cursor })).outcome).toBe('400 INVALID_REQUEST');
    },
  );
});

describe('P11 lengths in bytes', () => {
  it('takes a path of 4,096 bytes', async () => {
    const path = longPath(4096);
    expect(Buffer.byteLength(path)).toBe(4096);

    await must(root.put(path, 'deep'));

    expect((await root.get(path)).text).toBe('deep');
    await must(root.delete(`/${path.split('/')[1]}`, { recursive: true }));
  });
});

describe('P13 a prefix is a prefix of names, not of characters', () => {
  const PAIRS = [
    ['a_b', 'axb'],
    ['100%', '100x'],
    ['ab', 'abc'],
    ['ab', 'ab c'],
    ['ab', 'ab-'],
    ['ab', 'ab.'],
    ['[a]', 'a'],
    ['a*', 'ab'],
    ['A', 'a'],
  ] as const;

  it.each(PAIRS)('removing, moving, copying and listing %s does not touch %s', async (target, other) => {
    const base = await freshDirectory(root);
    for (const name of [target, other]) await must(root.put(`${base}/${name}/deep/file`, name));
    const before = await snapshot(root, `${base}/${other}`);

    expect(paths(await root.list(`${base}/${target}`, { recursive: true }))).toEqual([
      `${base}/${target}/deep`,
      `${base}/${target}/deep/file`,
    ]);
    await must(root.copy(`${base}/${target}`, `${base}/copy`, { query: '?recursive=true' }));
    await must(root.move(`${base}/${target}`, `${base}/moved`));
    await must(root.move(`${base}/moved`, `${base}/${target}`));
    await must(root.delete(`${base}/${target}`, { recursive: true }));

    expect(await snapshot(root, `${base}/${other}`)).toEqual(before);
    expect((await root.get(`${base}/${target}/deep/file`)).outcome).toBe('404 FILE_NOT_FOUND');
  });
});

describe('P15 the root', () => {
  const ATTEMPTS: Record<string, Send> = {
    DELETE: (client, path) => client.request('DELETE', `/v1/files${path}`),
    'DELETE recursively': (client, path) => client.request('DELETE', `/v1/files${path}?recursive=true`),
    PUT: (client, path) => client.request('PUT', `/v1/files${path}`, { body: 'x' }),
    'PATCH name': (client, path) =>
      client.request('PATCH', `/v1/files${path}`, { headers: { 'content-type': 'application/json' }, body: '{"name":"x"}' }),
    'PATCH destination': (client, path) =>
      client.request('PATCH', `/v1/files${path}`, {
        headers: { 'content-type': 'application/json' },
        body: '{"destination":"/x"}',
      }),
  };

  it.each(Object.entries(ATTEMPTS))('%s of / is refused under every spelling and loses nothing', async (_, send) => {
    const base = await freshDirectory(root);
    await must(root.put(`${base}/kept`, 'kept'));

    for (const spelling of ['/', '//', '/.', '/./', '/x/..', '', '/%2e']) {
      const { status } = await send(root, spelling);
      expect([spelling, status >= 400 && status < 500]).toEqual([spelling, true]);
    }
    expect((await root.get(`${base}/kept`)).text).toBe('kept');
  });

  it('is not overwritten by a move or a copy onto it', async () => {
    const base = await freshDirectory(root);
    await must(root.put(`${base}/kept`, 'kept'));

    expect((await root.move(base, '/', { overwrite: true })).status).toBeGreaterThanOrEqual(400);
    expect((await root.copy(`${base}/kept`, '/', { query: '?overwrite=true' })).status).toBeGreaterThanOrEqual(400);
    expect((await root.get(`${base}/kept`)).text).toBe('kept');
  });
});

describe('P16 cycles', () => {
  it.each(['/b', '/b/c', ''])('a directory does not move into itself (%s)', async (below) => {
    const base = await freshDirectory(root);
    await must(root.put(`${base}/a/b/kept`, 'kept'));

    const answer = await root.move(`${base}/a`, `${base}/a${below}/x`, { create_parents: true });

    expect(answer.outcome).toBe('400 INVALID_REQUEST');
    expect((await root.get(`${base}/a/b/kept`)).text).toBe('kept');
  });

  it('of two moves into each other at most one wins, and no cycle is left', async () => {
    for (let round = 0; round < 20; round++) {
      const base = await freshDirectory(root);
      await must(root.put(`${base}/a/in-a`, 'a'));
      await must(root.put(`${base}/b/in-b`, 'b'));

      const answers = await Promise.all([root.move(`${base}/a`, `${base}/b/a`), root.move(`${base}/b`, `${base}/a/b`)]);

      expect(answers.filter(({ status }) => status === 200).length).toBe(1);
      expect((await snapshot(root, base)).length).toBe(4);
    }
  });
});

describe('a trailing slash', () => {
  it('says "a directory", of a file it is 404', async () => {
    const base = await freshDirectory(root);
    await must(root.put(`${base}/file`, 'x'));

    for (const method of ['GET', 'DELETE']) {
      expect((await root.request(method, `/v1/files${encodePath(base)}/file/`)).outcome).toBe('404 FILE_NOT_FOUND');
    }
    expect((await root.head(`${base}/file/`)).status).toBe(404);
    expect((await root.get(`${base}/file`)).text).toBe('x');
  });
});
