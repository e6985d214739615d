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

  /**
   * The next chunk, undefined at the end. Throws the body's error, the signal's reason, or `CONTENT_LENGTH_MISMATCH` as
   * soon as the body is longer than announced or ends before.
   */
  async next(): Promise<Uint8Array | undefined> {
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

  close(): void {
    this.signal?.removeEventListener('abort', this.onAbort);
    if (!this.done) void this.iterator.return?.().catch(() => undefined);
    this.done = true;
  }
}

function wrongLength(size: number, came: string): CallfsError {
  return new CallfsError('CONTENT_LENGTH_MISMATCH', `The body was announced as ${size} bytes, but ${came} came. Send it again.`);
}
