import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { WebSocket } from 'ws';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Answer, Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { issueKey, revokeKey } from '../support/keys';
import { makeLink } from '../support/links';
import { withServer } from '../support/server';
import { overSocket } from '../support/sockets';
import { useServer } from '../support/use-server';
import { begun, send } from '../uploads/tus-client';

const server = useServer();
let root: Client;

beforeAll(() => {
  root = server.client();
});

interface Entry {
  readonly user: string;
  readonly key_id: string;
  readonly operation: string;
  readonly path: string | null;
  readonly target: string | null;
  readonly code: string;
  readonly status: number;
  readonly address: string;
  readonly request_id: string;
  readonly detail: string | null;
}

const audit = (query: Record<string, string | number> = {}): Promise<Answer> => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) parameters.set(name, String(value));
  return must(root.request('GET', `/v1/admin/audit?${parameters.toString()}`));
};
const entriesOf = async (query: Record<string, string | number>) =>
  (await audit({ order: 'asc', ...query })).json.items as Entry[];
const requestIdOf = (answer: Answer) => answer.header('x-request-id') ?? '';

describe('the audit log', () => {
  it('tells who did what to which path from where with which result', async () => {
    const path = await freshDirectory(root);
    await must(root.patch(path, { mode: '0777' }));
    const { client, id } = await issueKey(server, { user: 'alice' });
    const made = await must(client.put(`${path}/a`, 'x'));
    await must(client.mkdir(`${path}/d`));
    await must(client.symlink(`${path}/l`, 'a'));
    await must(client.move(`${path}/a`, `${path}/b`));
    await must(client.copy(`${path}/b`, `${path}/c`));
    await must(client.patch(`${path}/c`, { mode: '0600' }));
    await must(client.delete(`${path}/c`));
    await client.put(`${path}/b`, 'y', { 'if-match': '"none"' });

    const seen = await entriesOf({ path, user: 'alice' });

    expect(seen.map(({ operation, path: at, target, code }) => [operation, at, target, code])).toEqual([
      ['put', `${path}/a`, null, 'OK'],
      ['mkdir', `${path}/d`, null, 'OK'],
      ['symlink', `${path}/l`, null, 'OK'],
      ['rename', `${path}/a`, `${path}/b`, 'OK'],
      ['copy', `${path}/c`, null, 'OK'],
      ['attributes', `${path}/c`, null, 'OK'],
      ['delete', `${path}/c`, null, 'OK'],
      ['put', `${path}/b`, null, 'PRECONDITION_FAILED'],
    ]);
    expect(seen[0]).toMatchObject({
      user: 'alice',
      key_id: id,
      address: '127.0.0.1',
      status: 201,
      request_id: requestIdOf(made),
    });
  });

  it('has what came in parts or over a socket, with how it ended', async () => {
    const path = await freshDirectory(root, '0777');
    const alice = server.client('alice');
    const upload = await begun(alice, 2, { path: `${path}/parts` });
    await must(send(alice, upload, 0, 'x'));
    await must(send(alice, upload, 1, 'y'));
    await overSocket(server, alice, `${path}/socket`, 'mode=upload', { opened: (socket) => socket.close(1000) });
    const query = `mode=upload&if_none_match=${encodeURIComponent('"none"')}&size=1`;
    const opened = (socket: WebSocket) => socket.send('{"type":"end"}');
    expect((await overSocket(server, alice, `${path}/short`, query, { opened })).closeCode).toBe(1008);
    await overSocket(server, alice, `${path}/socket`, 'mode=download');

    await expect.poll(async () => (await entriesOf({ path, user: 'alice' })).length, { timeout: 60_000 }).toBe(2);
    const seen = await entriesOf({ path, user: 'alice' });
    expect(seen.map(({ operation, path: at, status, code }) => [operation, at, status, code])).toEqual([
      ['create', `${path}/parts`, 204, 'OK'],
      ['put', `${path}/socket`, 101, 'OK'],
    ]);
  });

  it('has what was refused, and what was read only then', async () => {
    const path = await freshDirectory(root, '0700');
    await must(root.put(`${path}/secret`, 'x'));
    await must(root.get(`${path}/secret`));
    const alice = server.client('alice');
    const refused = [await alice.get(`${path}/secret`), await alice.put(`${path}/mine`, 'x'), await alice.list(path)];
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403]);

    const seen = await entriesOf({ path, user: 'alice' });

    expect(seen.map(({ operation, code }) => [operation, code])).toEqual([
      ['read', 'PERMISSION_DENIED'],
      ['put', 'PERMISSION_DENIED'],
      ['list', 'PERMISSION_DENIED'],
    ]);
    expect((await entriesOf({ path, operation: 'read', user: 'root' })).length).toBe(0);
  });

  it('has keys that are none, and leaves requests without any to the access log', async () => {
    const localAddress = '127.6.0.1';
    const wrong = { authorization: 'Bearer wrong-key-0123456789abcdef' };
    const refused = await server.anonymous().request('GET', '/v1/files/', { localAddress, headers: wrong });
    const unnamed = await server.anonymous().request('GET', '/v1/files/', { localAddress });
    const seen = (await entriesOf({ since: '1h', limit: 10_000 })).filter(({ address }) => address === localAddress);
    expect(seen).toEqual([
      expect.objectContaining({ user: '', code: 'AUTHENTICATION_FAILED', status: 401, request_id: requestIdOf(refused) }),
    ]);
    expect(unnamed.status).toBe(401);
  });

  it('has links from their making to their end', async () => {
    const path = await freshDirectory(root);
    await must(root.put(`${path}/file`, 'x'));
    const { token, id } = await makeLink(root, `${path}/file`);
    const address = '127.6.0.2';
    await must(server.anonymous().request('GET', `/download/${token}`, { localAddress: address }));
    expect((await server.anonymous().request('GET', `/download/${token}`, { localAddress: address })).status).toBe(410);
    await must(root.request('DELETE', `/v1/links/${id}`));

    const made = await entriesOf({ path, operation: 'link.create' });
    const used = await entriesOf({ path, operation: 'download' });
    expect(made).toEqual([expect.objectContaining({ user: 'root', path: `${path}/file`, code: 'OK' })]);
    expect(used).toEqual([expect.objectContaining({ user: 'root', key_id: '', address, code: 'OK', detail: `link ${id}` })]);
    const text = (await audit({ limit: 10_000 })).text;
    expect(text).toContain('LINK_GONE');
    expect(text).not.toContain(token);
  });

  it('has what administrators do, L10 the reason of a cleared lock among it', async () => {
    const { id } = await issueKey(server, { user: 'bob' });
    await revokeKey(server, id);
    await must(root.postJson('/v1/admin/users', { name: 'ann' }));
    await must(root.request('DELETE', '/v1/admin/users/ann'));
    await must(root.postJson('/v1/admin/locks/clear', { ids: ['none'], force: true, reason: 'stuck since noon' }));
    expect((await server.client('alice').request('DELETE', '/v1/admin/users/bob')).status).toBe(403);

    const seen = (await entriesOf({ since: '1h', limit: 10_000 })).slice(-6);

    expect(seen.map(({ user, operation, code, detail }) => [user, operation, code, detail])).toEqual([
      ['root', 'key.create', 'OK', `${id} for bob: read, list, write, delete, share in /`],
      ['root', 'key.revoke', 'OK', id],
      ['root', 'user.add', 'OK', 'ann'],
      ['root', 'user.remove', 'OK', 'ann'],
      ['root', 'locks.clear', 'OK', 'none gone, by force: stuck since noon'],
      ['alice', 'DELETE /v1/admin/users/:name', 'PERMISSION_DENIED', '/v1/admin/users/bob'],
    ]);
  });

  it('is read in pages, either way, and as NDJSON', async () => {
    const path = await freshDirectory(root);
    for (let i = 0; i < 7; i++) await must(root.put(`${path}/${i}`, 'x'));
    const all = (await entriesOf({ path })).map((entry) => entry.path);
    expect(all).toHaveLength(8);
    for (const order of ['asc', 'desc']) {
      const read: (string | null)[] = [];
      let cursor: string | undefined;
      do {
        const page = await audit({ path, order, limit: 3, ...(cursor !== undefined && { cursor }) });
        read.push(...(page.json.items as Entry[]).map((entry) => entry.path));
        cursor = page.json.next_cursor as string | undefined;
      } while (cursor !== undefined);
      expect(read).toEqual(order === 'asc' ? all : [...all].reverse());
    }
    const lines = await must(
      root.request('GET', `/v1/admin/audit?path=${path}&limit=2`, { headers: { accept: 'application/x-ndjson' } }),
    );
    expect(
      lines.text
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as Entry).path),
    ).toEqual([`${path}/6`, `${path}/5`]);
    expect(lines.header('x-callfs-next-cursor')).toMatch(/^[\w-]+$/);
    // "/t1" has not what is in "/t12".
    expect(
      (await entriesOf({ path: path.slice(0, -1), since: '1h' })).filter((entry) => entry.path?.startsWith(`${path}/`)),
    ).toEqual([]);
  });

  it.each(['since=soon', 'until=', 'order=up', 'limit=0', 'cursor=x', 'cursor=WzFd', 'path=/a%00'])('%s: 400', async (query) => {
    expect((await root.request('GET', `/v1/admin/audit?${query}`)).status).toBe(400);
  });

  it('survives a stop and a kill, but for the last moment, and has no secret', async () => {
    const path = await freshDirectory(root);
    const { key } = await issueKey(server);
    await must(root.put(`${path}/before`, 'x'));
    await server.restart();
    expect((await entriesOf({ path })).map((entry) => entry.path)).toEqual([path, `${path}/before`]);
    await must(root.put(`${path}/after`, 'x'));
    expect(await entriesOf({ path })).toHaveLength(3);
    await server.kill();
    await server.start();
    expect(await entriesOf({ path })).toHaveLength(3);
    const { text } = await audit({ limit: 10_000 });
    expect(text).not.toContain(key);
    expect(text).not.toMatch(/callfs_[\w-]{43}|Bearer /);
  });
});

