import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CallfsError } from '@callfs/core';
import {
  LockService,
  redisClient,
  RedisLeaseStore,
  type HeldLock,
  type LockOptions,
  type LockServiceOptions,
} from '@callfs/locking';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../test/support/redis';
import { SeverableLine } from '../../../test/support/severable-line';
import { busy, granted, listed, queued, TestNode } from '../src/testing/claims';
import { FencedCell } from '../src/testing/fenced-cell';
import { Gate } from '../src/testing/gate';

const TTL_MS = 1_500;
const PURPOSE: LockOptions = { operation: 'put', user: 'alice', requestId: 'request-1' };

let redis: RedisServer;
let cell: FencedCell;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  redis = await RedisServer.start();
});
beforeEach(async () => {
  await redis.client().flushall();
  cell = new FencedCell();
});
afterEach(async () => {
  redis.signal('SIGCONT');
  for (const each of opened.splice(0)) await each.close();
});
afterAll(() => redis.stop());

async function openStore(port = redis.port, timeoutMs?: number): Promise<RedisLeaseStore> {
  const connection = { addresses: [`127.0.0.1:${port}`], db: 0, tls: false, sentinels: [], cluster: false };
  const store = new RedisLeaseStore(redisClient(connection), { ttlMs: TTL_MS, timeoutMs });
  opened.push(store);
  await store.open();
  return store;
}

async function openNode(instanceId: string, options: Partial<LockServiceOptions> = {}, port = redis.port): Promise<LockService> {
  const locks = new LockService(await openStore(port), cell, { instanceId, acquireTimeoutMs: 100_000, ...options });
  opened.push(locks);
  return locks;
}

/** Holds `names` until it is told to let go. */
async function hold(locks: LockService, ...names: string[]) {
  const [entered, release] = [new Gate<HeldLock>(), new Gate()];
  const work = async (lock: HeldLock) => {
    entered.open(lock);
    await release.opened;
  };
  const done = locks.withLock(names, work, PURPOSE);
  done.catch(() => undefined);
  return {
    lock: await Promise.race([entered.opened, done.then(() => Promise.reject(new Error('not held')))]),
    release: release.open,
    done,
  };
}

const commit = (locks: LockService, value: string, ...names: string[]) =>
  locks.withLock(names, async (lock) => cell.commit(value, lock), PURPOSE);
const codeOf = (work: () => unknown): unknown => {
  try {
    work();
    return 'done';
  } catch (error) {
    return error instanceof CallfsError ? error.code : error;
  }
};
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: CallfsError) => error.code,
  );

