import type { Readable } from 'node:stream';
import { CallfsError, patience } from '@callfs/core';
import { chunkReceived } from '../memory/received-chunks';

const SILENCE_MS = 8_000;
/** A peer that was waited for this long in all has to have kept to the rate. */
const PATIENCE_MS = 8_000;
const MIN_BYTES_PER_MS = 16;

export interface PeerBodyOptions {
  /** What the peer announced, in bytes. */
  readonly length: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** It tells how something goes, so it need not be fast. */
  readonly isTalk: boolean;
  /** Called with each of its chunks. */
  readonly spoke: () => void;
  /** Called when the peer breaks it. */
  readonly broken: (error: CallfsError) => void;
  /** After so long without a byte the peer has stopped. */
  readonly silenceMs?: number;
}

/**
 * The body of a peer's answer. Only the time counts in which the next bytes are waited for: a client that reads slowly is not
 * the peer's fault. A peer that is silent, drips, or ends early breaks it with `PEER_UNAVAILABLE`.
 */
export class PeerBody implements AsyncIterableIterator<Buffer> {
  private readonly chunks: AsyncIterator<Buffer>;
  private received = 0;
  private waitedMs = 0;
  private over = false;

  constructor(
    private readonly body: Readable,
    private readonly options: PeerBodyOptions,
  ) {
    // It fails where it is read, or nobody cares any more.
    body.on('error', () => undefined);
    this.chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer>> {
    if (this.over) return { done: true, value: undefined };
    const { silenceMs = SILENCE_MS } = this.options;
    const came = patience(silenceMs, () => this.body.destroy(new Error(`nothing came for ${silenceMs} ms`)));
    const since = performance.now();
    try {
      const next = await this.chunks.next();
      const waitedMs = performance.now() - since;
      // Longer than anybody is waited for: it was this process that stood still.
      if (waitedMs <= silenceMs) this.waitedMs += waitedMs;
      if (next.done) this.end();
      else this.take(next.value);
      return next;
    } catch (error) {
      throw this.failure(error);
    } finally {
      came();
    }
  }

  /** What is left is not worth reading; the connection goes with it. */
  async return(): Promise<IteratorResult<Buffer>> {
    this.over = true;
    this.body.destroy();
    return { done: true, value: undefined };
  }

  private take(chunk: Buffer): void {
    this.received += chunk.length;
    chunkReceived(chunk.length);
    this.options.spoke();
    if (this.options.isTalk) return;
    if (this.waitedMs > PATIENCE_MS && this.received < this.waitedMs * MIN_BYTES_PER_MS)
      throw new Error(`only ${this.received} bytes came in ${Math.round(this.waitedMs)} ms`);
  }

  private end(): void {
    this.over = true;
    const { length } = this.options;
    if (length !== undefined && this.received !== length) throw new Error(`it ended after ${this.received} of ${length} bytes`);
  }

  private failure(cause: unknown): unknown {
    this.over = true;
    this.body.destroy();
    const { signal, broken } = this.options;
    if (signal?.aborted) return signal.reason;
    const message = 'The node that has the content stopped in the middle of it. Try again.';
    const error = new CallfsError('PEER_UNAVAILABLE', message, { cause });
    broken(error);
    return error;
  }
}
