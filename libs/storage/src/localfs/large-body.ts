import type { ByteRange, StorageKey } from '@callfs/core';
import { BLOCK_BYTES, blockCount, contentSizeOf } from '../blob-format';
import { type BufferPool, contentCapacity } from '../buffer-pool';
import { damagedBlob } from '../blob-errors';
import type { OpenFile } from './open-file';
import { SumReader, verifyBlocks } from './sum-reader';
import type { SoundBlocks } from './verified-blocks';
import type { ReadOptions } from '../storage-provider';

/** Two of these stay in a core's cache between the disk, the checksum and the socket; with 1 MiB a download is a fifth slower. */
const PIECE_BYTES = 8 * BLOCK_BYTES;

interface Piece {
  readonly buffer: Buffer;
  /** Content from here on, whole blocks; the last may be short. */
  readonly offset: number;
  readonly length: number;
  readonly filled: Promise<number>;
}

/** A body read in large pieces: while the consumer has one, the next is on its way from the disk. */
export class LargeBody implements AsyncIterableIterator<Buffer> {
  private readonly contentSize: number;
  private readonly range: ByteRange;
  private readonly signal: AbortSignal | undefined;
  private readonly end: number;
  /** Where the next piece starts. */
  private position: number;
  private coming: Piece | undefined;
  private readonly sums: Promise<SumReader>;
  private readonly inUse = new Set<Buffer>();
  private lent: Buffer | undefined;
  private ended: Promise<void> | undefined;
  private readonly onAbort = (): void => void this.finish();

  constructor(
    private readonly file: OpenFile,
    private readonly key: StorageKey,
    fileSize: number,
    private readonly sound: SoundBlocks,
    private readonly pool: BufferPool,
    { range, signal }: ReadOptions,
  ) {
    this.contentSize = contentSizeOf(fileSize);
    this.range = range ?? { offset: 0, length: this.contentSize };
    this.signal = signal;
    this.position = this.range.offset - (this.range.offset % BLOCK_BYTES);
    this.end = this.range.offset + this.range.length;
    signal?.addEventListener('abort', this.onAbort, { once: true });
    this.sums = SumReader.open(file, fileSize, key);
    this.coming = this.start();
  }

  /** Resolves when the footer was found to be sound; the first piece is on its way meanwhile. */
  async open(): Promise<this> {
    try {
      await this.sums;
      return this;
    } catch (error) {
      throw this.failed(error);
    }
  }

  async next(): Promise<IteratorResult<Buffer>> {
    this.takeBackLent();
    this.signal?.throwIfAborted();
    if (this.ended) return { done: true, value: undefined };
    try {
      const piece = this.coming ?? this.start();
      if (!piece) return await this.return();
      const filled = await piece.filled;
      this.signal?.throwIfAborted();
      if (this.ended) return { done: true, value: undefined };
      // Among many, whose clients take their time, a second piece for each would only take memory.
      this.coming = this.pool.isCrowded ? undefined : this.start();
      if (filled < piece.length) throw damagedBlob(this.key, 'the file is truncated');
      await this.verify(piece);
      if (this.ended) return { done: true, value: undefined };
      this.lent = piece.buffer;
      const from = Math.max(0, this.range.offset - piece.offset);
      return { done: false, value: piece.buffer.subarray(from, Math.min(piece.length, this.end - piece.offset)) };
    } catch (error) {
      throw this.failed(error);
    }
  }

  async return(): Promise<IteratorResult<Buffer>> {
    this.takeBackLent();
    await this.finish();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Starts to read the next piece into a buffer of its own. */
  private start(): Piece | undefined {
    if (this.position >= Math.min(this.end, this.contentSize)) return undefined;
    const buffer = this.pool.takeLarge();
    this.inUse.add(buffer);
    const offset = this.position;
    const wanted = Math.ceil((this.end - offset) / BLOCK_BYTES) * BLOCK_BYTES;
    // A short rest is taken along: a trip to the disk of its own would cost more than it brings.
    const piece = wanted < 1.5 * PIECE_BYTES ? wanted : PIECE_BYTES;
    const length = Math.min(piece, contentCapacity(buffer), this.contentSize - offset);
    this.position += length;
    const filled = this.file.read(buffer.subarray(0, length), offset);
    // Its failure is met when the piece is asked for; until then it is not unhandled.
    filled.catch(() => undefined);
    return { buffer, offset, length, filled };
  }

  private async verify({ buffer, offset, length }: Piece): Promise<void> {
    const first = offset / BLOCK_BYTES;
    const sums = await (await this.sums).of(first, blockCount(length), this.key);
    verifyBlocks(buffer.subarray(0, length), sums, first, this.key, this.sound);
  }

  /** Ends the body; what an abort made fail has failed for the abort's reason. */
  private failed(error: unknown): unknown {
    void this.finish();
    return this.signal?.aborted ? this.signal.reason : error;
  }

  /** Closes the file and frees the buffers, once no system call uses them. */
  private finish(): Promise<void> {
    return (this.ended ??= this.release());
  }

  private async release(): Promise<void> {
    this.signal?.removeEventListener('abort', this.onAbort);
    await this.file.discard();
    for (const buffer of this.inUse) if (buffer !== this.lent) this.giveBack(buffer);
  }

  private takeBackLent(): void {
    if (this.lent) this.giveBack(this.lent);
    this.lent = undefined;
  }

  private giveBack(buffer: Buffer): void {
    if (this.inUse.delete(buffer)) this.pool.give(buffer);
  }
}
