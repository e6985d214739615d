import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Answer, Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { download, makeLink, newAddress } from '../support/links';
import { patternBytes } from '../support/random';
import { blobMadeBy } from '../support/storage-root';
import { PATIENT, withServer, type TestServer } from '../support/server';
import { useServer } from '../support/use-server';

/** Kept as a blob. */
const LARGE = patternBytes(4, 100_000);

/** Tests ask more often than people. */
const rate_limits = { download: 'off', link_generation: 'off' };

const server = useServer({ config: { ...PATIENT, log: { level: 'debug', format: 'json' }, rate_limits } });
let root: Client;
let anonymous: Client;
let alice: Client;

/** What no log, metric or error may hold. */
const told: string[] = [];

beforeAll(() => {
  root = server.client();
  anonymous = server.anonymous();
  alice = server.client('alice');
});

afterAll(async () => {
  const metrics = (await root.request('GET', '/metrics')).text;
  expect(told.length).toBeGreaterThan(20);
  for (const secret of told) {
    expect(server.output.includes(secret)).toBe(false);
    expect(metrics.includes(secret)).toBe(false);
  }
});

async function link(client: Client, path: string, options: Record<string, unknown> = {}) {
  const made = await makeLink(client, path, options);
  told.push(made.token, made.token.slice(0, 43));
  return made;
}

async function file(content: string | Buffer = 'content', name = 'file'): Promise<string> {
  const path = `${await freshDirectory(root)}/${name}`;
  await must(root.put(path, content));
  return path;
}

const statuses = (answers: readonly Answer[]) => {
  const counts: Record<string, number> = {};
  for (const { outcome } of answers) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
};

const idsIn = ({ items }: { items: { id: string }[] }) => items.map(({ id }) => id);

async function consumed(status: string): Promise<number> {
  const { text } = await root.request('GET', '/metrics');
  const line = new RegExp(`^callfs_single_use_link_consumptions_total\\{status="${status}"\\} (\\d+)$`, 'm');
  return Number(line.exec(text)?.[1] ?? 0);
}

