import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LockView } from '../../apps/callfs/src/http/admin/lock-view';
import type { Answer, Client } from '../support/client';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';

const TTL_MS = 2_000;

/** The first can be stopped in the middle of a write, under its lock; the second goes on. */
let cluster: TestCluster;
let first: Client;
let second: Client;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2, config: { dlm: { acquire_timeout: '20s' } } });
  first = cluster.node(1).client();
  second = cluster.node(2).client();
});
afterAll(() => cluster?.stop());

/** Begins `write` at the first node, which stops when it has the locks for it. */
async function stopUnderLock(write: () => Promise<Answer>, env: Record<string, string> = {}): Promise<{ late: Promise<Answer> }> {
  const node = cluster.node(1);
  await node.restart({ CALLFS_DEBUG_PAUSE_AT: 'locked', ...env });
  const from = node.output.length;
  const late = write();
  late.catch(() => undefined);
  await node.waitFor(/paused locked/, from);
  return { late };
}

const audited = async (query: string) => {
  const { items } = (await must(second.request('GET', `/v1/admin/audit?since=1h&order=asc&${query}`))).json as {
    items: { instance_id: string; operation: string; path: string; code: string }[];
  };
  return items.map(({ instance_id, operation, path, code }) => `${instance_id} ${operation} ${path} ${code}`);
};

it('L10 a live lock that is cleared by force: its holder changes nothing, the next does, and the audit tells it all', async () => {
  await must(first.put('/cleared', 'before'));
  const { late } = await stopUnderLock(() => first.put('/cleared', 'late'));
  const [lock, ...others] = ((await must(second.request('GET', '/v1/admin/locks?prefix=/cleared'))).json as { items: LockView[] })
    .items;
  expect(others).toEqual([]);
  expect(lock).toMatchObject({ paths: ['/cleared'], instance_id: 'node-1', stale: false });
  const id = lock?.id ?? '';
  expect((await second.request('DELETE', `/v1/admin/locks/${id}`)).json).toMatchObject({ outcome: 'refused' });
  const reason = encodeURIComponent('node-1 hangs');
  const cleared = await must(second.request('DELETE', `/v1/admin/locks/${id}?force=true&reason=${reason}`));
  expect(cleared.json).toMatchObject({ outcome: 'cleared' });
  await must(second.put('/cleared', 'next'));

  cluster.node(1).signal('SIGCONT');
  expect((await late).outcome).toBe('409 STALE_LOCK');
  for (const client of [first, second]) expect((await client.get('/cleared')).text).toBe('next');
  await expect
    .poll(() => audited('path=/cleared'), { timeout: 60_000 })
    .toEqual([
      'node-1 put /cleared OK',
      'node-2 locks.clear /cleared OK',
      'node-2 put /cleared OK',
      'node-1 put /cleared STALE_LOCK',
    ]);
  const { text } = await must(second.request('GET', '/v1/admin/audit?operation=locks.clear&since=1h'));
  expect(text).toContain(`${id} cleared, by force: node-1 hangs`);
  const metrics = (await first.request('GET', '/metrics')).text;
  expect(metrics).toMatch(/^callfs_locks_(lost|fenced)_total [1-9]/m);
});

it('L2 a node that is stopped for two lease times changes nothing when it goes on', async () => {
  await must(second.put('/stopped', 'before'));
  const { late } = await stopUnderLock(() => first.put('/stopped', 'late'), { CALLFS_DLM_LEASE_TTL: `${TTL_MS}ms` });
  const stoppedAt = performance.now();
  // It is alive for all that anybody knows: only its lease can end.
  await must(second.put('/stopped', 'next'));
  const waitedMs = performance.now() - stoppedAt;
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, 2 * TTL_MS - waitedMs)));
  cluster.node(1).signal('SIGCONT');
  expect((await late).outcome).toBe('409 STALE_LOCK');
  for (const client of [first, second]) expect((await client.get('/stopped')).text).toBe('next');
  await cluster.node(1).restart();
});

it('L11 a directory that moves away under a write: the write finds out, whatever it was judged on', async () => {
  const before = (await must(second.put('/moving/file', 'before'))).header('etag') as string;
  const { late } = await stopUnderLock(() => first.put('/moving/file', 'late', { 'if-match': before }));
  await must(second.move('/moving', '/moved'));
  cluster.node(1).signal('SIGCONT');
  expect((await late).outcome).toBe('412 PRECONDITION_FAILED');
  expect((await second.get('/moved/file')).text).toBe('before');
  expect((await second.get('/moving/file')).status).toBe(404);
  await cluster.node(1).restart();
});
