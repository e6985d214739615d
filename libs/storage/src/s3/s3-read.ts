import type { StorageKey } from '@callfs/core';
import { damagedBlob } from '../blob-errors';
import {
  BLOCK_BYTES,
  blockCount,
  contentSizeOf,
  fileSizeOf,
  firstDamagedBlock,
  FOOTER_BYTES,
  readFooter,
  SUM_BYTES,
} from '../blob-format';
import type { BufferPool } from '../buffer-pool';
import type { ReadOptions } from '../storage-provider';
import { ObjectStream } from './object-stream';
import type { S3Requests } from './s3-requests';

/** Sums fetched at once: those of 256 MiB of content. */
const SUMS_AT_ONCE = 4096;
/** An object of up to this many bytes of content is fetched at once, its sums with it; a larger one takes two requests. */
const WHOLE_BYTES = 4 * BLOCK_BYTES;

/** What all reads of a provider share. */
export interface S3ReadResources {
  readonly requests: S3Requests;
  readonly pool: BufferPool;
  readonly timeoutMs: number;
}

/** Where the blocks of a content come from, in order. */
interface BlockSource {
  /** Fills all of `target` with what comes next. */
  fill(target: Buffer): Promise<void>;
  close(isOver: boolean): void;
}

/** A content that comes block by block, each verified before it is handed on. */
export class ObjectBody implements AsyncIterableIterator<Buffer> {
  private readonly cancel = new AbortController();
  private readonly onAbort = (): void => this.finish(false);
  private readonly start: number;
  private end: number;
  /** Where the next block starts. */
  private position: number;
  private contentSize = 0;
  private readonly stream: ObjectStream;
  private source: BlockSource;
  private sums: Buffer = Buffer.alloc(0);
  /** Number of the block whose sum comes first in `sums`. */
  private firstSum = 0;
  private block: Buffer | undefined;
  private isFilling = false;
  private isFinished = false;

  constructor(
    private readonly resources: S3ReadResources,
    private readonly key: StorageKey,
    private readonly object: string,
    private readonly options: ReadOptions,
  ) {
    const { offset, length } = options.range ?? { offset: 0, length: Infinity };
    this.start = offset;
    this.end = offset + length;
    this.position = offset - (offset % BLOCK_BYTES);
    this.stream = this.streamOf(this.position, Math.ceil(this.end / BLOCK_BYTES) * BLOCK_BYTES);
    this.source = this.stream;
    options.signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /** Resolves when the object is there, its footer sound and its content on its way. */
  async open(): Promise<this> {
    try {
      this.options.signal?.throwIfAborted();
      const objectSize = await this.stream.open();
      this.contentSize = contentSizeOf(objectSize);
      const isWhole = this.end === Infinity;
      if (isWhole) this.end = this.contentSize;
      if (isWhole && objectSize <= fileSizeOf(WHOLE_BYTES)) await this.takeWhole(objectSize);
      else await this.takeTail(objectSize);
      return this;
    } catch (error) {
      throw this.failed(error);
    }
  }

  async next(): Promise<IteratorResult<Buffer>> {
    this.options.signal?.throwIfAborted();
    if (this.isFinished || this.position >= this.end) return this.return();
    try {
      const block = await this.nextBlock();
      if (this.isFinished) return { done: true, value: undefined };
      const at = this.position;
      this.position += block.length;
      return { done: false, value: block.subarray(Math.max(0, this.start - at), Math.min(block.length, this.end - at)) };
    } catch (error) {
      throw this.failed(error);
    }
  }

  async return(): Promise<IteratorResult<Buffer>> {
    this.finish(this.position >= this.end);
    // Not when it was aborted: the consumer, or a response that still arrives, may be at the memory.
    if (this.block && !this.isFilling && !this.options.signal?.aborted) this.resources.pool.give(this.block);
    this.block = undefined;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private streamOf(from: number, until: number): ObjectStream {
    const { requests, timeoutMs } = this.resources;
    return new ObjectStream(requests, this.key, this.object, timeoutMs, this.cancel.signal, from, until);
  }

  private async nextBlock(): Promise<Buffer> {
    const number = this.position / BLOCK_BYTES;
    this.block ??= this.resources.pool.takeSmall();
    const block = this.block.subarray(0, Math.min(BLOCK_BYTES, this.contentSize - this.position));
    this.isFilling = true;
    await this.source.fill(block);
    await this.fetchSums(number);
    this.isFilling = false;
    if (firstDamagedBlock(block, this.sums, (number - this.firstSum) * SUM_BYTES) >= 0)
      throw damagedBlob(this.key, `block ${number} does not match its checksum`);
    return block;
  }

  /** A small object: all of it into memory, from where its blocks are taken. */
  private async takeWhole(objectSize: number): Promise<void> {
    const whole = Buffer.allocUnsafeSlow(objectSize);
    await this.stream.fill(whole);
    this.stream.close(true);
    this.takeTrailer(whole.subarray(this.contentSize), 0, objectSize);
    const content = whole.subarray(0, this.contentSize);
    this.source = { fill: async (target) => void content.copy(target, 0, this.position), close: () => undefined };
  }

  private takeTrailer(trailer: Buffer, firstSum: number, objectSize: number): void {
    const sound = readFooter(trailer.subarray(-FOOTER_BYTES), this.key, objectSize);
    if (typeof sound === 'string') throw damagedBlob(this.key, sound);
    this.sums = trailer.subarray(0, -FOOTER_BYTES);
    this.firstSum = firstSum;
  }

  private async takeTail(objectSize: number): Promise<void> {
    const count = Math.min(SUMS_AT_ONCE, blockCount(this.contentSize));
    const trailer = await this.fetch(objectSize - FOOTER_BYTES - count * SUM_BYTES, objectSize);
    this.takeTrailer(trailer, blockCount(this.contentSize) - count, objectSize);
  }

  private async fetchSums(block: number): Promise<void> {
    if (block >= this.firstSum && (block - this.firstSum) * SUM_BYTES < this.sums.length) return;
    const from = this.contentSize + block * SUM_BYTES;
    this.sums = await this.fetch(
      from,
      Math.min(from + SUMS_AT_ONCE * SUM_BYTES, this.contentSize + blockCount(this.contentSize) * SUM_BYTES),
    );
    this.firstSum = block;
  }

  private async fetch(from: number, until: number): Promise<Buffer> {
    const stream = this.streamOf(from, until);
    const bytes = Buffer.allocUnsafe(until - from);
    try {
      await stream.open();
      await stream.fill(bytes);
      return bytes;
    } finally {
      stream.close(true);
    }
  }

  private failed(error: unknown): unknown {
    this.finish(false);
    return this.options.signal?.aborted ? this.options.signal.reason : error;
  }

  private finish(isOver: boolean): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.options.signal?.removeEventListener('abort', this.onAbort);
    this.source.close(isOver);
    if (!isOver) this.cancel.abort(this.options.signal?.reason);
  }
}
