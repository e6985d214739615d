import * as fs from 'node:fs';
import type { ByteRange, StorageKey } from '@callfs/core';
import type { BlobBody, ReadOptions } from '../storage-provider';
import { BLOCK_BYTES, blockCount, fileSizeOf, FOOTER_BYTES, readFooter, SUM_BYTES } from '../blob-format';
import type { BufferPool } from '../buffer-pool';
import { LargeBody } from './large-body';
import { damagedBlob, noSuchBlob } from '../blob-errors';
import { errnoOf, storageFailure } from './localfs-errors';
import { OpenFile } from './open-file';
import { verifyBlocks } from './sum-reader';
import type { SoundBlocks, VerifiedBlocks } from './verified-blocks';

/**
 * A file of up to this many bytes of content is read at once and synchronously: from the page cache that takes less
 * than a trip through the thread pool, and from a disk a few milliseconds at most.
 */
const SYNCHRONOUS_BYTES = 4 * BLOCK_BYTES;

interface Opened {
  readonly fd: number;
  readonly stats: fs.Stats;
}

/** Opens what lies under `path` if it can be a blob: no link is followed, no FIFO waited for, no device served. */
export function openBlob(path: string, key: StorageKey): Opened {
  let fd: number;
  try {
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') throw noSuchBlob(key, cause);
    if (errnoOf(cause) === 'ELOOP') throw damagedBlob(key, 'a symbolic link stands in its place');
    throw storageFailure('open a file', cause);
  }
  try {
    const found = fs.fstatSync(fd);
    if (!found.isFile()) throw damagedBlob(key, 'something that is not a file stands in its place');
    return { fd, stats: found };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** The content size by the footer. */
export function readSize(path: string, key: StorageKey): number {
  const { fd, stats } = openBlob(path, key);
  const fileSize = stats.size;
  try {
    const footer = Buffer.allocUnsafe(FOOTER_BYTES);
    return sizeBy(readSynchronously(fd, footer, Math.max(0, fileSize - FOOTER_BYTES)), key, fileSize);
  } finally {
    fs.closeSync(fd);
  }
}

/** What all reads of a provider share. */
export interface ReadResources {
  readonly pool: BufferPool;
  readonly verified: VerifiedBlocks;
  readonly timeoutMs: number;
}

export async function readBlob(path: string, key: StorageKey, options: ReadOptions, resources: ReadResources): Promise<BlobBody> {
  options.signal?.throwIfAborted();
  const { fd, stats } = openBlob(path, key);
  const sound = resources.verified.of(key, stats);
  if (stats.size <= fileSizeOf(SYNCHRONOUS_BYTES)) return readAtOnce(fd, stats.size, key, options.range, resources.pool, sound);
  const file = new OpenFile(fd, resources.timeoutMs);
  return new LargeBody(file, key, stats.size, sound, resources.pool, options).open();
}

function readAtOnce(
  fd: number,
  fileSize: number,
  key: StorageKey,
  range: ByteRange | undefined,
  pool: BufferPool,
  sound: SoundBlocks,
): BlobBody {
  const buffer = fileSize <= fileSizeOf(BLOCK_BYTES) ? pool.takeSmall() : pool.takeLarge();
  // Too many large ones are in use: a small one does not hold the file.
  const memory = fileSize <= buffer.length ? buffer : Buffer.allocUnsafeSlow(fileSize);
  const release = (): void => pool.give(buffer);
  try {
    const bytes = readSynchronously(fd, memory.subarray(0, fileSize), 0);
    const size = sizeBy(bytes.subarray(Math.max(0, bytes.length - FOOTER_BYTES)), key, fileSize);
    const { offset, length } = range ?? { offset: 0, length: size };
    const first = Math.floor(offset / BLOCK_BYTES);
    const count = blockCount(offset + length) - first;
    const content = bytes.subarray(first * BLOCK_BYTES, Math.min(size, (first + count) * BLOCK_BYTES));
    verifyBlocks(content, { sums: bytes, at: size + first * SUM_BYTES }, first, key, sound);
    return new OneChunk(length === 0 ? undefined : bytes.subarray(offset, offset + length), release);
  } catch (error) {
    release();
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

/** Fills `buffer` from `position` on; shorter only at the end of the file. */
export function readSynchronously(fd: number, buffer: Buffer, position: number): Buffer {
  let filled = 0;
  try {
    while (filled < buffer.length) {
      const count = fs.readSync(fd, buffer, filled, buffer.length - filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
  } catch (cause) {
    throw storageFailure('read a file', cause);
  }
  return buffer.subarray(0, filled);
}

function sizeBy(footer: Buffer, key: StorageKey, fileSize: number): number {
  const size = readFooter(footer, key, fileSize);
  if (typeof size === 'string') throw damagedBlob(key, size);
  return size;
}

/** A body of one chunk (or none), whose memory goes back to the pool when the next is asked for. */
class OneChunk implements AsyncIterableIterator<Buffer> {
  constructor(
    private chunk: Buffer | undefined,
    private release: (() => void) | undefined,
  ) {}

  async next(): Promise<IteratorResult<Buffer>> {
    const value = this.chunk;
    this.chunk = undefined;
    return value ? { done: false, value } : this.return();
  }

  async return(): Promise<IteratorResult<Buffer>> {
    this.chunk = undefined;
    this.release?.();
    this.release = undefined;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
