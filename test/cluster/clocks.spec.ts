import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';
import { download, makeLink, newAddress } from '../support/links';
import { patternBytes } from '../support/random';
import { blobMadeBy } from '../support/storage-root';
import { begun, send, status } from '../uploads/tus-client';
import { lines } from '../upkeep/events';

const HOUR_MS = 3_600_000;
const NUMBERS = [1, 2, 3] as const;
const SOON = { timeout: 60_000, interval: 50 };

/** C7: one node whose clock is right, one an hour ahead, one an hour behind. Their monotonic clocks are as they should be. */
let cluster: TestCluster;
const clockOf = (aheadMs: number) => ({
  NODE_OPTIONS: `--require ${join(__dirname, '../support/clock-ahead.js')}`,
  TEST_CLOCK_AHEAD_MS: String(aheadMs),
});

beforeAll(async () => {
  cluster = await TestCluster.start({
    nodes: 3,
    config: {
      storage: { collect_grace: '10m', upload_expiry: '10m' },
      dlm: { lease_ttl: '60s', acquire_timeout: '1s' },
      rate_limits: { failed_authentication: 'off' },
    },
  });
  await Promise.all([cluster.node(2).restart(clockOf(HOUR_MS)), cluster.node(3).restart(clockOf(-HOUR_MS))]);
});
afterAll(() => cluster?.stop());

const root = (number: number): Client => cluster.node(number).client();
/** Each node with each of the others. */
const PAIRS = NUMBERS.flatMap((from) => NUMBERS.filter((to) => to !== from).map((to) => [from, to] as const));

interface NodeLine {
  readonly instance_id: string;
  readonly state: string;
  readonly heartbeat_at: string;
}

it('all live for each other, and serve each other, whatever their clocks say', async () => {
  const nodes = (await must(root(1).request('GET', '/v1/admin/nodes'))).json.items as NodeLine[];
  const [first = 0, second = 0, third = 0] = nodes.map(({ heartbeat_at }) => Date.parse(heartbeat_at));
  expect(second - first).toBeGreaterThan(HOUR_MS / 2);
  expect(first - third).toBeGreaterThan(HOUR_MS / 2);
  for (const number of NUMBERS) {
    const seen = (await must(root(number).request('GET', '/v1/admin/nodes'))).json.items as NodeLine[];
    expect(seen.map(({ instance_id, state }) => `${instance_id} ${state}`)).toEqual([
      'node-1 alive',
      'node-2 alive',
      'node-3 alive',
    ]);
    await must(root(number).put(`/of-${number}`, patternBytes(number, 100_000)));
  }
  for (const [from, to] of PAIRS) expect((await must(root(to).get(`/of-${from}`))).body).toEqual(patternBytes(from, 100_000));
});

it('a link lives on every node until its expiry, and on none after it', async () => {
  const use = (number: number, token: string) =>
    download(cluster.node(number).anonymous(), token, {}, { localAddress: newAddress() }).then(({ outcome }) => outcome);
  for (const [from, to] of PAIRS) {
    const { token } = await makeLink(root(from), '/of-1', { max_uses: 10 });
    expect(await use(to, token)).toBe('200');
  }
  for (const from of NUMBERS) {
    const { token } = await makeLink(root(from), '/of-1', { expiry_seconds: 1, max_uses: 100_000 });
    await expect.poll(() => use(1, token), SOON).toBe('410 LINK_GONE');
    for (const number of NUMBERS) expect(await use(number, token)).toBe('410 LINK_GONE');
  }
});

it('so does a key', async () => {
  const issue = async (number: number, expires_in: string) =>
    (await must(root(number).postJson('/v1/keys', { name: 'clocks', expires_in }))).json.key as string;
  const use = async (number: number, key: string) => {
    const answer = await cluster
      .node(number)
      .anonymous()
      .request('GET', '/v1/files/', {
        headers: { authorization: `Bearer ${key}` },
      });
    return answer.outcome;
  };
  for (const from of NUMBERS) {
    const key = await issue(from, '10m');
    for (const number of NUMBERS) await expect.poll(() => use(number, key), SOON).toBe('200');
  }
  for (const from of NUMBERS) {
    const key = await issue(from, '1s');
    await expect.poll(() => use(from, key), SOON).toBe('401 AUTHENTICATION_FAILED');
    const { items } = (await must(root(from).request('GET', '/v1/keys'))).json as { items: { state: string }[] };
    expect(items[0]?.state).toBe('expired');
    for (const number of NUMBERS) await expect.poll(() => use(number, key), SOON).toBe('401 AUTHENTICATION_FAILED');
  }
});

it('an upload that was begun on one node goes on at any other', async () => {
  for (const [from, to] of PAIRS) {
    const upload = await begun(root(from), 10, { path: `/uploaded-${from}-${to}` });
    expect((await must(status(root(to), upload))).header('upload-offset')).toBe('0');
    await must(send(root(to), upload, 0, '0123456789'));
    expect((await must(root(from).get(`/uploaded-${from}-${to}`))).text).toBe('0123456789');
  }
});

it('P9 what was replaced is kept for its grace', async () => {
  for (const number of NUMBERS) {
    const path = `/replaced-${number}`;
    const blob = await blobMadeBy(cluster.node(number).dataDir, () => must(root(number).put(path, patternBytes(1, 100_000))));
    await must(root(1).put(path, 'small'));
    expect((await lines(root(number), 'POST', '/v1/admin/gc')).at(-1)).toMatchObject({ blobs: 0, waiting: 1 });
    expect(existsSync(blob)).toBe(true);
  }
});

it.each([
  [2, 'ahead', HOUR_MS],
  [3, 'behind', -HOUR_MS],
])('a lock that node %i holds, whose clock is %s, nobody else gets', async (holder, _, aheadMs) => {
  await cluster.node(holder).restart({ ...clockOf(aheadMs), CALLFS_DEBUG_PAUSE_AT: 'locked' });
  const said = cluster.node(holder).output.length;
  const path = `/locked-${holder}`;
  const write = root(holder).put(path, 'of the holder');
  await cluster.node(holder).waitFor(/paused locked/, said);
  for (const number of NUMBERS.filter((each) => each !== holder))
    expect((await root(number).put(path, 'of another')).outcome).toBe('423 LOCK_TIMEOUT');
  cluster.node(holder).signal('SIGCONT');
  expect((await write).status).toBe(201);
  for (const number of NUMBERS) expect((await must(root(number).get(path))).text).toBe('of the holder');
});
