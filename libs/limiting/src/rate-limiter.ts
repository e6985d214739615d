/** So many in the long run, so many at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What a limiter says to one request. */
export interface Ruling {
  readonly allowed: boolean;
  /** How many are allowed at once. */
  readonly limit: number;
  /** How many of those are left now. */
  readonly remaining: number;
  /** Until one is allowed again; 0 when it is. */
  readonly waitMs: number;
  /** Until as many as `limit` are. */
  readonly resetMs: number;
}

/**
 * Token buckets by name: full in the beginning, filled at the rate, a request takes one token or is refused. A bucket's
 * name says whom it limits in what; it must hold no secret.
 *
 * A limiter protects the service and must never be the reason that it is down: it does not fail. What keeps buckets
 * elsewhere decides for itself while that is away.
 */
export abstract class RateLimiter {
  abstract take(bucket: string, rate: Rate): Ruling | Promise<Ruling>;

  /** Puts a token back that was taken for what turned out not to count. */
  abstract giveBack(bucket: string, rate: Rate): void | Promise<void>;

  abstract close(): Promise<void>;
}