describe('a link', () => {
  it('gives the file once to whoever has it, and nothing else of it', async () => {
    const path = await file();
    const made = await link(root, path);
    expect(Object.keys(made).sort()).toEqual(['expires_at', 'id', 'max_uses', 'token', 'url']);
    expect(made).toMatchObject({ url: `${server.url}/download/${made.token}`, max_uses: 1 });
    expect(Date.parse(made.expires_at) - Date.now()).toBeGreaterThan(500_000);

    const { status, text, headers } = await download(anonymous, made.token);
    expect([status, text]).toEqual([200, 'content']);
    expect(headers).toMatchObject({
      'content-disposition': 'attachment; filename="file"',
      'content-length': '7',
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-store',
      'x-content-type-options': 'nosniff',
    });
    expect(headers['content-security-policy']).toContain('sandbox');
    expect(Object.keys(headers).filter((name) => name.startsWith('x-callfs'))).toEqual(['x-callfs-resume-ticket']);
    expect(JSON.stringify(headers)).not.toContain(path);

    const again = await download(anonymous, made.token);
    expect([again.outcome, again.json.reason]).toEqual(['410 LINK_GONE', 'used_up']);
  });

  it('is checked before it is made', async () => {
    const path = await file();
    const ask = async (body: unknown) => (await root.postJson('/v1/links/generate', body)).outcome;
    const invalid = [
      {},
      { path },
      { expiry_seconds: 60 },
      ...[0, -1, 604_801, 1.5, '60', null, 1e300].map((expiry_seconds) => ({ path, expiry_seconds })),
      ...[0, -1, 1.5, '1', 1_000_001].map((max_uses) => ({ path, expiry_seconds: 60, max_uses })),
      ...['', 'x'.repeat(256), 7, '\ud800'].map((filename) => ({ path, expiry_seconds: 60, filename })),
      ...['', 'x'.repeat(257), 7].map((password) => ({ path, expiry_seconds: 60, password })),
      ...[[], ['nowhere'], ['10.0.0.0/33'], '10.0.0.1', Array(65).fill('10.0.0.1')].map((allow_cidrs) => ({
        path,
        expiry_seconds: 60,
        allow_cidrs,
      })),
      { path, expiry_seconds: 60, uses: 0 },
      [path],
      'text',
    ];
    expect(await Promise.all(invalid.map(ask))).toEqual(invalid.map(() => '400 INVALID_REQUEST'));
    expect(await ask({ path: '/a/../../b', expiry_seconds: 60 })).toBe('400 INVALID_PATH');
    expect(await ask({ path: '/', expiry_seconds: 60 })).toBe('400 IS_A_DIRECTORY');
    expect(await ask({ path: `${path}-none`, expiry_seconds: 60 })).toBe('404 FILE_NOT_FOUND');
    expect(await ask({ path, expiry_seconds: 604_800 })).toBe('201');
    expect((await root.request('POST', '/v1/links/generate', { body: '' })).outcome).toBe('400 INVALID_REQUEST');
  });

  it('is only for those who may read the file', async () => {
    const path = await file();
    await must(root.patch(path, { mode: '0600' }));
    expect((await alice.postJson('/v1/links/generate', { path, expiry_seconds: 60 })).outcome).toBe('403 PERMISSION_DENIED');
  });

  it('follows a symbolic link when it is made, and stays with that file', async () => {
    const path = await file('first');
    await must(root.put(`${path}2`, 'second'));
    await must(root.symlink(`${path}-link`, 'file'));
    const { token } = await link(root, `${path}-link`);
    await must(root.delete(`${path}-link`));
    await must(root.symlink(`${path}-link`, 'file2'));
    expect((await download(anonymous, token)).text).toBe('first');
  });

  it('B2 saves under any name', async () => {
    const path = await file();
    const name = async (filename: string) => {
      const answer = await download(anonymous, (await link(root, path, { filename })).token);
      return [answer.status, answer.header('content-disposition')];
    };
    expect(await name('a"; filename=x')).toEqual([
      200,
      `attachment; filename="a_; filename=x"; filename*=UTF-8''a%22%3B%20filename%3Dx`,
    ]);
    expect(await name('a\r\nSet-Cookie: x')).toEqual([200, 'attachment; filename="a__Set-Cookie: x"']);
    expect(await name('../../etc/passwd')).toEqual([200, 'attachment; filename=".._.._etc_passwd"']);
    expect(await name('שלום 😀')).toEqual([
      200,
      `attachment; filename="____ _"; filename*=UTF-8''%D7%A9%D7%9C%D7%95%D7%9D%20%F0%9F%98%80`,
    ]);
  });

  it('is listed by its maker and the superuser, and revoked by them', async () => {
    await must(alice.put('/home/alice/listed', 'x'));
    const made = await link(alice, '/home/alice/listed', { password: 'a password of hers', allow_cidrs: ['127.0.0.0/8'] });
    const listed = (await must(alice.request('GET', '/v1/links'))).json;
    expect(idsIn(listed)).toEqual([made.id]);
    expect(listed).toMatchObject({
      count: 1,
      items: [
        {
          id: made.id,
          path: '/home/alice/listed',
          filename: 'listed',
          user: 'alice',
          status: 'active',
          max_uses: 1,
          uses: 0,
          expires_at: made.expires_at,
          has_password: true,
          allow_cidrs: ['127.0.0.0/8'],
        },
      ],
    });
    told.push('a password of hers');
    expect(JSON.stringify(listed)).not.toContain(made.token);
    expect((await server.client('bob').request('GET', '/v1/links')).json.items).toEqual([]);
    expect((await root.request('GET', '/v1/links')).text).toContain(made.id);

    expect((await server.client('bob').request('DELETE', `/v1/links/${made.id}`)).outcome).toBe('404 LINK_NOT_FOUND');
    expect((await alice.request('DELETE', '/v1/links/none')).outcome).toBe('404 LINK_NOT_FOUND');
    for (const client of [alice, root]) expect((await client.request('DELETE', `/v1/links/${made.id}`)).status).toBe(204);
    const gone = await download(anonymous, made.token);
    expect([gone.outcome, gone.json.reason]).toEqual(['410 LINK_GONE', 'revoked']);
    expect((await alice.request('GET', '/v1/links')).json.items[0].status).toBe('revoked');
  });

  it('is listed in pages, each once', async () => {
    const path = await file();
    const made = await Promise.all(Array.from({ length: 5 }, () => link(root, path)));
    const seen: string[] = [];
    for (let query = '?limit=2'; query !== '';) {
      const page = (await must(root.request('GET', `/v1/links${query}`))).json;
      seen.push(...idsIn(page));
      query = page.next_cursor === undefined ? '' : `?limit=2&cursor=${page.next_cursor}`;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(made.map(({ id }) => id)));
    expect((await root.request('GET', '/v1/links?cursor=x')).outcome).toBe('400 INVALID_REQUEST');
    expect((await root.request('GET', '/v1/links?limit=0')).outcome).toBe('400 INVALID_REQUEST');
  });
});

