import { setTimeout as delay } from 'node:timers/promises';
import { CallfsError } from '@callfs/core';
import { LockService, redisClient, RedisLeaseStore, type HeldLock, type LockOptions } from '@callfs/locking';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisSentinel } from '../../../test/support/redis-sentinel';
import { FencedCell } from '../src/testing/fenced-cell';
import { Gate } from '../src/testing/gate';

const PURPOSE: LockOptions = { operation: 'put', user: 'alice', requestId: 'request-1' };

let redis: RedisSentinel;
let cell: FencedCell;
const opened: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  redis = await RedisSentinel.start();
  cell = new FencedCell();
});
afterEach(async () => {
  redis.master.signal('SIGCONT');
  for (const each of opened.splice(0)) await each.close();
  await redis.stop();
});

async function openNode(instanceId: string) {
  const sentinels = [redis.sentinel.address];
  const client = redisClient({ addresses: [], db: 0, tls: false, sentinels, sentinelMaster: 'mymaster', cluster: false });
  const store = new RedisLeaseStore(client, { ttlMs: 15_000 });
  await store.open();
  const locks = new LockService(store, cell, { instanceId, acquireTimeoutMs: 20_000 });
  opened.push(locks);
  return { locks, client };
}

/** Holds `name` until it is told to let go. */
async function hold(locks: LockService, name: string) {
  const [entered, release] = [new Gate<HeldLock>(), new Gate()];
  const work = async (lock: HeldLock) => {
    entered.open(lock);
    await release.opened;
  };
  const done = locks.withLock([name], work, PURPOSE);
  done.catch(() => undefined);
  const lock = await Promise.race([entered.opened, done.then(() => Promise.reject(new Error('not held')))]);
  return { lock, end: () => (release.open(), done) };
}

/** Tries until Redis is there again: it answers in bounded time that it is not. */
async function commit(locks: LockService, value: string, name: string): Promise<void> {
  for (;;) {
    try {
      return await locks.withLock([name], async (lock) => cell.commit(value, lock), PURPOSE);
    } catch (error) {
      if (!CallfsError.is(error, 'LOCKS_UNAVAILABLE')) throw error;
      await delay(50);
    }
  }
}

const codeOf = (work: () => unknown): unknown => {
  try {
    work();
    return 'done';
  } catch (error) {
    return error instanceof CallfsError ? error.code : error;
  }
};

describe('locks behind Sentinel', () => {
  it('fail over with a master that dies: what the replica had not heard of is refused at its commit', async () => {
    const [a, b] = [await openNode('a'), await openNode('b')];
    await commit(a.locks, 'first', '/warm');
    redis.replica.signal('SIGSTOP');
    await redis.master.client().client('KILL', 'TYPE', 'replica');
    const held = await hold(a.locks, '/f');
    await redis.master.kill();
    redis.replica.signal('SIGCONT');
    await redis.promoted(redis.replica);
    await commit(b.locks, 'b', '/f');
    expect(codeOf(() => cell.commit('a', held.lock))).toBe('STALE_LOCK');
    await held.end();
    await commit(a.locks, 'a again', '/f');
    expect(cell.commits).toEqual(['first', 'b', 'a again']);
  });

  it('fail over with what the replica had heard of: still one holder, and one commit', async () => {
    const [a, b] = [await openNode('a'), await openNode('b')];
    await commit(a.locks, 'first', '/warm');
    const held = await hold(a.locks, '/f');
    expect(await redis.master.client().wait(1, 10_000)).toBe(1);
    await redis.master.kill();
    await redis.promoted(redis.replica);
    // Any use notices that it is another Redis, and what was held before cannot be trusted any more.
    await commit(b.locks, 'b on g', '/g');
    await expect(b.locks.withLock(['/f'], async () => undefined, { ...PURPOSE, waitMs: 0 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
    expect(codeOf(() => cell.commit('a', held.lock))).toBe('STALE_LOCK');
    await held.end();
    await commit(b.locks, 'b on f', '/f');
    expect(cell.commits).toEqual(['first', 'b on g', 'b on f']);
  });

  it('leave a master that was stopped and goes on as if nothing were: nobody gets a lock from it', async () => {
    const [a, b] = [await openNode('a'), await openNode('b')];
    await commit(a.locks, 'a', '/warm');
    const moved = new Promise((resolve) => a.client.once('ready', resolve));
    redis.master.signal('SIGSTOP');
    await redis.promoted(redis.replica);
    const held = await holdLater(b.locks, '/f');
    // It has asked nothing meanwhile: it hears of the failover from the sentinel.
    await moved;
    redis.master.signal('SIGCONT');
    await expect(a.locks.withLock(['/f'], async () => undefined, { ...PURPOSE, waitMs: 0 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
    cell.commit('b', held.lock);
    await held.end();
    await commit(a.locks, 'a', '/f');
    expect(cell.commits).toEqual(['a', 'b', 'a']);
  });
});

/** Holds `name` as soon as Redis is there again. */
async function holdLater(locks: LockService, name: string) {
  for (;;) {
    try {
      return await hold(locks, name);
    } catch (error) {
      if (!CallfsError.is(error, 'LOCKS_UNAVAILABLE')) throw error;
      await delay(50);
    }
  }
}
