import * as fs from 'node:fs';
import { LRUCache } from 'lru-cache';
import type { ByteRange, StorageKey } from '@callfs/core';
import { BLOCK_BYTES, blockCount, firstDamagedBlock, FOOTER_BYTES, readFooter, SUM_BYTES } from '../blob-format';
import { openBlob, readSynchronously } from './localfs-read';
import { isSameFile } from './verified-blocks';

/** A longer part is a transfer, which is read piece by piece. */
const PART_BYTES = 2 * 1024 * 1024;
/** Blobs of which something is kept, and parts that were asked for once. */
const FILES = 4096;
/** So long a file is taken for what it was. */
const TRUST_MS = 1000;

interface HotFile {
  readonly stats: fs.Stats;
  /** By number of block. */
  readonly id: number;
  checkedMs: number;
}

/**
 * Blocks that are asked for again and again, in memory, verified. A blob's bytes never change, so nothing here is ever
 * old; but somebody may have laid hands on the file, which is noticed within a second and voids what is kept of it.
 *
 * A part gets here when it is asked for a second time: the first, by the ordinary way, has left it in the page cache, so
 * that reading it synchronously waits for no disk; and what is read once, as a backup does, displaces nothing.
 */
export class HotBlocks {
  private readonly blocks: LRUCache<string, Buffer>;
  private readonly files = new LRUCache<StorageKey, HotFile>({ max: FILES });
  private readonly askedOnce = new LRUCache<string, true>({ max: FILES });
  private opened = 0;

  constructor(
    maxBytes: number,
    private readonly now: () => number = Date.now,
  ) {
    this.blocks = new LRUCache({ maxSize: Math.max(1, maxBytes), sizeCalculation: (block) => block.byteLength + 64 });
  }

  /**
   * The bytes of a part, or of the whole blob, when they are here or should be from now on; `undefined` when they are not,
   * or when anything is wrong: then the ordinary way finds out what.
   */
  read(path: string, key: StorageKey, size: number, range: ByteRange = { offset: 0, length: size }): Buffer[] | undefined {
    const { offset, length } = range;
    if (length === 0 || length > PART_BYTES) return undefined;
    const first = Math.floor(offset / BLOCK_BYTES);
    const end = blockCount(offset + length);
    try {
      const file = this.fileOf(path, key);
      const kept = file && this.keptOf(file, first, end);
      const blocks = kept ?? (this.wasAskedFor(key, first, end) ? this.fetch(path, key, size, first, end) : undefined);
      return blocks && cut(blocks, offset - first * BLOCK_BYTES, length);
    } catch {
      return undefined;
    }
  }

  forget(key: StorageKey): void {
    this.files.delete(key);
  }

  private fileOf(path: string, key: StorageKey): HotFile | undefined {
    const known = this.files.get(key);
    if (!known) return undefined;
    const now = this.now();
    const age = now - known.checkedMs;
    if (age >= 0 && age < TRUST_MS) return known;
    const stats = fs.lstatSync(path, { throwIfNoEntry: false });
    if (!stats || !isSameFile(stats, known.stats)) {
      this.files.delete(key);
      return undefined;
    }
    known.checkedMs = now;
    return known;
  }

  private keptOf({ id }: HotFile, first: number, end: number): Buffer[] | undefined {
    const blocks: Buffer[] = [];
    for (let number = first; number < end; number++) {
      const block = this.blocks.get(`${id}/${number}`);
      if (!block) return undefined;
      blocks.push(block);
    }
    return blocks;
  }

  private wasAskedFor(key: StorageKey, first: number, end: number): boolean {
    const part = `${key}/${first}/${end}`;
    if (this.askedOnce.delete(part)) return true;
    this.askedOnce.set(part, true);
    return false;
  }

  private fetch(path: string, key: StorageKey, size: number, first: number, end: number): Buffer[] | undefined {
    const { fd, stats } = openBlob(path, key);
    try {
      const footer = readSynchronously(fd, Buffer.allocUnsafe(FOOTER_BYTES), stats.size - FOOTER_BYTES);
      if (readFooter(footer, key, stats.size) !== size) return undefined;
      const sums = readSynchronously(fd, Buffer.allocUnsafe((end - first) * SUM_BYTES), size + first * SUM_BYTES);
      const blocks: Buffer[] = [];
      for (let number = first; number < end; number++) {
        // Memory of its own, so that a block that is forgotten is free.
        const memory = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, size - number * BLOCK_BYTES));
        const block = readSynchronously(fd, memory, number * BLOCK_BYTES);
        if (block.length < memory.length || firstDamagedBlock(block, sums, (number - first) * SUM_BYTES) >= 0) return undefined;
        blocks.push(block);
      }
      this.keep(key, stats, blocks, first);
      return blocks;
    } finally {
      fs.closeSync(fd);
    }
  }

  private keep(key: StorageKey, stats: fs.Stats, blocks: readonly Buffer[], first: number): void {
    let file = this.files.get(key);
    if (!file || !isSameFile(file.stats, stats)) {
      file = { stats, id: this.opened++, checkedMs: this.now() };
      this.files.set(key, file);
    }
    for (const [index, block] of blocks.entries()) this.blocks.set(`${file.id}/${first + index}`, block);
  }
}

/** `length` bytes of blocks that follow each other, from `offset` on. */
function cut(blocks: readonly Buffer[], offset: number, length: number): Buffer[] {
  const end = offset + length;
  return blocks.map((block, index) => {
    const start = index * BLOCK_BYTES;
    const isWhole = start >= offset && start + block.length <= end;
    return isWhole ? block : block.subarray(Math.max(0, offset - start), end - start);
  });
}
