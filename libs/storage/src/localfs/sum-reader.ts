import { blockCount, contentSizeOf, firstDamagedBlock, FOOTER_BYTES, readFooter, SUM_BYTES } from '../blob-format';
import type { StorageKey } from '@callfs/core';
import { damagedBlob } from '../blob-errors';
import type { OpenFile } from './open-file';
import type { SoundBlocks } from './verified-blocks';

/** Sums read ahead at once: those of 256 MiB of content. */
const SUMS_AT_ONCE = 4096;

/** Where the sums of some blocks are: `at` the first. */
export interface Sums {
  readonly sums: Buffer;
  readonly at: number;
}

/** Throws unless `content`, which starts with the block `first`, is what was written. */
export function verifyBlocks(content: Buffer, { sums, at }: Sums, first: number, key: StorageKey, sound: SoundBlocks): void {
  if (sound.has(first, blockCount(content.length))) return;
  const damaged = firstDamagedBlock(content, sums, at);
  if (damaged >= 0) throw damagedBlob(key, `block ${first + damaged} does not match its checksum`);
  sound.add(first, blockCount(content.length));
}

/** The sums of a file, a window of them in memory. */
export class SumReader {
  private constructor(
    private readonly file: OpenFile,
    private readonly contentSize: number,
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
  async of(block: number, count: number, key: StorageKey): Promise<Sums> {
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
