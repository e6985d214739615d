import { CallfsError } from '@callfs/core';
import type { WriteOptions } from './storage-provider';

/**
 * Pulls a body chunk by chunk, holds it to its announced size, and stops waiting as soon as `signal` aborts, even when the source never answers.
 * The source is told to clean up, and not waited for: the first failure is the one that the caller hears of.
 */
export class BodySource {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private stopWaiting: ((reason: unknown) => void) | undefined;
  private done = false;
  private length = 0;
  private readonly size: number | undefined;
  private readonly signal: AbortSignal | undefined;
  private readonly onAbort = (): void => this.stopWaiting?.(this.signal?.reason);

  constructor(body: AsyncIterable<Uint8Array>, { size, signal }: WriteOptions) {
    this.iterator = body[Symbol.asyncIterator]();
    this.size = size;
    this.signal = signal;
    signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /** Hands every chunk to `take`, one after the other, and closes. While the next is waited for, none is held. */
  async each(take: (chunk: Uint8Array) => Promise<void>): Promise<void> {
    // In a function of its own, whose frame with the chunk is gone by the time that the next is asked for.
    const handNext = async (): Promise<boolean> => {
      const chunk = await this.next();
      if (chunk) await take(chunk);
      return chunk !== undefined;
    };
    try {
      while (await handNext());
    } finally {
      this.close();
    }
  }

  /**
   * The next chunk, undefined at the end. Throws the body's error, the signal's reason, or `CONTENT_LENGTH_MISMATCH` as
   * soon as the body is longer than announced or ends before.
   */
  private async next(): Promise<Uint8Array | undefined> {
    this.signal?.throwIfAborted();
    const result = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
      this.stopWaiting = reject;
      this.iterator.next().then(resolve, (error: unknown) => {
        this.done = true;
        reject(error instanceof Error ? error : new Error('the body failed', { cause: error }));
      });
    });
    // It holds on to the promise, and that to the chunk.
    this.stopWaiting = undefined;
    if (result.done) {
      this.done = true;
      if (this.size !== undefined && this.length < this.size) throw wrongLength(this.size, `only ${this.length}`);
      return undefined;
    }
    this.length += result.value.length;
    if (this.size !== undefined && this.length > this.size) throw wrongLength(this.size, 'more');
    return result.value;
  }

  private close(): void {
    this.signal?.removeEventListener('abort', this.onAbort);
    if (!this.done) void this.iterator.return?.().catch(() => undefined);
    this.done = true;
  }
}

function wrongLength(size: number, came: string): CallfsError {
  return new CallfsError('CONTENT_LENGTH_MISMATCH', `The body was announced as ${size} bytes, but ${came} came. Send it again.`);
}