describe('K1 as many downloads as there are uses', () => {
  it.each([
    ['a small file', 1, Buffer.from('small')],
    ['a large file', 1, LARGE],
    ['seven uses', 7, LARGE],
  ])('%s: of 100 at once %d', async (_, max_uses, content) => {
    const { token } = await link(root, await file(content), { max_uses });
    const answers = await Promise.all(Array.from({ length: 100 }, () => download(anonymous, token)));
    expect(statuses(answers)).toEqual({ '200': max_uses, '410 LINK_GONE': 100 - max_uses });
    for (const { status, body } of answers) if (status === 200) expect(body.equals(content)).toBe(true);
  });

  it('ranges count as well', async () => {
    const { token } = await link(root, await file('content'), { max_uses: 2 });
    const part = await download(anonymous, token, { range: 'bytes=1-3' });
    expect([part.status, part.text, part.header('content-range')]).toEqual([206, 'ont', 'bytes 1-3/7']);
    expect((await download(anonymous, token, { range: 'bytes=0-0,3-' })).status).toBe(206);
    expect((await download(anonymous, token, { range: 'bytes=1-3' })).outcome).toBe('410 LINK_GONE');
  });
});

describe('K2 what gives no bytes spends nothing', () => {
  it('HEAD, 304, 412, 416', async () => {
    const path = await file();
    const { token } = await link(root, path);
    const etag = (await root.head(path)).header('etag') as string;
    const head = await download(anonymous, token, {}, { method: 'HEAD' });
    expect([head.status, head.header('etag'), head.header('content-length')]).toEqual([200, etag, '7']);
    expect(head.header('x-callfs-resume-ticket')).toBeUndefined();
    expect((await download(anonymous, token, { 'if-none-match': etag })).status).toBe(304);
    const failed = await download(anonymous, token, { 'if-match': '"other"' });
    expect(failed.outcome).toBe('412 PRECONDITION_FAILED');
    expect(failed.text).not.toContain(path);
    expect((await download(anonymous, token, { range: 'bytes=100-' })).outcome).toBe('416 RANGE_NOT_SATISFIABLE');
    expect((await download(anonymous, token, {}, { method: 'POST' })).outcome).toBe('405 METHOD_NOT_ALLOWED');
    expect((await download(anonymous, token)).text).toBe('content');
    expect((await download(anonymous, token, {}, { method: 'HEAD' })).status).toBe(410);
  });

  it.each([
    ['whole', {}],
    ['a range', { range: 'bytes=10-20' }],
    ['ranges', { range: 'bytes=10-20,50-60' }],
  ])('a content that cannot be opened or is damaged at its first block: %s', async (_, headers) => {
    const path = `${await freshDirectory(root)}/file`;
    const blob = await blobMadeBy(server.dataDir, () => must(root.put(path, LARGE)));
    const { token } = await link(root, path);
    const failed = await consumed('failed');
    await rename(blob, `${blob}-away`);
    expect((await download(anonymous, token, headers)).outcome).toBe('503 BACKEND_UNAVAILABLE');
    const bytes = await readFile(`${blob}-away`);
    await writeFile(
      blob,
      bytes.map((byte, i) => (i === 15 ? byte ^ 1 : byte)),
    );
    expect((await download(anonymous, token, headers)).status).toBe(503);
    expect((await consumed('failed')) - failed).toBe(2);
    await rename(`${blob}-away`, blob);
    expect((await download(anonymous, token, headers)).status).toBeLessThan(300);
    expect((await download(anonymous, token, headers)).status).toBe(410);
  });
});

