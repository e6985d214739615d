import { afterEach, expect, it } from 'vitest';
import type { RateLimiter } from '../rate-limiter';

/** What a backend's tests say of it. */
export interface Harness {
  /** A limiter with buckets of its own; another one of the same harness shares them, if the backend can. */
  open(): Promise<RateLimiter>;
  /** Lets so much time pass for the buckets. */
  pass(ms: number): Promise<void>;
}

let counter = 0;
const fresh = () => `bucket-${process.pid}-${Date.now()}-${++counter}`;

/** What every `RateLimiter` does. */
export function rateLimiterSuite(harness: Harness): void {
  const opened: RateLimiter[] = [];
  const open = async () => {
    const limiter = await harness.open();
    opened.push(limiter);
    return limiter;
  };
  afterEach(async () => {
    for (const limiter of opened.splice(0)) await limiter.close();
  });
  const takeMany = async (limiter: RateLimiter, bucket: string, rate: { perSecond: number; burst: number }, count: number) => {
    const rulings = await Promise.all(Array.from({ length: count }, async () => limiter.take(bucket, rate)));
    return rulings.filter(({ allowed }) => allowed).length;
  };
  const slow = { perSecond: 0.01, burst: 5 };

  it('allows a burst and no more, whatever comes at once', async () => {
    expect(await takeMany(await open(), fresh(), slow, 100)).toBe(5);
  });

  it('tells how many are left, and when there are more', async () => {
    const limiter = await open();
    const bucket = fresh();
    expect(await limiter.take(bucket, slow)).toMatchObject({ allowed: true, limit: 5, remaining: 4, waitMs: 0 });
    for (let i = 0; i < 4; i++) await limiter.take(bucket, slow);
    const { waitMs, resetMs, ...refused } = await limiter.take(bucket, slow);
    expect(refused).toEqual({ allowed: false, limit: 5, remaining: 0 });
    expect(waitMs).toBeGreaterThan(90_000);
    expect(waitMs).toBeLessThanOrEqual(100_000);
    expect(resetMs).toBeGreaterThan(490_000);
    expect(resetMs).toBeLessThanOrEqual(500_000);
  });

  it('fills at the rate, never beyond the burst; what was refused costs nothing', async () => {
    const limiter = await open();
    const bucket = fresh();
    const rate = { perSecond: 10, burst: 2 };
    while ((await limiter.take(bucket, rate)).allowed);
    await harness.pass(150);
    expect((await limiter.take(bucket, rate)).allowed).toBe(true);
    await harness.pass(2_000);
    expect((await limiter.take(bucket, rate)).remaining).toBe(1);
  });

  it('keeps buckets apart', async () => {
    const limiter = await open();
    const bucket = fresh();
    await takeMany(limiter, bucket, slow, 6);
    expect(await takeMany(limiter, `${bucket}:other`, slow, 6)).toBe(5);
  });

  it('takes back what did not count, up to the burst', async () => {
    const limiter = await open();
    const bucket = fresh();
    expect(await takeMany(limiter, bucket, slow, 6)).toBe(5);
    await limiter.giveBack(bucket, slow);
    expect(await takeMany(limiter, bucket, slow, 2)).toBe(1);
    for (let i = 0; i < 20; i++) await limiter.giveBack(bucket, slow);
    expect(await takeMany(limiter, bucket, slow, 20)).toBe(5);
  });
}
