import { LRUCache } from 'lru-cache';
import { RateLimiter, type Rate, type Ruling } from '../rate-limiter';

/** Buckets remembered. Whoever has more addresses than that makes the oldest forgotten, never the memory full. */
const BUCKETS_MAX = 50_000;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Buckets of this process alone. */
export class MemoryRateLimiter extends RateLimiter {
  private readonly buckets: LRUCache<string, Bucket>;

  constructor(
    private readonly nowMs: () => number = () => performance.now(),
    max = BUCKETS_MAX,
  ) {
    super();
    this.buckets = new LRUCache({ max });
  }

  override take(name: string, rate: Rate): Ruling {
    const bucket = this.filled(name, rate);
    const allowed = bucket.tokens >= 1;
    if (allowed) bucket.tokens--;
    return rulingOf(allowed, bucket.tokens, rate);
  }

  override giveBack(name: string, rate: Rate): void {
    const bucket = this.filled(name, rate);
    bucket.tokens = Math.min(rate.burst, bucket.tokens + 1);
  }

  override async close(): Promise<void> {
    this.buckets.clear();
  }

  /** How many buckets are remembered. */
  get size(): number {
    return this.buckets.size;
  }

  private filled(name: string, { perSecond, burst }: Rate): Bucket {
    const now = this.nowMs();
    const bucket = this.buckets.get(name);
    if (bucket === undefined) {
      const fresh = { tokens: burst, filledAtMs: now };
      this.buckets.set(name, fresh);
      return fresh;
    }
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.filledAtMs) / 1000) * perSecond);
    bucket.filledAtMs = now;
    return bucket;
  }
}

/** What is said of a bucket in which `tokens` are left. */
export function rulingOf(allowed: boolean, tokens: number, { perSecond, burst }: Rate): Ruling {
  const msFor = (wanted: number) => Math.max(0, Math.ceil((wanted / perSecond) * 1000));
  return {
    allowed,
    limit: burst,
    remaining: Math.floor(tokens),
    waitMs: allowed ? 0 : msFor(1 - tokens),
    resetMs: msFor(burst - tokens),
  };
}
