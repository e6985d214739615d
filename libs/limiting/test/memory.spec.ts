import { describe, expect, it } from 'vitest';
import { MemoryRateLimiter } from '@callfs/limiting';
import { rateLimiterSuite } from '../src/testing/rate-limiter-suite';

let nowMs = 0;

describe('rate limits in memory', () => {
  rateLimiterSuite({
    open: async () => new MemoryRateLimiter(() => nowMs),
    pass: async (ms) => void (nowMs += ms),
  });

  it('forgets the oldest bucket rather than to grow', () => {
    const limiter = new MemoryRateLimiter(() => nowMs, 1_000);
    for (let i = 0; i < 100_000; i++) limiter.take(`address-${i}`, { perSecond: 1, burst: 1 });
    expect(limiter.size).toBe(1_000);
    expect(limiter.take('address-99999', { perSecond: 1, burst: 1 }).allowed).toBe(false);
    expect(limiter.take('address-0', { perSecond: 1, burst: 1 }).allowed).toBe(true);
  });
});
