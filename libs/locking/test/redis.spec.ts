import { randomUUID } from 'node:crypto';
import { LockService, redisClient, RedisLeaseStore, type RedisConnection } from '@callfs/locking';
import { afterAll, beforeAll } from 'vitest';
import { RedisServer } from '../../../test/support/redis';
import { leaseStoreSuite } from '../src/testing/lease-store-suite';
import { lockServiceSuite } from '../src/testing/lock-service-suite';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

const TTL_MS = 15_000;

const connection = (): RedisConnection => ({ addresses: [redis.address], db: 0, tls: false, sentinels: [], cluster: false });

async function openStore(): Promise<RedisLeaseStore> {
  const store = new RedisLeaseStore(redisClient(connection()), { ttlMs: TTL_MS });
  await store.open();
  return store;
}

leaseStoreSuite('redis', {
  open: async () => {
    await redis.client().flushall();
    const stores = [await openStore(), await openStore()] as const;
    // The first claim of an empty Redis is told that others may have been forgotten; these tests are about all others.
    const bootId = randomUUID();
    const first = { id: `${bootId}.0`, names: ['/first'], instanceId: 'first', bootId, operation: '', user: '', requestId: '' };
    await stores[0].acquire(first, false);
    await stores[0].confirm(first, 1);
    await stores[0].release(first);
    return stores;
  },
});

let services: LockService[] = [];
lockServiceSuite('redis', {
  open: async (cell, nodes) => {
    await redis.client().flushall();
    services = await Promise.all(nodes.map(async (options) => new LockService(await openStore(), cell, options)));
    return services;
  },
  close: async () => {
    for (const service of services) await service.close();
  },
});
