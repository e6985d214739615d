import type { Stats } from 'node:fs';
import type { StorageKey } from '@callfs/core';
import { blockCount } from '../blob-format';

/** So long a block that was found sound is handed on again unverified. */
const TRUST_MS = 10_000;
/** A change so soon after another may leave the same times (the kernel's clock ticks every 1 to 10 ms). */
const TICK_MS = 100;
const FILES = 512;
/** 4 GiB of content: a map of 8 KiB. */
const BLOCKS = 65_536;

/** The blocks of one file, as it is now, that were found sound. */
export interface SoundBlocks {
  has(first: number, count: number): boolean;
  add(first: number, count: number): void;
}

const NONE: SoundBlocks = { has: () => false, add: () => undefined };

/**
 * Remembers which blocks were verified a moment ago, so that a file that is asked for over and over, or in ranges, is
 * not summed each time: what comes from the page cache is what was verified. Whatever is written to the file, by
 * whomever, changes its times and voids the memory, and so do ten seconds: a bit that rots on the disk is met soon.
 */
export class VerifiedBlocks {
  private readonly files = new Map<StorageKey, FileBlocks>();

  constructor(private readonly now: () => number = Date.now) {}

  of(key: StorageKey, stats: Stats): SoundBlocks {
    const now = this.now();
    const known = this.files.get(key);
    // A clock that was set back does not make it last longer.
    if (known?.isOf(stats) && now >= known.sinceMs && now - known.sinceMs < TRUST_MS) return known;
    const blocks = blockCount(stats.size);
    if (blocks > BLOCKS || now - Math.max(stats.mtimeMs, stats.ctimeMs) < TICK_MS) return NONE;
    this.files.delete(key);
    const [oldest] = this.files.keys();
    if (oldest !== undefined && this.files.size >= FILES) this.files.delete(oldest);
    const fresh = new FileBlocks(stats, blocks, now);
    this.files.set(key, fresh);
    return fresh;
  }
}

/** Whether nobody has touched a file between the two, as far as its times tell. */
export function isSameFile(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;
}

class FileBlocks implements SoundBlocks {
  private readonly bits: Uint8Array;

  constructor(
    private readonly stats: Stats,
    blocks: number,
    readonly sinceMs: number,
  ) {
    this.bits = new Uint8Array(Math.ceil(blocks / 8));
  }

  isOf(stats: Stats): boolean {
    return isSameFile(stats, this.stats);
  }

  has(first: number, count: number): boolean {
    for (let block = first; block < first + count; block++)
      if (!((this.bits[block >> 3] ?? 0) & (1 << (block & 7)))) return false;
    return true;
  }

  add(first: number, count: number): void {
    for (let block = first; block < first + count; block++) this.bits[block >> 3]! |= 1 << (block & 7);
  }
}
