import { CallfsError } from '@callfs/core';
import { LRUCache } from 'lru-cache';

/** So many wrong keys a minute from one address, and as many at once. */
const PER_MINUTE = 20;
const MS_PER_TOKEN = 60_000 / PER_MINUTE;
/** Addresses remembered; an attacker with more has the oldest forgotten, not the memory filled. */
const ADDRESSES_MAX = 10_000;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/**
 * Slows down whoever guesses keys: a token bucket for each client address that only wrong keys draw from. A right key
 * always passes, so nobody is locked out by a neighbour behind the same address.
 */
export class FailedKeyLimit {
  private readonly buckets = new LRUCache<string, Bucket>({ max: ADDRESSES_MAX });

  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  /** Counts a wrong key from `address`. `RATE_LIMIT_EXCEEDED` when there were too many. */
  failed(address: string): void {
    const now = this.nowMs();
    const bucket = this.buckets.get(address) ?? { tokens: PER_MINUTE, filledAtMs: now };
    bucket.tokens = Math.min(PER_MINUTE, bucket.tokens + (now - bucket.filledAtMs) / MS_PER_TOKEN);
    bucket.filledAtMs = now;
    this.buckets.set(address, bucket);
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return;
    }
    const seconds = Math.ceil(((1 - bucket.tokens) * MS_PER_TOKEN) / 1000);
    throw new CallfsError(
      'RATE_LIMIT_EXCEEDED',
      `Too many wrong API keys from this address; try again in ${seconds} s with the right one.`,
      {
        details: { limit: PER_MINUTE, remaining: 0, retry_after: seconds },
      },
    );
  }
}
