import { Cluster, type Redis } from 'ioredis';
import { CallfsError, patience } from '@callfs/core';
import type { RedisScript } from './redis-scripts';

export type RedisClient = Redis | Cluster;

/**
 * A connection to Redis whose every call ends in bounded time: with what Redis answers, or with `LOCKS_UNAVAILABLE`.
 * Nothing waits in a queue for a Redis that is away: for a moment after a connection broke calls wait for the next,
 * after that they fail at once.
 */
export class RedisLink {
  private lastError: Error | undefined;
  private lastAnswerMs = 0;
  /** Since when there is no connection. */
  private downSinceMs = performance.now();
  private wasReady = false;

  constructor(
    readonly client: RedisClient,
    private readonly timeoutMs: number,
  ) {
    client.on('error', (error: Error) => {
      // The first says why; what follows from it says only that the connection is closed.
      this.lastError ??= underlying(error);
    });
    client.on('ready', () => {
      this.wasReady = true;
      this.lastError = undefined;
      this.downSinceMs = Infinity;
    });
    client.on('close', () => (this.downSinceMs = Math.min(this.downSinceMs, performance.now())));
  }

  /** Connects, when nobody has yet. `LOCKS_UNAVAILABLE` with the first failure, whatever tries to reconnect meanwhile. */
  async open(): Promise<void> {
    if (this.client.status === 'wait') this.client.connect().catch(() => undefined);
    await this.ready();
  }

  /** Runs a script on the group of keys that `heldKey` names. */
  async run(script: RedisScript, heldKey: string, request: object): Promise<unknown> {
    const argument = JSON.stringify(request);
    return this.call(async (client) => {
      try {
        return await client.evalsha(script.sha, 1, heldKey, argument);
      } catch (error) {
        if (!isReply(error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return client.eval(script.text, 1, heldKey, argument);
      }
    });
  }

  async call<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    await this.ready();
    const startMs = performance.now();
    let stop = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      stop = patience(this.timeoutMs, () => reject(this.silent(startMs)));
    });
    const working = work(this.client);
    working.catch(() => undefined);
    try {
      const answer = await Promise.race([working, late]);
      this.lastAnswerMs = performance.now();
      return answer;
    } catch (cause) {
      if (isReply(cause)) this.lastAnswerMs = performance.now();
      throw cause instanceof CallfsError ? cause : unavailable(cause);
    } finally {
      stop();
    }
  }

  close(): void {
    this.client.disconnect();
  }

  private ready(): Promise<void> | void {
    if (this.client.status === 'ready') return;
    const leftMs = this.downSinceMs + this.timeoutMs - performance.now();
    const isHopeless = this.client.status === 'end' || (this.wasReady ? leftMs <= 0 : this.lastError !== undefined);
    if (isHopeless) throw unavailable(this.lastError);
    return this.becomeReady(this.wasReady ? leftMs : this.timeoutMs);
  }

  private becomeReady(ms: number): Promise<void> {
    const { client } = this;
    return new Promise((resolve, reject) => {
      const settle = (error?: CallfsError) => {
        clearTimeout(timer);
        client.off('ready', onReady).off('error', onError).off('end', onEnd);
        if (error) reject(error);
        else resolve();
      };
      const onReady = () => settle();
      const onError = (error: Error) => {
        if (!this.wasReady) settle(unavailable(underlying(error)));
      };
      const onEnd = () => settle(unavailable(this.lastError));
      const timer = setTimeout(() => settle(this.lastError ? unavailable(this.lastError) : noAnswer(this.timeoutMs)), ms);
      client.on('ready', onReady).on('error', onError).on('end', onEnd);
    });
  }

  /**
   * A connection on which nothing has come for so long may be dead without knowing it: the next one is better. Of a Redis
   * Cluster one master is silent or dead, and the others are kept: who has its slots is asked anew, and a connection that
   * stays silent ends by itself (`socketTimeout`).
   */
  private silent(startMs: number): CallfsError {
    const { client } = this;
    if (this.lastAnswerMs < startMs && client.status === 'ready') {
      if (client instanceof Cluster) client.refreshSlotsCache();
      else client.disconnect(true);
    }
    return noAnswer(this.timeoutMs);
  }
}

/** Redis has spoken. */
function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Of a Redis Cluster, what the last of its nodes said. */
function underlying(error: Error & { lastNodeError?: Error }): Error {
  return error.lastNodeError ?? error;
}

const MESSAGE = 'The lock service does not answer, so nothing can be changed now. Reading goes on; try again.';

function unavailable(cause: unknown): CallfsError {
  return new CallfsError('LOCKS_UNAVAILABLE', MESSAGE, { cause });
}

function noAnswer(ms: number): CallfsError {
  return unavailable(new DOMException(`Redis did not answer within ${ms} ms.`, 'TimeoutError'));
}
