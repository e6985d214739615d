import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../support/fixture';
import { RedisServer } from '../support/redis';
import { startServer, type ServerOptions, type TestServer } from '../support/server';
import { storedFiles } from '../support/storage-root';

const TTL_MS = 2_000;

let redis: RedisServer;
const nodes: TestServer[] = [];

/** Nodes with metadata of their own: what they have in common here are the names of their locks. */
async function startNode(id: string, more: ServerOptions['env'] = {}, ttl = `${TTL_MS}ms`): Promise<TestServer> {
  const dlm = { type: 'redis', redis_addr: redis.address, lease_ttl: ttl, acquire_timeout: '10s' };
  const server = await startServer({ config: { dlm, instance_discovery: { instance_id: id } }, env: more });
  nodes.push(server);
  return server;
}

beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(async () => {
  for (const node of nodes) await node.remove();
  await redis.stop();
});

describe('a node whose locks are in Redis', () => {
  let node: TestServer;
  beforeAll(async () => {
    node = await startNode('node-a');
  });

  it('writes, renames and removes, and leaves no lock', async () => {
    const client = node.client();
    await must(client.put('/a/f', 'one'));
    await must(client.move('/a/f', '/a/g'));
    await must(client.delete('/a', { recursive: true }));
    expect(await redis.client().keys('callfs:lock:*')).toEqual([]);
    expect(await redis.client().zcard('callfs:locks:held')).toBe(0);
    const ready = (await client.request('GET', '/health/ready')).json as { checks: { locks: { status: string } } };
    expect(ready.checks.locks.status).toBe('up');
  });

  it('waits for a key that somebody planted, and goes on when it is deleted by hand', async () => {
    const looking = redis.client();
    await looking.set('callfs:lock:/planted', 'by hand');
    const waiting = node.client().put('/planted', 'content');
    const asked = async () => (await looking.exists('callfs:locks:queue:/planted')) === 1;
    while (!(await asked())) await new Promise(setImmediate);
    // As the user's guide has it.
    expect(await looking.keys('callfs:lock:/planted')).toEqual(['callfs:lock:/planted']);
    await looking.del('callfs:lock:/planted');
    expect((await waiting).status).toBe(201);
  });

  it('D4 keeps nothing of an upload whose client goes away while it waits for its lock', async () => {
    const looking = redis.client();
    await looking.set('callfs:lock:/left', 'by hand');
    const leaving = new AbortController();
    const body = Buffer.alloc(100_000, 'x');
    const sent = node.client().request('PUT', '/v1/files/left', { body, signal: leaving.signal });
    const queued = async () => looking.exists('callfs:locks:queue:/left');
    await expect.poll(queued, { timeout: 60_000, interval: 5 }).toBe(1);
    expect((await storedFiles(node.dataDir)).blobs).toHaveLength(1);
    leaving.abort();
    await expect(sent).rejects.toThrow();
    await expect.poll(() => storedFiles(node.dataDir), { timeout: 60_000, interval: 5 }).toEqual({ blobs: [], staging: [] });
    await looking.del('callfs:lock:/left');
  });

  it('N5 answers 503 while Redis is away, reads on, and comes back by itself', async () => {
    const client = node.client();
    await must(client.put('/kept', 'content'));
    await redis.kill();
    expect((await client.put('/kept', 'other')).outcome).toBe('503 LOCKS_UNAVAILABLE');
    expect((await client.get('/kept')).text).toBe('content');
    const ready = (await client.request('GET', '/health/ready')).json as { status: string };
    expect(ready.status).toBe('degraded');
    await redis.restart();
    while ((await client.put('/kept', 'new')).status === 503);
    expect((await client.get('/kept')).text).toBe('new');
  });

  it('N5 answers 503 in bounded time while Redis is silent', async () => {
    const client = node.client();
    redis.signal('SIGSTOP');
    try {
      const startMs = performance.now();
      expect((await client.put('/kept', 'other')).outcome).toBe('503 LOCKS_UNAVAILABLE');
      expect(performance.now() - startMs).toBeLessThan(8_000);
      expect((await client.get('/kept')).text).toBe('new');
    } finally {
      redis.signal('SIGCONT');
    }
    while ((await client.put('/kept', 'newer')).status === 503);
  });

  it('N5 gives back what Redis grants to a request that is over, and waits for no lease to end', async () => {
    const patient = await startNode('node-p', {}, '10m');
    const client = patient.client();
    for (const path of ['/late', '/later']) {
      redis.signal('SIGSTOP');
      try {
        expect((await client.put(path, 'refused')).outcome).toBe('503 LOCKS_UNAVAILABLE');
      } finally {
        redis.signal('SIGCONT');
      }
      let answer = await client.put(path, 'taken');
      while (answer.status === 503) answer = await client.put(path, 'taken');
      expect(answer.status).toBe(201);
    }
    expect(await redis.client().keys('callfs:lock:*')).toEqual([]);
    expect(await redis.client().keys('callfs:locks:queue:*')).toEqual([]);
  });

  it('N5 also after a silence that is longer than a lease: Redis grants what waited for it as if it had come now', async () => {
    const leaseMs = 4_000;
    const impatient = await startNode('node-i', { CALLFS_DLM_ACQUIRE_TIMEOUT: '1s' }, `${leaseMs}ms`);
    const put = () => impatient.client().put('/granted', 'content');
    await must(put());
    redis.signal('SIGSTOP');
    const silentUntilMs = performance.now() + leaseMs + 2_500;
    try {
      do expect((await put()).outcome).toBe('503 LOCKS_UNAVAILABLE');
      while (performance.now() < silentUntilMs);
    } finally {
      redis.signal('SIGCONT');
    }
    let answer = await put();
    while (answer.status === 503) answer = await put();
    expect(answer.outcome).toBe('200');
  });
});

describe('L6 kill -9 of a holder', () => {
  /** A write that stopped under its lock, in a process that is killed. */
  async function die(node: TestServer, path: string, env: Record<string, string> = {}): Promise<void> {
    await node.restart({ CALLFS_DEBUG_PAUSE_AT: 'locked', ...env });
    const from = node.output.length;
    const cut = node
      .client()
      .put(path, 'lost')
      .catch(() => undefined);
    await node.waitFor(/paused locked/, from);
    await node.kill();
    await cut;
  }

  it('hangs nobody: a waiter has the lock within a lease', async () => {
    const [dying, other] = [await startNode('node-b'), await startNode('node-c')];
    await die(dying, '/left');
    expect((await other.client().put('/left', 'mine')).status).toBe(201);
    const metrics = (await other.client().request('GET', '/metrics')).text;
    expect(metrics).toMatch(/^callfs_locks_stale_reclaimed_total 1$/m);
  });

  it('has its locks taken back at once when the node restarts', async () => {
    const node = nodes.at(-2) as TestServer;
    await node.start();
    // It does not end by itself.
    await die(node, '/back', { CALLFS_DLM_LEASE_TTL: '1h' });
    expect(await redis.client().hget('callfs:lock:/back', 'instance')).toBe('node-b');
    await node.start();
    expect(await redis.client().exists('callfs:lock:/back')).toBe(0);
    expect((await node.client().put('/back', 'again')).status).toBe(201);
  });
});
