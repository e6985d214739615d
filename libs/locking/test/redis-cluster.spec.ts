import type { CallfsError } from '@callfs/core';
import { LockService, redisClient, RedisLeaseStore, type HeldLock, type LockOptions } from '@callfs/locking';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisCluster } from '../../../test/support/redis-cluster';
import { slotOf, tagOf } from '../src/redis/cluster-slots';
import { listed, TestNode } from '../src/testing/claims';
import { FencedCell } from '../src/testing/fenced-cell';
import { Gate } from '../src/testing/gate';

const PURPOSE: LockOptions = { operation: 'put', user: 'alice', requestId: 'request-1', waitMs: 100_000 };
const LAST_SLOT = 16_383;

let redis: RedisCluster;
const cell = new FencedCell();
const nodes: LockService[] = [];
const stores: RedisLeaseStore[] = [];

beforeAll(async () => {
  redis = await RedisCluster.start();
  for (const instanceId of ['a', 'b']) {
    const connection = { addresses: redis.addresses, db: 0, tls: false, sentinels: [], cluster: true };
    const store = new RedisLeaseStore(redisClient(connection), { ttlMs: 15_000 });
    await store.open();
    stores.push(store);
    nodes.push(new LockService(store, cell, { instanceId, acquireTimeoutMs: 20_000 }));
  }
});
afterAll(async () => {
  for (const node of nodes) await node.close();
  await redis?.stop();
});

/** Of all masters. */
const lockKeys = async () => (await Promise.all(redis.masters.map((master) => master.client().keys('callfs:lock:*')))).flat();
/** The master with the lock of a path, and whether it is the one that has a replica. */
const masterOf = (path: string) => redis.masterOf(slotOf(`callfs:lock:${path}`));
const isLast = (path: string) => masterOf(path) === redis.masters.at(-1);
const paths = Array.from({ length: 100 }, (_, i) => `/path-${i}`);

const commit = async (node: LockService | undefined, value: string, ...names: string[]) =>
  node?.withLock(names, async (lock) => cell.commit(value, lock), PURPOSE);

describe('slots', () => {
  it('are those of Redis', async () => {
    for (const key of ['a', 'callfs:lock:/x', 'callfs:lock:/{a}b', 'callfs:lock:/{}b', 'callfs:lock:/a}{b', '/é{ü}', '{{a}}'])
      expect([key, slotOf(key)]).toEqual([key, await redis.masters[0]?.client().call('CLUSTER', 'KEYSLOT', key)]);
    for (const slot of [0, 1, 5_000, LAST_SLOT]) expect(slotOf(`x{${tagOf(slot)}}y`)).toBe(slot);
  });
});

