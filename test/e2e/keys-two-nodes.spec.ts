import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { issueKey, revokeKey } from '../support/keys';
import { download, makeLink } from '../support/links';
import { PostgresServer } from '../support/postgres';
import { RedisServer } from '../support/redis';
import { startServer, type TestServer } from '../support/server';

/** Two nodes on one PostgreSQL and one Redis: what one of them says of keys and users counts on the other. */
let postgres: PostgresServer;
let redis: RedisServer;
let nodes: [TestServer, TestServer];

let database: string;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([PostgresServer.start(), RedisServer.start()]);
  database = await postgres.createDatabase();
  const dsn = postgres.dsn(database);
  const node = (id: string) =>
    startServer({
      dsn,
      config: {
        dlm: { type: 'redis', redis_addr: `127.0.0.1:${redis.port}` },
        instance_discovery: { instance_id: id },
        rate_limits: { download: 'off', link_generation: 'off', failed_authentication: 'off' },
      },
    });
  const first = await node('node-1');
  nodes = [first, await node('node-2')];
});
afterAll(async () => {
  for (const node of nodes ?? []) {
    await node.stop();
    await node.remove();
  }
  await redis?.stop();
  await postgres?.stop();
});

/** Until it is so, the milliseconds since now. */
async function msUntil(client: Client, status: number): Promise<number> {
  const startedAt = performance.now();
  await expect.poll(async () => (await client.get('/')).status, { interval: 50, timeout: 60_000 }).toBe(status);
  return performance.now() - startedAt;
}

it('A3 a key that one node issues and revokes begins and ends on the other, an upload in flight at its commit', async () => {
  const [one, two] = nodes;
  const path = `${await freshDirectory(one.client())}/file`;
  const { key, id } = await issueKey(one, { user: 'root' });
  const there = new Client(() => two.url, key);
  await msUntil(there, 200);
  const body = new PassThrough();
  const upload = there.put(path, body);
  body.write('new '.repeat(10_000));
  await expect
    .poll(async () => (await two.client().request('GET', '/metrics')).text, { timeout: 60_000 })
    .toMatch(/^callfs_uploads_in_flight 1$/m);

  await revokeKey(one, id);
  const lateMs = await msUntil(there, 401);
  body.end();

  expect((await upload).outcome).toBe('401 AUTHENTICATION_FAILED');
  expect((await one.client().get(path)).status).toBe(404);
  // Half a second on a machine that has nothing else to do; whatever else would end the key takes minutes.
  expect(lateMs).toBeLessThan(20_000);
});

it('A3 of what is made with a key while it is revoked, on either node, nothing goes on', async () => {
  const [one, two] = nodes;
  const path = `${await freshDirectory(one.client())}/file`;
  await must(one.client().put(path, 'content'));
  const stolen = await issueKey(one, { user: 'root' });
  const thief = new Client(() => two.url, stolen.key);
  await msUntil(thief, 200);
  const made: string[] = [];
  const tokens: string[] = [];
  let isOver = false;
  /** Makes one after the other until the key is refused, on a node that learns of its end a moment later. */
  const steal = async (target: string, body: object, take: (json: { key: string; token: string }) => void) => {
    for (;;) {
      const answer = await thief.postJson(target, body);
      if (answer.status === 201) take(answer.json as { key: string; token: string });
      else if (isOver) return expect(answer.outcome).toBe('401 AUTHENTICATION_FAILED');
    }
  };
  const thefts = Array.from({ length: 8 }, (_, i) =>
    i % 2
      ? steal('/v1/keys', { name: 'stolen' }, ({ key }) => made.push(key))
      : steal('/v1/links/generate', { path, expiry_seconds: 600, max_uses: 9 }, ({ token }) => tokens.push(token)),
  );
  await expect.poll(() => Math.min(made.length, tokens.length), { timeout: 60_000 }).toBeGreaterThan(10);

  const ended = (await must(one.client().request('DELETE', `/v1/admin/keys/${stolen.id}`))).json as { keys: string[] };
  isOver = true;
  await Promise.all(thefts);

  expect(ended.keys.length).toBe(made.length);
  for (const node of nodes) {
    for (const key of made) await msUntil(new Client(() => node.url, key), 401);
    for (const token of tokens) expect((await download(node.anonymous(), token)).outcome).toBe('410 LINK_GONE');
  }
  const { items } = (await must(two.client().request('GET', '/v1/links'))).json as { items: { status: string }[] };
  expect(items.map(({ status }) => status)).toEqual(tokens.map(() => 'revoked'));
});

