import { beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { issueKey, type KeyWishes, type TestKey } from '../support/keys';
import { download, makeLink, newAddress } from '../support/links';
import { useServer } from '../support/use-server';

const server = useServer({
  config: { rate_limits: { download: 'off', link_generation: 'off', failed_authentication: 'off' } },
});
let root: Client;

beforeAll(() => {
  root = server.client();
});

/** A key that `maker` has made for itself. */
async function childOf({ client }: TestKey, wishes: Omit<KeyWishes, 'user'> = {}): Promise<TestKey> {
  const { id, key } = (await must(client.postJson('/v1/keys', { name: 'child', ...wishes }))).json as TestKey;
  return { id, key, client: new Client(() => server.url, key) };
}

const stateOf = async ({ client }: TestKey) => (await client.get('/')).status;
const revoke = async (client: Client, id: string) => (await client.request('DELETE', `/v1/keys/${id}`)).json;
const use = async (token: string) => (await download(server.anonymous(), token, {}, { localAddress: newAddress() })).outcome;

describe('A3 with a key that is revoked', () => {
  it('ends what was made with it, and so on down, and nothing else', async () => {
    const stolen = await issueKey(server, { user: 'alice' });
    const children = [await childOf(stolen), await childOf(stolen, { verbs: ['list'] })];
    const [first] = children as [TestKey];
    const grandchild = await childOf(await childOf(first));
    const sibling = await issueKey(server, { user: 'alice' });
    const nephew = await childOf(sibling);
    const foreign = await issueKey(server, { user: 'bob' });

    const { items } = (await must(root.request('GET', '/v1/admin/keys?user=alice'))).json as {
      items: { id: string; parent: string; state: string }[];
    };
    const parentOf = (id: string) => items.find((item) => item.id === id)?.parent;
    expect(children.map(({ id }) => parentOf(id))).toEqual([stolen.id, stolen.id]);
    expect(parentOf(nephew.id)).toBe(sibling.id);

    const ended = await revoke(server.client('alice'), stolen.id);

    expect(ended).toEqual({ id: stolen.id, keys: expect.any(Array) as string[], links: 0 });
    expect(ended.keys).toHaveLength(4);
    expect(ended.keys).toEqual(expect.arrayContaining([...children, grandchild].map(({ id }) => id)));
    for (const key of [stolen, ...children, grandchild]) expect(await stateOf(key)).toBe(401);
    for (const key of [sibling, nephew, foreign]) expect(await stateOf(key)).not.toBe(401);
    expect(await revoke(server.client('alice'), stolen.id)).toEqual({ id: stolen.id, keys: [], links: 0 });
  });

  it('a branch ends alone: what it was made with goes on', async () => {
    const trunk = await issueKey(server, { user: 'alice' });
    const branch = await childOf(trunk);
    const leaf = await childOf(branch);
    // Also by its own hand.
    expect(await revoke(branch.client, branch.id)).toEqual({ id: branch.id, keys: [leaf.id], links: 0 });
    expect([await stateOf(trunk), await stateOf(branch), await stateOf(leaf)]).toEqual([200, 401, 401]);
  });

  it('end the links that it and its keys have made, also one that is half downloaded; those of others do not', async () => {
    const path = `${await freshDirectory(root)}/file`;
    await must(root.put(path, 'content'));
    const stolen = await issueKey(server);
    const child = await childOf(stolen);
    const { token: byKey } = await makeLink(stolen.client, path, { max_uses: 2 });
    const { token: byChild } = await makeLink(child.client, path);
    const spent = await makeLink(child.client, path);
    const { token: byRoot, id: rootLink } = await makeLink(root, path);
    expect([await use(byKey), await use(spent.token)]).toEqual(['200', '200']);
    const { items } = (await must(root.request('GET', '/v1/links?limit=4'))).json as { items: { key_id: string }[] };
    expect(items.map(({ key_id }) => key_id).slice(1)).toEqual([child.id, child.id, stolen.id]);

    // What can give nothing any more is not counted among what ended.
    expect(await revoke(root, stolen.id)).toEqual({ id: stolen.id, keys: [child.id], links: 2 });

    for (const token of [byKey, byChild]) {
      const answer = await download(server.anonymous(), token, {}, { localAddress: newAddress() });
      expect([answer.outcome, answer.json.reason]).toEqual(['410 LINK_GONE', 'revoked']);
    }
    expect(await use(byRoot)).toBe('200');
    expect(rootLink).toMatch(/^[0-9a-f]{32}$/);
  });

  it('the audit has what ended with it', async () => {
    const stolen = await issueKey(server, { user: 'alice' });
    const child = await childOf(stolen);
    await must(root.request('DELETE', `/v1/admin/keys/${stolen.id}`));
    const details = async () => {
      const { items } = (await must(root.request('GET', '/v1/admin/audit?operation=key.revoke'))).json;
      return (items as { detail: string }[]).map(({ detail }) => detail);
    };
    await expect.poll(details, { timeout: 60_000 }).toContain(`${stolen.id}, with 0 links and 1 keys: ${child.id}`);
  });
});

it('A3 a link does not outlive the key that it was made with', async () => {
  const path = `${await freshDirectory(root)}/file`;
  await must(root.put(path, 'content'));
  const { client, id } = await issueKey(server, { expires_in: '1h' });
  const { items } = (await must(client.request('GET', '/v1/keys'))).json as { items: { id: string; expires_at: string }[] };
  const keyEnds = Date.parse(items.find((item) => item.id === id)?.expires_at ?? '');
  expect(Date.parse((await makeLink(client, path, { expiry_seconds: 86_400 })).expires_at)).toBe(keyEnds);
  expect(Date.parse((await makeLink(client, path, { expiry_seconds: 60 })).expires_at)).toBeLessThan(keyEnds);
});

it('A3 links of a user that is removed do not come back with a new one of that name', async () => {
  await must(root.postJson('/v1/admin/users', { name: 'kim' }));
  const { client } = await issueKey(server, { user: 'kim' });
  await must(client.put('/home/kim/file', 'content'));
  const { token } = await makeLink(client, '/home/kim/file');
  await must(root.request('DELETE', '/v1/admin/users/kim'));
  expect(await use(token)).toBe('410 LINK_GONE');
  await must(root.postJson('/v1/admin/users', { name: 'kim' }));
  expect(await use(token)).toBe('410 LINK_GONE');
});
