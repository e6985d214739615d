import { CallfsError, clientNetwork } from '@callfs/core';
import type { Rate, RateLimiter, Ruling } from '@callfs/limiting';
import { RATE_LIMIT_GROUPS, type CallfsConfig, type RateLimitGroup } from '../../config/config';
import { tooMany } from '../../use-cases/too-many';
import type { Exchange } from '../exchange';
import type { RemoteAddress } from '../remote-address';

/** Where the configuration says nothing. */
const DEFAULTS: Readonly<Partial<Record<RateLimitGroup, Rate>>> = {
  link_generation: { perSecond: 100, burst: 1 },
  download: { perSecond: 10, burst: 5 },
  failed_authentication: { perSecond: 20 / 60, burst: 20 },
};

/**
 * How often, and how many at once, those who ask may ask: a key, or an address where there is no key. Judged once for
 * each request, after its key and before anything else; what is not limited costs nothing.
 */
export class RequestLimits {
  private readonly rates = new Map<RateLimitGroup, Rate>();
  private readonly maxAtOnce: number;
  /** Requests under way, of those who have any. */
  private readonly underWay = new Map<string, number>();

  constructor(
    private readonly limiter: RateLimiter,
    private readonly addresses: RemoteAddress,
    { rateLimits, server }: Pick<CallfsConfig, 'rateLimits' | 'server'>,
  ) {
    this.maxAtOnce = server.maxRequestsPerKey;
    for (const group of RATE_LIMIT_GROUPS) {
      const rate = rateLimits[group] ?? DEFAULTS[group];
      if (rate !== undefined && rate !== 'off') this.rates.set(group, rate);
    }
  }

  /** Whether requests of that group are limited in any way. */
  concern(group: RateLimitGroup): boolean {
    return this.maxAtOnce > 0 || this.rates.has(group);
  }

  /** Lets a request in, or throws (rejects with) `RATE_LIMIT_EXCEEDED`. There is nothing to wait for unless buckets are elsewhere. */
  admit(exchange: Exchange, group: RateLimitGroup): void | Promise<void> {
    const rate = this.rates.get(group);
    if (rate === undefined && this.maxAtOnce === 0) return;
    const who = this.whoAsks(exchange);
    if (this.maxAtOnce > 0) this.enter(exchange, who);
    if (rate === undefined) return;
    const apply = (ruling: Ruling): void => {
      if (!ruling.allowed) throw tooMany('requests of this kind', ruling);
      exchange.limitFields = limitFields(ruling);
    };
    const ruling = this.limiter.take(`${group}:${who}`, rate);
    return ruling instanceof Promise ? ruling.then(apply) : apply(ruling);
  }

  /**
   * Counts a wrong key, and rejects with what to answer: `refusal`, or that there were too many. Only wrong keys draw from
   * this bucket and only they are refused for it, so nobody is locked out by a neighbour behind the same address.
   */
  async wrongKey(exchange: Exchange, refusal: CallfsError): Promise<never> {
    const rate = this.rates.get('failed_authentication');
    if (rate === undefined) throw refusal;
    const ruling = await this.limiter.take(`failed_authentication:${this.addressOf(exchange)}`, rate);
    throw ruling.allowed ? refusal : tooMany('wrong API keys from this address', ruling);
  }

  private whoAsks(exchange: Exchange): string {
    return exchange.identity ? `key:${exchange.identity.keyId}` : this.addressOf(exchange);
  }

  private addressOf({ request }: Exchange): string {
    return `address:${clientNetwork(this.addresses.of(request))}`;
  }

  private enter({ response }: Exchange, who: string): void {
    const already = this.underWay.get(who) ?? 0;
    if (already >= this.maxAtOnce) {
      const message = `More than ${this.maxAtOnce} requests at once; wait for one of them to end (server.max_requests_per_key).`;
      throw new CallfsError('RATE_LIMIT_EXCEEDED', message, { details: { limit: this.maxAtOnce, remaining: 0, retry_after: 1 } });
    }
    this.underWay.set(who, already + 1);
    response.once('close', () => {
      const left = (this.underWay.get(who) ?? 1) - 1;
      if (left === 0) this.underWay.delete(who);
      else this.underWay.set(who, left);
    });
  }
}

function limitFields({ limit, remaining, resetMs }: Ruling): readonly string[] {
  const reset = String(Math.ceil(resetMs / 1000));
  return ['X-RateLimit-Limit', String(limit), 'X-RateLimit-Remaining', String(remaining), 'X-RateLimit-Reset', reset];
}
