import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { CallfsError, type StorageKey } from '@callfs/core';
import { damagedBlob, noSuchBlob, timedOut } from '../blob-errors';
import { isMissing, isOutside, s3Failure } from './s3-errors';
import type { S3Requests } from './s3-requests';

/** A response that breaks off is asked for again where it ended, so often without a byte in between. */
const ATTEMPTS = 3;
const PAUSE_MS = 100;

/** The bytes of an object from one position on. A response that fails, stalls or is short is continued by another. */
export class ObjectStream {
  private response: Readable | undefined;
  private chunks: AsyncIterator<Buffer, undefined> | undefined;
  /** What of the last chunk nobody has taken yet. */
  private rest: Buffer = Buffer.alloc(0);
  private failures = 0;

  constructor(
    private readonly requests: S3Requests,
    private readonly key: StorageKey,
    private readonly object: string,
    private readonly timeoutMs: number,
    private readonly signal: AbortSignal,
    private position: number,
    /** The end, exclusive; Infinity for that of the object. */
    private readonly until: number,
  ) {}

  /** Asks for the bytes; returns the size of the whole object. `FILE_NOT_FOUND`. */
  async open(): Promise<number> {
    const range = `bytes=${this.position}-${this.until === Infinity ? '' : this.until - 1}`;
    const { Body, ContentRange } = await this.requests.get(this.object, range, this.signal).catch((error: unknown) => {
      throw this.failureOf(error);
    });
    const size = Number(/\/(\d+)$/.exec(ContentRange ?? '')?.[1] ?? Number.NaN);
    if (!Body || Number.isNaN(size))
      throw s3Failure('send a part of an object', new Error(`asked for ${range}, got ${ContentRange}`));
    this.response = Body as Readable;
    this.chunks = this.response[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    return size;
  }

  /** Fills all of `target`. */
  async fill(target: Buffer): Promise<void> {
    for (let filled = 0; filled < target.length;) {
      if (this.rest.length === 0) await this.nextChunk();
      const piece = this.rest.subarray(0, target.length - filled);
      target.set(piece, filled);
      this.rest = this.rest.subarray(piece.length);
      this.position += piece.length;
      filled += piece.length;
    }
  }

  /** Lets a response that is all but over come to its end, so that its connection is used again; breaks off any other. */
  close(isOver: boolean): void {
    this.response?.on('error', () => undefined);
    if (isOver) this.response?.resume();
    else this.response?.destroy();
  }

  private async nextChunk(): Promise<void> {
    try {
      const { done, value } = await this.inTime(this.chunks?.next());
      if (done) throw new Error(`the response ended at byte ${this.position}`);
      this.rest = value;
      this.failures = 0;
    } catch (error) {
      await this.reopen(error);
    }
  }

  private async reopen(cause: unknown): Promise<void> {
    this.close(false);
    this.signal.throwIfAborted();
    if (++this.failures >= ATTEMPTS) throw CallfsError.is(cause) ? cause : s3Failure('send all of an object', cause);
    await delay(PAUSE_MS * 2 ** this.failures * (0.5 + Math.random() / 2), undefined, { signal: this.signal });
    await this.open();
  }

  private async inTime(next: Promise<IteratorResult<Buffer, undefined>> | undefined): Promise<IteratorResult<Buffer, undefined>> {
    if (!next) return { done: true, value: undefined };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(timedOut('send an object', this.timeoutMs)), this.timeoutMs);
    });
    return Promise.race([next, late]).finally(() => clearTimeout(timer));
  }

  private failureOf(error: unknown): unknown {
    if (this.signal.aborted) return this.signal.reason;
    if (isMissing(error)) return noSuchBlob(this.key, error);
    if (isOutside(error)) return damagedBlob(this.key, `the object ends before byte ${this.position}`);
    return s3Failure('send an object', error);
  }
}