describe('K3 the file is not what it was', () => {
  it.each<readonly [string, (path: string) => Promise<unknown>]>([
    ['deleted', (path) => must(root.delete(path))],
    ['moved', (path) => must(root.move(path, `${path}-moved`))],
    ['moved away with its directory', (path) => must(root.move(path.replace(/\/[^/]*$/, ''), `/moved-${Date.now()}`))],
    ['replaced', (path) => must(root.put(path, 'other'))],
    ['replaced by the same bytes', (path) => must(root.put(path, 'content'))],
    [
      'another file under its name',
      async (path) => {
        await must(root.move(path, `${path}-moved`));
        await must(root.copy(`${path}-moved`, path));
      },
    ],
    [
      'a symbolic link under its name',
      async (path) => {
        await must(root.move(path, `${path}-moved`));
        await must(root.symlink(path, 'file-moved'));
      },
    ],
  ])('%s: 410', async (_, change) => {
    const path = await file();
    const { token } = await link(root, path);
    await change(path);
    const gone = await download(anonymous, token);
    expect([gone.outcome, gone.json.reason]).toEqual(['410 LINK_GONE', 'file_changed']);
    expect(gone.text).not.toContain(path);
  });

  it('its maker may not read it any more: 410, until he may again', async () => {
    const path = await file();
    const { token } = await link(alice, path);
    await must(root.patch(path, { mode: '0600' }));
    expect((await download(anonymous, token)).outcome).toBe('410 LINK_GONE');
    await must(root.patch(path, { mode: '0644' }));
    await must(root.patch(path.replace(/\/[^/]*$/, ''), { mode: '0700' }));
    expect((await download(anonymous, token)).outcome).toBe('410 LINK_GONE');
    await must(root.patch(path.replace(/\/[^/]*$/, ''), { mode: '0755' }));
    expect((await download(anonymous, token)).status).toBe(200);
  });
});

describe('K4 what is no token', () => {
  it('is 404 whatever it is, and says no more', async () => {
    const path = await file();
    const { token } = await link(root, path);
    const { token: foreign } = await link(root, path);
    const flipped = (at: number) => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    const wrong = [
      flipped(0),
      flipped(42),
      flipped(43),
      flipped(85),
      token.slice(0, -1),
      token.slice(0, 43),
      `${token}A`,
      token.slice(0, 43) + foreign.slice(43),
      '-'.repeat(86),
      'x',
      'x'.repeat(3000),
      encodeURIComponent('../../etc/passwd'),
      `${token}%00`,
      `%${token.charCodeAt(0).toString(16)}${token.slice(1)}`,
    ];
    const answers = await Promise.all(wrong.map((attempt) => download(anonymous, attempt)));
    const told = answers.map(({ outcome, json }) => [outcome, json.message]);
    expect(told).toEqual(wrong.map(() => ['404 LINK_NOT_FOUND', 'There is no such link. Check that it was copied whole.']));
    expect((await anonymous.request('GET', `/%64ownload/${token}`)).status).toBe(404);
    expect((await anonymous.request('GET', `//download/${token}`)).status).toBe(404);
    expect((await download(anonymous, token)).status).toBe(200);
  });
});