describe('a lease', () => {
  it('L1 that is renewed for three lease times has no second holder', async () => {
    const [a, b] = [await openNode('a'), await openNode('b')];
    const held = await hold(a, '/f');
    expect(await failure(b.withLock(['/f'], async () => undefined, { ...PURPOSE, waitMs: 3 * TTL_MS }))).toBe('LOCK_TIMEOUT');
    held.lock.throwIfLost();
    held.release();
    await held.done;
    await commit(b, 'b', '/f');
  });

  it('L2 of a holder that is stopped for two lease times: it knows, its commit is refused, the other stands', async () => {
    const fence = await cell.nextFence();
    const script = join(__dirname, 'stopped-holder.mjs');
    const locking = join(__dirname, '../../../dist/libs/locking/src/index.js');
    const child = spawn(process.execPath, [script, locking, String(redis.port), String(TTL_MS), '/f', String(fence)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const guard = JSON.parse((await lines.next()).value as string) as HeldLock['guard'];
      child.kill('SIGSTOP');
      const b = await openNode('b');
      await commit(b, 'b', '/f');
      // What it had on its way when it was stopped arrives now.
      expect(codeOf(() => cell.commit('late', { guard }))).toBe('STALE_LOCK');
      await new Promise((resolve) => setTimeout(resolve, TTL_MS));
      child.kill('SIGCONT');
      child.stdin.write('go on\n');
      expect((await lines.next()).value).toBe('STALE_LOCK');
      expect(cell.commits).toEqual(['b']);
      await exited;
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('L3 whose holder alone is cut off from Redis is given up before another can have it', async () => {
    const line = await SeverableLine.to(redis.port);
    try {
      const [a, b] = [await openNode('a', {}, line.port), await openNode('b')];
      const held = await hold(a, '/f');
      const order: string[] = [];
      held.lock.signal.addEventListener('abort', () => order.push('a gave up'));
      line.cut();
      await b.withLock(['/f'], async (lock) => void (order.push('b has it'), cell.commit('b', lock)), PURPOSE);
      expect(order).toEqual(['a gave up', 'b has it']);
      expect(codeOf(() => cell.commit('a', held.lock))).toBe('STALE_LOCK');
      line.mend();
      held.release();
      await held.done;
    } finally {
      await line.stop();
    }
  });

  it('that somebody deletes by hand is lost: its holder never commits after the next', async () => {
    const [a, b] = [await openNode('a'), await openNode('b')];
    const held = await hold(a, '/f');
    await redis.client().del('callfs:lock:/f');
    await commit(b, 'b', '/f');
    expect(codeOf(() => cell.commit('a', held.lock))).toBe('STALE_LOCK');
    expect(cell.commits).toEqual(['b']);
    held.release();
    await held.done;
  });
});

describe('a Redis that forgets', () => {
  it.each([
    ['is flushed', () => redis.client().flushall()],
    ['is restarted', () => redis.restart()],
  ])('L4 everything when it %s: at most one commit, whoever takes which lock first', async (_, forget) => {
    const [a, b] = [await openNode('a'), await openNode('b')];
    const [f, g] = [await hold(a, '/f'), await hold(a, '/g')];
    await forget();
    await commit(b, 'b on f', '/f');
    await commit(b, 'b on g', '/g');
    expect(codeOf(() => cell.commit('a', f.lock))).toBe('STALE_LOCK');
    expect(codeOf(() => cell.commit('a', g.lock))).toBe('STALE_LOCK');
    expect(cell.commits).toEqual(['b on f', 'b on g']);
    f.release();
    g.release();
    await Promise.all([f.done, g.done]);
    // From then on nothing is special.
    const { raises } = cell;
    for (const node of [a, b, a]) await commit(node, 'later', '/f');
    expect(cell.raises).toBe(raises);
  });

  it('is noticed also when the first who notices dies of it', async () => {
    const [a, b] = [await openNode('a'), await openStore()];
    const held = await hold(a, '/g');
    await redis.client().flushall();
    const node = new TestNode('b');
    const first = node.claim('/f');
    expect((await granted(b, first)).overtaken).toEqual(['*']);
    // Others wait for it to raise the fences, but not for ever.
    const second = node.claim('/h');
    expect(await busy(b, second, true)).toMatchObject({ name: '/h', holder: undefined });
    expect((await queued(b, second)).overtaken).toEqual(['*']);
    await b.confirm(second, await cell.nextFence());
    expect((await granted(b, node.claim('/i'))).overtaken).toEqual([]);
    held.release();
    await held.done;
  });

  it('scripts alone goes on', async () => {
    const a = await openNode('a');
    await commit(a, 'one', '/f');
    await redis.client().script('FLUSH');
    await commit(a, 'two', '/f');
    expect(cell.commits).toEqual(['one', 'two']);
  });
});

describe('a grant that its claimant never heard of', () => {
  it('leaves the next one knowing whom it overtakes', async () => {
    const store = await openStore();
    const node = new TestNode('a');
    const warm = node.claim('/warm');
    await granted(store, warm);
    await store.confirm(warm, 1);
    await granted(store, node.claim('/f'));
    await redis.client().del('callfs:lock:/f');
    const unheard = node.claim('/f');
    expect((await granted(store, unheard)).overtaken).toEqual(['/f']);
    // Asked again it says the same, and given up without a raised fence it changes nothing.
    expect((await granted(store, unheard)).overtaken).toEqual(['/f']);
    await store.leave(unheard);
    expect(await granted(store, node.claim('/f'))).toMatchObject({ overtaken: ['/f'], reclaimed: 1 });
  });
});

describe('a queue', () => {
  it('is not held up by those who died waiting', async () => {
    const store = await openStore();
    const node = new TestNode('a');
    const [held, dead, next] = [node.claim('/f'), node.claim('/f'), node.claim('/f')];
    await granted(store, held);
    await busy(store, dead, true);
    const waiting = queued(store, next);
    await store.release(held);
    expect((await waiting).granted).toBe(true);
    expect(await redis.client().exists('callfs:locks:queue:/f', `callfs:locks:waiter:${dead.id}`)).toBe(0);
  });
});

describe('a Redis that is away', () => {
  it('is told in bounded time, waits for nobody, and comes back', async () => {
    const store = await openStore(redis.port, 1_500);
    const claim = new TestNode('a').claim('/f');
    redis.signal('SIGSTOP');
    const startMs = performance.now();
    expect(await failure(Promise.resolve(store.acquire(claim, true)))).toBe('LOCKS_UNAVAILABLE');
    expect(await failure(store.ping())).toBe('LOCKS_UNAVAILABLE');
    expect(performance.now() - startMs).toBeLessThan(10_000);
    redis.signal('SIGCONT');
    while ((await failure(store.ping())) !== 'done');
    await granted(store, claim);
  });

  it('is not what this process had no time to listen to', async () => {
    const store = await openStore(redis.port, 1_000);
    const asked = store.ping();
    // It is on its way, and nothing was read yet.
    for (let step = 0; step < 20; step++) await new Promise<void>((done) => process.nextTick(done));
    // Longer than an answer may take, which comes meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
    await asked;
  });
});

describe('what CallFS did not write', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['a text', () => redis.client().set('callfs:lock:/x/f', 'stuck')],
    ['a list', () => redis.client().rpush('callfs:lock:/x/f', 'stuck')],
    ['a hash of its own', () => redis.client().hset('callfs:lock:/x/f', 'id', 'stuck')],
  ])('blocks, is told to be foreign and stale, and is cleared: %s', async (_, plant) => {
    await plant();
    const a = await openNode('a');
    expect(await failure(a.withLock(['/x/f'], async () => undefined, { ...PURPOSE, waitMs: 0 }))).toBe('LOCK_TIMEOUT');
    expect(await a.admin.list({ prefix: '/xy' })).toEqual([]);
    const [lock, ...others] = await a.admin.list({ prefix: '/x' });
    expect(others).toEqual([]);
    expect(lock).toMatchObject({ names: ['/x/f'], foreign: true, stale: true, remainingMs: null });
    expect(await a.admin.check()).toMatchObject({ leases: 1, stale: 1, foreign: 1 });
    expect(await a.admin.clear(lock?.id ?? '')).toMatchObject({ outcome: 'cleared' });
    await commit(a, 'a', '/x/f');
  });

  it('is not cleared when it is something else by now, and not stale while it ends by itself', async () => {
    const looking = redis.client();
    await looking.set('callfs:lock:/f', 'one', 'PX', 60_000);
    const store = await openStore();
    const [lease] = await listed(store);
    if (!lease) throw new Error('nothing listed');
    expect(lease.remainingMs).toBeGreaterThan(0);
    const a = await openNode('a');
    expect(await a.admin.list({ stale: true })).toEqual([]);
    await looking.set('callfs:lock:/f', 'two');
    expect(await store.clear([lease], { upTo: 1, floor: 1 })).toEqual(['changed']);
  });
});

describe('L6 the leases of a node that is gone', () => {
  it('are taken at once when its registration says so, also while somebody waits', async () => {
    const dead = await openNode('dead');
    await hold(dead, '/f');
    await redis.client().persist('callfs:lock:/f');
    const other = await openNode('other', { isNodeAlive: async (instanceId) => instanceId !== 'dead' });
    expect(await other.admin.list({ stale: true })).toMatchObject([{ names: ['/f'], stale: true }]);
    await commit(other, 'other', '/f');
  });

  it('are taken back by its next run', async () => {
    const before = await openNode('a');
    const { lock } = await hold(before, '/f', '/g');
    const after = await openNode('a');
    await after.start();
    expect(await redis.client().keys('callfs:lock:*')).toEqual([]);
    await commit(after, 'after', '/f');
    expect(codeOf(() => cell.commit('before', lock))).toBe('STALE_LOCK');
  });
});

describe('L10 a live lock that another node clears by force', () => {
  it('is told to its holder, whose commit fails, also one that was on its way', async () => {
    const [a, b] = [await openNode('a'), await openNode('b')];
    const held = await hold(a, '/f');
    const { guard } = held.lock;
    const aborted = once(held.lock.signal, 'abort');
    const [lock] = await b.admin.list({ prefix: '/f' });
    expect(await b.admin.clear(lock?.id ?? '')).toMatchObject({ outcome: 'refused' });
    expect(await b.admin.clear(lock?.id ?? '', { force: true, reason: 'stuck' })).toMatchObject({ outcome: 'cleared' });
    expect(codeOf(() => cell.commit('late', { guard }))).toBe('STALE_LOCK');
    await aborted;
    expect(codeOf(() => held.lock.throwIfLost())).toBe('STALE_LOCK');
    await commit(b, 'b', '/f');
    held.release();
    await held.done;
  });
});

describe('L8 two nodes', () => {
  it('take pairs in opposite order, a thousand times, without a deadlock', async () => {
    const nodes = [await openNode('a'), await openNode('b')];
    const pairs = Array.from({ length: 1_000 }, (_, index) => {
      const names = index % 4 < 2 ? ['/a', '/b'] : ['/b', '/a'];
      return commit(nodes[index % 2] as LockService, 'done', ...names);
    });
    await Promise.all(pairs);
    expect(cell.commits).toHaveLength(1_000);
  });
});