describe('locks on a Redis Cluster', () => {
  it('L8 names in several slots are taken together, in opposite order, without a deadlock', async () => {
    expect(masterOf('/a')).not.toBe(masterOf('/b'));
    // The fences of a slot are raised when it is first used, which may cost a commit under way.
    await commit(nodes[0], 'first', '/a', '/b');
    const pairs = Array.from({ length: 200 }, (_, index) =>
      commit(nodes[index % 2], 'done', ...(index % 4 < 2 ? ['/a', '/b'] : ['/b', '/a'])),
    );
    await Promise.all(pairs);
    expect(cell.commits).toHaveLength(201);
    expect(await lockKeys()).toEqual([]);
  });

  it('takes all or none when it does not wait', async () => {
    const [store] = stores as [RedisLeaseStore];
    const node = new TestNode('x');
    const inOrder = ['/a', '/b'].sort((one, other) => slotOf(`callfs:lock:${one}`) - slotOf(`callfs:lock:${other}`));
    await nodes[0]?.withLock(
      [inOrder[1] ?? ''],
      async () => {
        expect(await store.acquire(node.claim('/a', '/b'), false)).toMatchObject({ granted: false, name: inOrder[1] });
        expect((await listed(store)).flatMap(({ names }) => names)).toEqual([inOrder[1]]);
      },
      PURPOSE,
    );
  });

  it('are listed and cleared, with those of others', async () => {
    await masterOf('/c/planted').client().set('callfs:lock:/c/planted', 'by hand');
    await nodes[0]?.withLock(
      ['/c/one', '/c/two', '/d'],
      async (lock) => {
        const found = (await nodes[1]?.admin.list({ prefix: '/c' })) ?? [];
        expect(found.flatMap(({ names }) => [...names]).sort()).toEqual(['/c/one', '/c/planted', '/c/two', '/d']);
        const cleared = await nodes[1]?.admin.clearAll(
          found.map(({ id }) => id),
          { force: true, reason: 'test' },
        );
        expect(cleared?.map(({ outcome }) => outcome)).toEqual(['cleared', 'cleared']);
        expect(() => cell.commit('late', lock)).toThrow('was lost');
      },
      PURPOSE,
    );
    expect(await lockKeys()).toEqual([]);
  });

  it('wake a waiter on another node, whichever master has the lock', async () => {
    for (const path of ['/w/one', '/w/two', '/w/three', '/w/four']) {
      const [entered, release] = [new Gate(), new Gate()];
      const work = async () => {
        entered.open();
        await release.opened;
      };
      const held = nodes[0]?.withLock([path], work, PURPOSE);
      await entered.opened;
      const waiting = commit(nodes[1], 'woken', path);
      await expect
        .poll(
          async () =>
            masterOf(path)
              .client()
              .exists(`callfs:locks:{${tagOf(slotOf(`callfs:lock:${path}`))}}:queue:${path}`),
          { timeout: 60_000, interval: 20 },
        )
        .toBe(1);
      release.open();
      await held;
      await waiting;
    }
  });

  it('are lost with a master that dies, and refused at their commit; the others go on; its replica takes over', async () => {
    const [dying, living] = [paths.find(isLast) ?? '', paths.find((path) => !isLast(path)) ?? ''];
    await commit(nodes[0], 'before', dying, living);
    const [entered, release] = [new Gate<HeldLock>(), new Gate()];
    const held = nodes[0]?.withLock(
      [dying],
      async (lock) => {
        entered.open(lock);
        await release.opened;
      },
      PURPOSE,
    );
    const lock = await entered.opened;
    const survivor = masterOf(living).client();
    const connections = async () => String(await survivor.client('LIST')).match(/^id=\d+/gm) ?? [];
    const before = await connections();
    // Until it is let go on, nobody takes over.
    redis.replica.signal('SIGSTOP');
    redis.masters.at(-1)?.signal('SIGSTOP');
    await expect(commit(nodes[1], 'no', dying)).rejects.toMatchObject({ code: 'LOCKS_UNAVAILABLE' });
    await commit(nodes[1], 'goes on', living);
    // The connections to the others are not given up for the one that is silent.
    expect(await connections()).toEqual(expect.arrayContaining(before));
    await redis.masters.at(-1)?.kill();
    const startMs = performance.now();
    await expect(commit(nodes[1], 'no', dying, living)).rejects.toMatchObject({ code: 'LOCKS_UNAVAILABLE' });
    expect(performance.now() - startMs).toBeLessThan(8_000);
    await commit(nodes[1], 'still goes on', living);
    redis.replica.signal('SIGCONT');
    await redis.promoted();
    const again = async () =>
      commit(nodes[1], 'again', paths.filter(isLast)[1] ?? '').then(
        () => 'done',
        ({ code }: CallfsError) => code,
      );
    await expect.poll(again, { timeout: 60_000 }).toBe('done');
    // Its epoch is that of a slot: whoever comes to the lock itself next overtakes it.
    await nodes[1]?.admin.clearAll(
      (await nodes[1].admin.list({ prefix: dying })).map(({ id }) => id),
      { force: true, reason: 'test' },
    );
    await commit(nodes[1], 'next', dying);
    expect(() => cell.commit('late', lock)).toThrow('was lost');
    release.open();
    await held;
    expect(cell.commits.slice(-5)).toEqual(['before', 'goes on', 'still goes on', 'again', 'next']);
  });
});