it('removes entries whose time is over, however many there are, and keeps the others', async () => {
  const config = { audit: { retention: '1h' } };
  await withServer({ config }, async (own) => {
    const client = own.client();
    await must(client.put('/kept', 'x'));
    await own.stop();
    const database = new Database(join(own.dir, 'metadata.sqlite'));
    const columns =
      'at_ms, instance_id, seq, user_name, key_id, operation, path, target, address, status, code, request_id, detail';
    const others = columns.slice(columns.indexOf('user_name'));
    // More than one step removes, just too old; and one that is just young enough.
    const add = database.prepare(
      `INSERT INTO audit (${columns}) SELECT ?, 'old', ?, ${others} FROM audit WHERE path = '/kept' LIMIT 1`,
    );
    const hourMs = 3_600_000;
    database.transaction(() => {
      for (let seq = 0; seq < 1_700; seq++) add.run(Date.now() - hourMs - seq, seq);
      add.run(Date.now() - hourMs + 300_000, 1_700);
    })();
    database.close();
    await own.start();
    const left = async () => {
      const { items } = (await must(client.request('GET', '/v1/admin/audit?path=/kept&order=asc&limit=10000'))).json;
      return (items as { request_id: string }[]).length;
    };
    await expect.poll(left, { timeout: 60_000 }).toBe(2);
  });
});