describe('K5 a password', () => {
  const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}` });

  it('is asked for by Basic authentication, and taken from it or from a header', async () => {
    const password = 'pässwörd: with a colon';
    told.push(password, Buffer.from(`anybody:${password}`).toString('base64'));
    const { token } = await link(root, await file(), { password, max_uses: 2 });
    const asked = await download(anonymous, token);
    expect([asked.outcome, asked.header('www-authenticate')]).toEqual([
      '401 LINK_PASSWORD_REQUIRED',
      'Basic realm="CallFS link", charset="UTF-8"',
    ]);
    expect((await download(anonymous, token, basic('wrong'))).outcome).toBe('401 LINK_PASSWORD_REQUIRED');
    expect((await download(anonymous, token, basic(password), { method: 'HEAD' })).status).toBe(200);
    expect((await download(anonymous, token, basic(password))).status).toBe(200);
    const header = { 'x-callfs-link-password': Buffer.from(password).toString('latin1') };
    expect((await download(anonymous, token, header)).status).toBe(200);
    expect((await download(anonymous, token, header)).outcome).toBe('410 LINK_GONE');
  });

  it('is guessed five times in a row, also when all at once; then even the right one waits', async () => {
    const path = await file();
    const { token } = await link(root, path, { password: 'right', max_uses: 5 });
    const localAddress = newAddress();
    const guesses = await Promise.all(
      Array.from({ length: 30 }, (_, i) => download(anonymous, token, basic(`guess ${i}`), { localAddress })),
    );
    expect(statuses(guesses)).toEqual({ '401 LINK_PASSWORD_REQUIRED': 5, '429 RATE_LIMIT_EXCEEDED': 25 });
    const right = await download(anonymous, token, basic('right'), { localAddress });
    expect(right.outcome).toBe('429 RATE_LIMIT_EXCEEDED');
    expect(Number(right.header('retry-after'))).toBeGreaterThan(0);

    const other = newAddress();
    for (let i = 0; i < 5; i++)
      expect((await download(anonymous, token, basic('right'), { localAddress: other })).status).toBe(200);
    const { token: another } = await link(root, path, { password: 'right' });
    expect((await download(anonymous, another, basic('right'), { localAddress })).status).toBe(200);
  });
});

describe('a link for some addresses', () => {
  it('refuses the others, whatever they say of themselves', async () => {
    const { token } = await link(root, await file(), { allow_cidrs: ['127.8.0.0/16', '2001:db8::/32'] });
    const refused = await download(anonymous, token, { 'x-forwarded-for': '127.8.0.1' }, { localAddress: '127.9.0.1' });
    expect(refused.outcome).toBe('403 PERMISSION_DENIED');
    expect((await download(anonymous, token, {}, { localAddress: '127.8.3.4' })).status).toBe(200);
  });

  it('believes a proxy that is trusted', async () => {
    await withServer(
      { config: { server: { listen_addr: '127.0.0.1:0', protocol: 'http', trusted_proxies: ['127.0.0.1'] } } },
      async (proxied) => {
        await must(proxied.client().put('/file', 'content'));
        const { token } = await makeLink(proxied.client(), '/file', { allow_cidrs: ['2001:db8::/32'] });
        const from = (address: string) => download(proxied.anonymous(), token, { 'x-forwarded-for': address });
        expect((await from('2001:db9::1')).outcome).toBe('403 PERMISSION_DENIED');
        expect((await from('2001:db8::1')).status).toBe(200);
      },
    );
  });
});

describe('time', () => {
  it('ends a link', async () => {
    const { token } = await link(root, await file(), { expiry_seconds: 1 });
    const head = async () => (await download(anonymous, token, {}, { method: 'HEAD' })).status;
    await expect.poll(head, { timeout: 60_000, interval: 50 }).toBe(410);
    const gone = await download(anonymous, token);
    expect([gone.outcome, gone.json.reason]).toEqual(['410 LINK_GONE', 'expired']);
  });
});

describe('a server that stops and starts', () => {
  const change = (target: TestServer, sql: string, ...values: unknown[]) => {
    const database = new Database(join(target.dir, 'metadata.sqlite'));
    try {
      expect(database.prepare(sql).run(...values).changes).toBe(1);
    } finally {
      database.close();
    }
  };

  it('knows its links; those of a user who is gone, or whose row was changed, open nothing; old ones are forgotten and counted', async () => {
    await withServer({ config: { rate_limits } }, async (restarted) => {
      const admin = restarted.client();
      const stranger = restarted.anonymous();
      await must(admin.put('/file', 'content'));
      const [kept, long, moved, old] = await Promise.all([1, 2, 3, 4].map(() => makeLink(admin, '/file')));
      const orphaned = await makeLink(restarted.client('carol'), '/file');
      await must(admin.put('/secret', 'secret'));
      await restarted.stop();

      const settings = parse(await readFile(restarted.configFile, 'utf8')) as { auth: { users: { name: string }[] } };
      settings.auth.users = settings.auth.users.filter(({ name }) => name !== 'carol');
      await writeFile(restarted.configFile, stringify(settings));
      change(restarted, 'UPDATE link SET expires_ms = expires_ms + 1000000 WHERE id = ?', long?.id);
      change(restarted, `UPDATE link SET path = '/secret' WHERE id = ?`, moved?.id);
      change(restarted, 'UPDATE link SET expires_ms = 1000 WHERE id = ?', old?.id);
      await restarted.start();

      expect((await download(stranger, kept?.token ?? '')).status).toBe(200);
      expect((await download(stranger, orphaned.token)).outcome).toBe('410 LINK_GONE');
      expect((await download(stranger, long?.token ?? '')).outcome).toBe('404 LINK_NOT_FOUND');
      expect((await download(stranger, moved?.token ?? '')).outcome).toBe('404 LINK_NOT_FOUND');
      const expired = async () =>
        /^callfs_single_use_links_expired_total (\d+)$/m.exec((await admin.request('GET', '/metrics')).text)?.[1];
      await expect.poll(expired, { timeout: 60_000, interval: 100 }).toBe('1');
      expect((await admin.request('GET', '/v1/links')).json.count).toBe(4);
    });
  });
});

it('a user has about a hundred thousand links: those that have ended make room, and of as many that work there is no more', async () => {
  await withServer({ config: { rate_limits } }, async (own) => {
    const admin = own.client();
    await must(admin.put('/file', 'x'));
    const used = await makeLink(admin, '/file');
    const kept = await makeLink(admin, '/file');
    expect((await download(own.anonymous(), used.token)).status).toBe(200);
    await own.stop();
    const database = new Database(join(own.dir, 'metadata.sqlite'));
    const columns = 'path, inode_id, content_id, filename, max_uses, uses, expires_ms, revoked_ms';
    // Somebody else's count for somebody else; so many as to take more than one step are forgotten.
    const add = database.prepare(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
      INSERT INTO link (id, token_hash, user_name, created_ms, ${columns})
      SELECT printf('%032x', ? + i), printf('%x', ? + i), ?, 1000 + i, ${columns} FROM n, link l WHERE l.id = ?`);
    const addLinks = (user: string, count: number, from: number) => add.run(count, from, from, user, kept.id);
    database.pragma('synchronous = OFF');
    addLinks('root', 99_998, 0);
    addLinks('bob', 1_200, 200_000);
    database.exec(`UPDATE link SET revoked_ms = 1 WHERE user_name = 'root' AND created_ms <= 1002;
      UPDATE link SET expires_ms = 1 WHERE user_name = 'bob'; DELETE FROM link_use`);
    database.close();
    await own.start();
    // Two that were revoked and one that was used make room.
    const made: Answer[] = [];
    for (let i = 0; i < 5; i++) made.push(await admin.postJson('/v1/links/generate', { path: '/file', expiry_seconds: 600 }));
    expect(made.map(({ outcome }) => outcome)).toEqual([
      ...Array<string>(3).fill('201'),
      ...Array<string>(2).fill('507 INSUFFICIENT_STORAGE'),
    ]);
    expect(made[4]?.json.message).toContain('root has 100000 links that still work');
    expect((await download(own.anonymous(), used.token)).outcome).toBe('404 LINK_NOT_FOUND');
    expect((await download(own.anonymous(), kept.token)).status).toBe(200);
    await makeLink(own.client('alice'), '/file');
    const expired = async () =>
      /^callfs_single_use_links_expired_total (\d+)$/m.exec((await admin.request('GET', '/metrics')).text)?.[1];
    await expect.poll(expired, { timeout: 60_000, interval: 100 }).toBe('1200');
  });
});

it('is counted', async () => {
  const { text } = await root.request('GET', '/metrics');
  const generated = Number(/^callfs_single_use_link_generations_total (\d+)$/m.exec(text)?.[1]);
  expect(generated).toBeGreaterThan(10);
  for (const status of ['spent', 'gone', 'not_found', 'refused', 'failed']) expect(await consumed(status)).toBeGreaterThan(0);
  expect(text).toContain('path="/download/:token"');
});
