import { LockService, redisClient, RedisLeaseStore, type LockOptions } from '@callfs/locking';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../test/support/redis';
import { slotOf, tagOf } from '../src/redis/cluster-slots';
import { listed, TestNode } from '../src/testing/claims';
import { FencedCell } from '../src/testing/fenced-cell';

const PURPOSE: LockOptions = { operation: 'put', user: 'alice', requestId: 'request-1', waitMs: 25_000 };
const LAST_SLOT = 16_383;

let redis: RedisServer;
const cell = new FencedCell();
const nodes: LockService[] = [];
const stores: RedisLeaseStore[] = [];

beforeAll(async () => {
  redis = await RedisServer.start({ config: ['cluster-enabled yes', 'cluster-announce-ip 127.0.0.1'] });
  const client = redis.client();
  await client.call('CLUSTER', 'ADDSLOTSRANGE', 0, LAST_SLOT);
  while (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  for (const instanceId of ['a', 'b']) {
    const connection = { addresses: [redis.address], db: 0, tls: false, sentinels: [], cluster: true };
    const store = new RedisLeaseStore(redisClient(connection), { ttlMs: 15_000 });
    await store.open();
    stores.push(store);
    nodes.push(new LockService(store, cell, { instanceId, acquireTimeoutMs: 20_000 }));
  }
});
afterAll(async () => {
  for (const node of nodes) await node.close();
  await redis.stop();
});

const commit = async (node: LockService | undefined, value: string, ...names: string[]) =>
  node?.withLock(names, async (lock) => cell.commit(value, lock), PURPOSE);

describe('slots', () => {
  it('are those of Redis', async () => {
    for (const key of ['a', 'callfs:lock:/x', 'callfs:lock:/{a}b', 'callfs:lock:/{}b', 'callfs:lock:/a}{b', '/é{ü}', '{{a}}'])
      expect([key, slotOf(key)]).toEqual([key, await redis.client().call('CLUSTER', 'KEYSLOT', key)]);
    for (const slot of [0, 1, 5_000, LAST_SLOT]) expect(slotOf(`x{${tagOf(slot)}}y`)).toBe(slot);
  });
});

describe('locks on a Redis Cluster', () => {
  it('L8 names in several slots are taken together, in opposite order, without a deadlock', async () => {
    expect(slotOf('callfs:lock:/a')).not.toBe(slotOf('callfs:lock:/b'));
    // The fences of a slot are raised when it is first used, which may cost a commit under way.
    await commit(nodes[0], 'first', '/a', '/b');
    const pairs = Array.from({ length: 200 }, (_, index) =>
      commit(nodes[index % 2], 'done', ...(index % 4 < 2 ? ['/a', '/b'] : ['/b', '/a'])),
    );
    await Promise.all(pairs);
    expect(cell.commits).toHaveLength(201);
    expect(await redis.client().keys('callfs:lock:*')).toEqual([]);
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
    await redis.client().set('callfs:lock:/c/planted', 'by hand');
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
    expect(await redis.client().keys('callfs:lock:*')).toEqual([]);
  });
});
