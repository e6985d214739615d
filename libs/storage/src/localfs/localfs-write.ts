import type { StorageKey } from '@callfs/core';
import { BodySource } from '../body-source';
import type { StoredObject, WriteOptions } from '../storage-provider';
import { BlockSums } from '../block-sums';
import { type BufferPool, contentCapacity, SMALL_CONTENT_BYTES } from '../buffer-pool';
import type { OpenFile } from './open-file';

/** Unsynced bytes that a write leaves to its final sync: what a slow disk writes well within the timeout. */
const SYNC_EVERY_BYTES = 16 * 1024 * 1024;

/**
 * Gathers a body into large writes: one buffer is on its way to the disk while the next fills. A short body never
 * takes more than one small buffer, and one system call writes it with its sums and footer. When very many write at once,
 * a longer one is written chunk by chunk as it comes, slower, without a buffer.
 */
export class BlobWriter {
  private size = 0;
  /** Bytes handed to the system so far. */
  private position = 0;
  private buffer: Buffer | undefined;
  private filled = 0;
  private readonly sums = new BlockSums();
  private writing: Promise<void> = Promise.resolve();
  private syncing: Promise<void> | undefined;
  private unsynced = 0;
  private readonly inUse = new Set<Buffer>();

  constructor(
    private readonly file: OpenFile,
    private readonly pool: BufferPool,
    private readonly durable: boolean,
  ) {}

  /** Writes the whole of `body` and what belongs behind it; synced when it resolves, if that is wanted. */
  async write(key: StorageKey, body: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<StoredObject> {
    await new BodySource(body, options).each((chunk) => this.append(chunk));
    await this.finish(key);
    options.signal?.throwIfAborted();
    return { key, size: this.size };
  }

  /** Frees the buffers. Only when the file is closed: a system call may use them until then. */
  release(): void {
    for (const buffer of this.inUse) this.pool.give(buffer);
    this.inUse.clear();
  }

  private async append(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.length;) {
      if (this.buffer && this.filled === contentCapacity(this.buffer)) await this.flush();
      if (!this.buffer && this.position > 0 && this.pool.isCrowded) return this.writeNow(chunk.subarray(taken));
      const buffer = (this.buffer ??= this.take());
      const part = chunk.subarray(taken, taken + contentCapacity(buffer) - this.filled);
      buffer.set(part, this.filled);
      this.filled += part.length;
      this.size += part.length;
      taken += part.length;
    }
  }

  private async writeNow(content: Uint8Array): Promise<void> {
    this.sums.add(content);
    await this.writing;
    await this.limitUnsynced(content.length);
    await this.file.write(content, this.position);
    this.position += content.length;
    this.size += content.length;
  }

  private take(): Buffer {
    const buffer = this.position === 0 ? this.pool.takeSmall() : this.pool.takeLarge();
    this.inUse.add(buffer);
    return buffer;
  }

  /** Starts writing the full buffer when the one before is written. */
  private async flush(): Promise<void> {
    const buffer = this.buffer;
    if (!buffer) return;
    const content = buffer.subarray(0, this.filled);
    this.sums.add(content);
    await this.writing;
    await this.limitUnsynced(content.length);
    this.writing = this.file.write(content, this.position).then(() => {
      this.inUse.delete(buffer);
      this.pool.give(buffer);
    });
    // Its failure is met at the next flush or at the end; until then it is not unhandled.
    this.writing.catch(() => undefined);
    this.position += content.length;
    this.buffer = undefined;
    this.filled = 0;
  }

  /** Has the disk work while the body comes, and a body that outruns it wait. */
  private async limitUnsynced(bytes: number): Promise<void> {
    this.unsynced += bytes;
    if (!this.durable || this.unsynced < SYNC_EVERY_BYTES) return;
    await this.syncing;
    this.syncing = this.file.syncData();
    this.syncing.catch(() => undefined);
    this.unsynced = 0;
  }

  private async finish(key: StorageKey): Promise<void> {
    const isWhole = this.position === 0 && this.filled <= SMALL_CONTENT_BYTES;
    const last = (this.buffer ??= this.take());
    const content = last.subarray(0, this.filled);
    this.sums.add(content);
    const { trailerLength } = this.sums;
    await this.writing;
    if (isWhole) {
      const whole = last.subarray(0, this.filled + trailerLength);
      this.sums.writeTrailer(whole.subarray(this.filled), key);
      await this.file.write(whole, 0);
    } else {
      const trailer = Buffer.allocUnsafe(trailerLength);
      this.sums.writeTrailer(trailer, key);
      await this.file.write(content, this.position);
      await this.file.write(trailer, this.size);
    }
    await this.syncing;
    if (this.durable) await this.file.sync();
  }
}