it('is searched from end to end while others are served, and misses nothing', async () => {
  await withServer({}, async (own) => {
    const client = own.client();
    await must(client.put('/file', 'x'));
    await must(client.delete('/file'));
    await own.stop();
    const database = new Database(join(own.dir, 'metadata.sqlite'));
    database.pragma('synchronous = OFF');
    // Later than the two, and many of them at one instant.
    database.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
      INSERT INTO audit SELECT ${Date.now()} + i / 9000, 'other', i, 'ann', '', 'put', '/other', NULL, '', 200, 'OK', '', NULL FROM n`);
    database.close();
    await own.start();
    const ended: string[] = [];
    const search = must(client.request('GET', '/v1/admin/audit?path=/file')).finally(() => ended.push('search'));
    for (let i = 0; i < 5; i++) ended.push(`read ${(await client.get('/')).status}`);
    const { items } = (await search).json;
    expect((items as Entry[]).map(({ operation }) => operation)).toEqual(['delete', 'put']);
    expect(ended).toEqual([...Array<string>(5).fill('read 200'), 'search']);
    const first = await must(client.request('GET', '/v1/admin/audit?user=ann&operation=put&order=asc&limit=10000'));
    expect((first.json.items as { seq: number }[]).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 10_000 }, (_, i) => i + 1),
    );
  });
});