it('a user that one node adds and removes comes and goes on the other', async () => {
  const [one, two] = nodes;
  await must(one.client().postJson('/v1/admin/users', { name: 'dora', groups: ['team'] }));
  const { key } = await issueKey(one, { user: 'dora' });
  const there = new Client(() => two.url, key);
  await msUntil(there, 200);
  await must(there.put('/home/dora/file', 'mine'));
  expect((await two.client().head('/home/dora/file')).header('x-callfs-owner')).toBe('dora');
  await must(one.client().request('DELETE', '/v1/admin/users/dora'));
  await msUntil(there, 401);
});

it('A3 a key ends with its links also when there are so many that PostgreSQL takes longer than a call may', async () => {
  const [one] = nodes;
  const path = `${await freshDirectory(one.client())}/file`;
  await must(one.client().put(path, 'content'));
  const stolen = await issueKey(one, { user: 'root' });
  const { token } = await makeLink(stolen.client, path);
  const columns = 'path, inode_id, content_id, user_name, key_id, filename, max_uses, uses, created_ms, expires_ms';
  // Each takes a millisecond, as on a machine that has much to do.
  await postgres.query(
    `INSERT INTO link (id, token_hash, ${columns}) SELECT md5(i::text), md5('t' || i), ${columns}
       FROM generate_series(1, 6000) i, link WHERE key_id = '${stolen.id}';
     CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END';
     CREATE TRIGGER slow BEFORE UPDATE ON link FOR EACH ROW EXECUTE FUNCTION slow()`,
    database,
  );
  const ended = await one.client().request('DELETE', `/v1/admin/keys/${stolen.id}`);
  await postgres.query('DROP TRIGGER slow ON link', database);

  expect(ended.json).toEqual({ id: stolen.id, keys: [], links: 6001 });
  expect((await stolen.client.get('/')).status).toBe(401);
  expect((await download(one.anonymous(), token)).outcome).toBe('410 LINK_GONE');
});

it('A3 a link ends with its key also when the node was killed before it could end the link', async () => {
  const [one, two] = nodes;
  const path = `${await freshDirectory(one.client())}/file`;
  await must(one.client().put(path, 'content'));
  const stolen = await issueKey(one, { user: 'root' });
  const [first, { token }] = [await makeLink(stolen.client, path), await makeLink(stolen.client, path)];
  expect((await download(two.anonymous(), first.token)).status).toBe(200);
  // As far as it comes in its first transaction.
  await postgres.query(`UPDATE api_key SET revoked_ms = 1 WHERE id = '${stolen.id}'`, database);
  expect((await download(two.anonymous(), token)).outcome).toBe('410 LINK_GONE');
  const { items } = (await must(two.client().request('GET', '/v1/links?limit=2'))).json as { items: { status: string }[] };
  expect(items.map(({ status }) => status)).toEqual(['revoked', 'revoked']);
});

it('the audit has what both nodes did', async () => {
  const [one, two] = nodes;
  await must(one.client().put('/by-one', 'x'));
  await must(two.client().put('/by-two', 'x'));
  await expect
    .poll(
      async () => {
        const { items } = (await must(one.client().request('GET', '/v1/admin/audit?operation=put&user=root'))).json as {
          items: { path: string; instance_id: string }[];
        };
        return items.map(({ path, instance_id }) => `${instance_id} ${path}`);
      },
      { timeout: 60_000 },
    )
    .toEqual(expect.arrayContaining(['node-1 /by-one', 'node-2 /by-two']));
});
