import { CallfsError, unlessAborted } from '@callfs/core';

/**
 * A body that is cut into parts. Where it breaks off, it ends: what came before is as good as if it had been sent alone.
 * `broken` says why. Ended by `signal` as well, at once, even when the client sends nothing more.
 */
export class PartSource {
  /** Why there is no more, when it is not that all has come. */
  broken: Error | undefined;
  private readonly iterator: AsyncIterator<Uint8Array>;
  private held: Uint8Array | undefined;
  private ended = false;
  private read = 0;

  constructor(
    chunks: AsyncIterable<Uint8Array>,
    /** More than this is `PAYLOAD_TOO_LARGE`. */
    private readonly maxBytes: number,
    private readonly signal: AbortSignal,
    /** So many bytes are all, where the client has said so: once they are here nothing can break off any more. */
    private readonly announced?: number,
  ) {
    this.iterator = chunks[Symbol.asyncIterator]();
  }

  /** Whether there is another byte. */
  async more(): Promise<boolean> {
    while (!this.held && !this.ended) await this.pull();
    return this.held !== undefined;
  }

  /** Up to so many of the next bytes. */
  take(maxBytes: number): AsyncIterable<Uint8Array> {
    let left = maxBytes;
    const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      const chunk = left > 0 && (await this.more()) ? this.cut(left) : undefined;
      if (chunk === undefined) return { done: true, value: undefined };
      left -= chunk.length;
      return { done: false, value: chunk };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  /** Nothing more is wanted. The source is told and not waited for: it may hang on a client that is gone. */
  close(): void {
    if (!this.ended) void this.iterator.return?.().catch(() => undefined);
    this.ended = true;
  }

  private cut(maxBytes: number): Uint8Array | undefined {
    const { held } = this;
    const chunk = held?.subarray(0, maxBytes);
    this.held = held && held.length > maxBytes ? held.subarray(maxBytes) : undefined;
    return chunk;
  }

  private async pull(): Promise<void> {
    if (this.read === this.announced) return this.close();
    let next: IteratorResult<Uint8Array>;
    try {
      next = await this.nextOrAborted();
    } catch (error) {
      this.broken = error instanceof Error ? error : new Error('the body failed', { cause: error });
      this.close();
      return;
    }
    if (next.done) {
      this.ended = true;
      return;
    }
    this.read += next.value.length;
    if (this.read > this.maxBytes) {
      const message = `The upload has ${this.maxBytes} bytes to come, and more were sent. Its length does not change.`;
      throw new CallfsError('PAYLOAD_TOO_LARGE', message, { details: { max_bytes: this.maxBytes } });
    }
    if (next.value.length > 0) this.held = next.value;
  }

  private async nextOrAborted(): Promise<IteratorResult<Uint8Array>> {
    this.signal.throwIfAborted();
    return unlessAborted(this.iterator.next(), this.signal);
  }
}
