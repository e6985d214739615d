import { blockCount, contentSizeOf, FOOTER_BYTES, readFooter, SUM_BYTES } from './blob-format';
import type { StorageKey } from '@callfs/core';
import { damagedBlob } from './localfs-errors';
import type { OpenFile } from './open-file';

/** Sums read ahead at once: those of 256 MiB of content. */
const SUMS_AT_ONCE = 4096;

/** The sums of a file, a window of them in memory. */
export class SumReader {
  private constructor(
    private readonly file: OpenFile,
    readonly contentSize: number,
    private window: Buffer,
    /** Number of the block whose sum comes first in the window. */
    private first: number,
  ) {}

  /** Reads and judges the footer, with the sums before it in the same call. */
  static async open(file: OpenFile, fileSize: number, key: StorageKey): Promise<SumReader> {
    const count = Math.min(SUMS_AT_ONCE, blockCount(contentSizeOf(fileSize)));
    const tail = Buffer.allocUnsafe(count * SUM_BYTES + FOOTER_BYTES);
    const read = await file.read(tail, fileSize - tail.length);
    if (read < tail.length) throw damagedBlob(key, 'the file is truncated');
    const size = readFooter(tail.subarray(count * SUM_BYTES), key, fileSize);
    if (typeof size === 'string') throw damagedBlob(key, size);
    return new SumReader(file, size, tail.subarray(0, count * SUM_BYTES), blockCount(size) - count);
  }

  /** The memory that has the sums of `count` blocks from `block` on, and where in it. */
  async of(block: number, count: number, key: StorageKey): Promise<{ sums: Buffer; at: number }> {
    if (block < this.first || (block + count - this.first) * SUM_BYTES > this.window.length) {
      const window = Buffer.allocUnsafe(Math.min(SUMS_AT_ONCE, blockCount(this.contentSize) - block) * SUM_BYTES);
      const read = await this.file.read(window, this.contentSize + block * SUM_BYTES);
      if (read < window.length) throw damagedBlob(key, 'the file is truncated');
      this.window = window;
      this.first = block;
    }
    return { sums: this.window, at: (block - this.first) * SUM_BYTES };
  }
}
