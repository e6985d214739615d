// A process that holds a lock until it is told, on stdin, to say whether it still believes in it. Arguments: where
// @callfs/locking is, the port of Redis, the time to live, the name, the fence that it is given.
import { createRequire } from 'node:module';
import { once } from 'node:events';

const [locking, port, ttlMs, name, fence] = process.argv.slice(2);
const { LockService, RedisLeaseStore, redisClient } = createRequire(import.meta.url)(locking);
const connection = { addresses: [`127.0.0.1:${port}`], db: 0, tls: false, sentinels: [], cluster: false };
const store = new RedisLeaseStore(redisClient(connection), { ttlMs: Number(ttlMs) });
await store.open();
const fences = { nextFence: async () => Number(fence), raiseFence: async () => undefined };
const locks = new LockService(store, fences, { instanceId: 'stopped', acquireTimeoutMs: 5_000 });
const purpose = { operation: 'put', user: 'alice', requestId: 'request-1' };
await locks.withLock(
  [name],
  async (lock) => {
    console.log(JSON.stringify(lock.guard));
    await once(process.stdin, 'data');
    try {
      lock.throwIfLost();
      console.log('believes');
    } catch (error) {
      console.log(error.code);
    }
  },
  purpose,
);
await locks.close();
process.exit();
