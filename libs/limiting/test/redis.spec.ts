import { setTimeout as delay } from 'node:timers/promises';
import Redis from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RedisRateLimiter } from '@callfs/limiting';
import { RedisServer } from '../../../test/support/redis';
import { rateLimiterSuite } from '../src/testing/rate-limiter-suite';

let redis: RedisServer;
const opened: RedisRateLimiter[] = [];

beforeAll(async () => {
  redis = await RedisServer.start();
});
afterEach(async () => {
  for (const limiter of opened.splice(0)) await limiter.close();
});
afterAll(async () => {
  await redis.stop();
});

/** `events.once` would take an error for the end of waiting. */
const heard = (client: Redis, event: 'ready' | 'close') => new Promise<void>((resolve) => client.once(event, () => resolve()));

async function open(onChange?: (common: boolean) => void): Promise<{ limiter: RedisRateLimiter; client: Redis }> {
  const options = { host: '127.0.0.1', port: redis.port, enableOfflineQueue: false, maxRetriesPerRequest: 0 };
  const client = new Redis({ ...options, retryStrategy: () => 20 });
  const limiter = new RedisRateLimiter(client, { onChange });
  opened.push(limiter);
  await heard(client, 'ready');
  return { limiter, client };
}

const slow = { perSecond: 0.01, burst: 5 };
const allowed = async (limiter: RedisRateLimiter, bucket: string, count: number) => {
  const rulings = await Promise.all(Array.from({ length: count }, () => limiter.take(bucket, slow)));
  return rulings.filter((ruling) => ruling.allowed).length;
};

describe('rate limits in Redis', () => {
  rateLimiterSuite({
    open: async () => (await open()).limiter,
    // Redis's own clock fills the buckets.
    pass: async (ms) => void (await delay(ms)),
  });

  it('counts for all nodes together', async () => {
    const [one, two] = [await open(), await open()];
    const counts = await Promise.all([allowed(one.limiter, 'common', 50), allowed(two.limiter, 'common', 50)]);
    expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(5);
  });

  it('leaves nothing behind that does not end by itself, and tells no more than the name of a bucket', async () => {
    const { limiter } = await open();
    await limiter.take('ending', { perSecond: 0.01, burst: 5 });
    const ttlMs = await redis.client().pttl('callfs:limit:ending');
    expect(ttlMs).toBeGreaterThan(0);
    expect(ttlMs).toBeLessThanOrEqual(101_000);
  });

  it('does not take for silence that this process had no time to listen', async () => {
    const changes: boolean[] = [];
    const { limiter } = await open((common) => changes.push(common));
    await limiter.take('paused', slow);
    const ruling = limiter.take('paused', slow);
    // Longer than it is waited for Redis, which answers meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
    expect(await ruling).toMatchObject({ allowed: true, remaining: 3 });
    expect(changes).toEqual([]);
  });

  it('counts here alone while Redis is away or silent, and in common when it is back', async () => {
    const changes: boolean[] = [];
    const { limiter, client } = await open((common) => changes.push(common));
    expect(await allowed(limiter, 'away', 3)).toBe(3);
    const closed = heard(client, 'close');
    await redis.kill();
    await closed;
    expect(await allowed(limiter, 'away', 50)).toBe(5);
    const ready = heard(client, 'ready');
    await redis.restart();
    await ready;
    expect(await allowed(limiter, 'back', 50)).toBe(5);

    redis.signal('SIGSTOP');
    const startedMs = performance.now();
    expect(await allowed(limiter, 'silent', 50)).toBe(5);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    redis.signal('SIGCONT');
    await expect.poll(async () => (await limiter.take('again', slow), changes.at(-1)), { timeout: 60_000 }).toBe(true);
    expect(changes.slice(0, 2)).toEqual([false, true]);
  });
});
