import type { StorageKey } from '@callfs/core';
import { BodySource } from '../body-source';
import type { StoredObject, WriteOptions } from '../storage-provider';
import { type BufferPool, contentCapacity, LARGE_CONTENT_BYTES, SMALL_CONTENT_BYTES } from '../buffer-pool';
import { ContentSums } from '../content-sums';
import type { Hasher, ThreadSums } from './hasher';
import type { OpenFile } from './open-file';

/** Unsynced bytes that a write leaves to its final sync: what a slow disk writes well within the timeout. */
const SYNC_EVERY_BYTES = 16 * 1024 * 1024;
/** Full buffers of one write that are summed and written while the next fills, if they are large ones. */
const BUFFERS_IN_FLIGHT = 2;

/**
 * Gathers a body into large writes: full buffers are on their way to the disk while the next fills. A short body never
 * takes more than one small buffer, and one system call writes it with its sums and footer. When very many write at once,
 * a longer one is written chunk by chunk as it comes, slower, without a buffer. What is larger than a large buffer is summed
 * by the hasher.
 */
export class BlobWriter {
  private size = 0;
  /** Bytes handed to the system so far. */
  private position = 0;
  private buffer: Buffer | undefined;
  private filled = 0;
  private sums: ContentSums | ThreadSums | undefined;
  private readonly inFlight: Promise<void>[] = [];
  private syncing: Promise<void> | undefined;
  private unsynced = 0;
  private readonly inUse = new Set<Buffer>();

  constructor(
    private readonly file: OpenFile,
    private readonly pool: BufferPool,
    private readonly hasher: Hasher,
    private readonly durable: boolean,
    private readonly options: WriteOptions,
  ) {}

  /** Writes the whole of `body` and what belongs behind it; synced when it resolves, if that is wanted. */
  async write(key: StorageKey, body: AsyncIterable<Uint8Array>): Promise<StoredObject> {
    await new BodySource(body, this.options).each((chunk) => this.append(chunk));
    const sha256 = await this.finish(key);
    this.options.signal?.throwIfAborted();
    return { key, size: this.size, sha256 };
  }

  /** Frees what is held. Only when the file is closed: a system call may use the buffers until then. */
  release(): void {
    if (this.sums && 'drop' in this.sums) this.sums.drop();
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
    const summed = this.summing().add(content);
    await this.written();
    await this.limitUnsynced(content.length);
    await Promise.all([summed, this.file.write(content, this.position)]);
    this.position += content.length;
    this.size += content.length;
  }

  private take(): Buffer {
    const buffer = this.position === 0 ? this.pool.takeSmall() : this.pool.takeLarge();
    this.inUse.add(buffer);
    return buffer;
  }

  /** In the thread when there is much to sum, and few others: told at the first full buffer. */
  private summing(): ContentSums | ThreadSums {
    const { size = Infinity, sha256 = false } = this.options;
    const isMuch = size > LARGE_CONTENT_BYTES && !this.pool.isCrowded;
    return (this.sums ??= (isMuch && this.hasher.open(sha256)) || new ContentSums(sha256));
  }

  /** Starts writing the full buffer, once few enough are on their way. */
  private async flush(): Promise<void> {
    const buffer = this.buffer;
    if (!buffer) return;
    const content = buffer.subarray(0, this.filled);
    const summed = this.summing().add(content);
    const isLarge = contentCapacity(buffer) === LARGE_CONTENT_BYTES;
    await this.written(isLarge ? BUFFERS_IN_FLIGHT - 1 : 0);
    await this.limitUnsynced(content.length);
    const handled = Promise.all([summed, this.file.write(content, this.position)]).then(() => {
      // Unless it was released before.
      if (this.inUse.delete(buffer)) this.pool.give(buffer);
    });
    // Its failure is met at the next flush or at the end; until then it is not unhandled.
    handled.catch(() => undefined);
    this.inFlight.push(handled);
    this.position += content.length;
    this.buffer = undefined;
    this.filled = 0;
  }

  /** Waits until no more than so many buffers are on their way. */
  private async written(left = 0): Promise<void> {
    while (this.inFlight.length > left) {
      await this.inFlight[0];
      void this.inFlight.shift();
    }
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

  /** Writes what is left, and what belongs behind it; the digest, if that is wanted. */
  private async finish(key: StorageKey): Promise<string | undefined> {
    const isWhole = this.position === 0 && this.filled <= SMALL_CONTENT_BYTES;
    const last = (this.buffer ??= this.take());
    const content = last.subarray(0, this.filled);
    if (isWhole) this.sums = new ContentSums(this.options.sha256 ?? false);
    const { trailer, sha256 } = await this.summing().end(content, key);
    await this.written();
    if (isWhole) {
      last.set(trailer, this.filled);
      await this.file.write(last.subarray(0, this.filled + trailer.length), 0);
    } else {
      await this.file.write(content, this.position);
      await this.file.write(trailer, this.size);
    }
    await this.syncing;
    if (this.durable) await this.file.sync();
    return sha256;
  }
}
