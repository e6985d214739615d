import { createHash } from 'node:crypto';
import { patience } from '@callfs/core';
import type { Cluster, Redis } from 'ioredis';
import { MemoryRateLimiter, rulingOf } from '../memory/memory-rate-limiter';
import { RateLimiter, type Rate, type Ruling } from '../rate-limiter';

const PREFIX = 'callfs:limit:';
/** A limiter that thinks for longer than this delays more than it protects. */
const PATIENCE_MS = 250;

/**
 * One bucket, by Redis's clock: fills it, takes `wanted` tokens (gives back, when negative) if they are there, and lets
 * it be forgotten once it is full again. Answers whether it took them, and what is left.
 */
const SCRIPT = `
local wanted, per_ms, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'filled')
local tokens = burst
if bucket[1] and bucket[2] then
  tokens = math.min(burst, tonumber(bucket[1]) + math.max(0, now - tonumber(bucket[2])) * per_ms)
end
local taken = tokens >= wanted
if taken then tokens = math.min(burst, tokens - wanted) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'filled', string.format('%.3f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / per_ms) + 1000)
return { taken and 1 or 0, string.format('%.9f', tokens) }
`;
const SHA = createHash('sha1').update(SCRIPT).digest('hex');

export interface RedisRateLimiterOptions {
  /** Told when limits begin to count on this node alone, and when they are common again. */
  readonly onChange?: (common: boolean, cause?: unknown) => void;
}

/**
 * Buckets that all nodes share. While Redis does not answer, each node counts for itself, so that nobody has to wait
 * for it and no limit is off.
 */
export class RedisRateLimiter extends RateLimiter {
  private readonly local = new MemoryRateLimiter();
  private isCommon = true;

  /** The client is the limiter's own, one that fails at once while there is no connection (`enableOfflineQueue: false`). */
  constructor(
    private readonly client: Redis | Cluster,
    private readonly options: RedisRateLimiterOptions = {},
  ) {
    super();
    client.on('error', (error: unknown) => this.note(false, error));
    if (client.status === 'wait') client.connect().catch((error: unknown) => this.note(false, error));
  }

  override async take(bucket: string, rate: Rate): Promise<Ruling> {
    const answer = await this.ask(bucket, 1, rate);
    return answer ? rulingOf(answer.taken, answer.tokens, rate) : this.local.take(bucket, rate);
  }

  override async giveBack(bucket: string, rate: Rate): Promise<void> {
    if (!(await this.ask(bucket, -1, rate))) this.local.giveBack(bucket, rate);
  }

  override async close(): Promise<void> {
    this.client.disconnect();
    await this.local.close();
  }

  /** Nothing when Redis does not say. */
  private async ask(bucket: string, tokens: number, rate: Rate): Promise<{ taken: boolean; tokens: number } | undefined> {
    if (this.client.status !== 'ready') return undefined;
    const values = [`${PREFIX}${bucket}`, tokens, rate.perSecond / 1000, rate.burst] as const;
    try {
      const [taken, left] = (await soon(this.run(values))) as [number, string];
      this.note(true);
      return { taken: taken === 1, tokens: Number(left) };
    } catch (error) {
      this.note(false, error);
      return undefined;
    }
  }

  private async run(values: readonly [string, number, number, number]): Promise<unknown> {
    try {
      return await this.client.evalsha(SHA, 1, ...values);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.client.eval(SCRIPT, 1, ...values);
    }
  }

  private note(isCommon: boolean, cause?: unknown): void {
    if (isCommon === this.isCommon) return;
    this.isCommon = isCommon;
    this.options.onChange?.(isCommon, cause);
  }
}

async function soon<T>(answer: Promise<T>): Promise<T> {
  let stop = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    stop = patience(PATIENCE_MS, () => reject(new DOMException(`No answer within ${PATIENCE_MS} ms.`, 'TimeoutError')));
  });
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    stop();
  }
}
