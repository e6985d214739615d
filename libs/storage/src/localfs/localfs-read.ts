import * as fs from 'node:fs';
import type { ByteRange, StorageKey } from '@callfs/core';
import type { BlobBody, ReadOptions } from '../storage-provider';
import { BLOCK_BYTES, blockCount, fileSizeOf, firstDamagedBlock, FOOTER_BYTES, readFooter, SUM_BYTES } from './blob-format';
import type { BufferPool } from './buffer-pool';
import { LargeBody } from './large-body';
import { damagedBlob, errnoOf, noSuchBlob, storageFailure } from './localfs-errors';
import { OpenFile } from './open-file';
import { SumReader } from './sum-reader';

/**
 * A file of up to this many bytes of content is read at once and synchronously: from the page cache that takes less
 * than a trip through the thread pool, and from a disk a few milliseconds at most.
 */
const SYNCHRONOUS_BYTES = 4 * BLOCK_BYTES;

interface Opened {
  readonly fd: number;
  readonly fileSize: number;
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
    return { fd, fileSize: found.size };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** The content size by the footer. */
export function readSize(path: string, key: StorageKey): number {
  const { fd, fileSize } = openBlob(path, key);
  try {
    const footer = Buffer.allocUnsafe(FOOTER_BYTES);
    return sizeBy(readSynchronously(fd, footer, Math.max(0, fileSize - FOOTER_BYTES)), key, fileSize);
  } finally {
    fs.closeSync(fd);
  }
}

export async function readBlob(
  path: string,
  key: StorageKey,
  options: ReadOptions,
  pool: BufferPool,
  timeoutMs: number,
): Promise<BlobBody> {
  options.signal?.throwIfAborted();
  const opened = openBlob(path, key);
  if (opened.fileSize <= fileSizeOf(SYNCHRONOUS_BYTES)) return readAtOnce(opened, key, options.range, pool);
  const file = new OpenFile(opened.fd, timeoutMs);
  try {
    const sums = await SumReader.open(file, opened.fileSize, key);
    const range = options.range ?? { offset: 0, length: sums.contentSize };
    return new LargeBody(file, key, sums, range, pool, options.signal);
  } catch (error) {
    // A read that timed out still has the descriptor, which is closed when that read comes back.
    void file.discard();
    throw error;
  }
}

function readAtOnce({ fd, fileSize }: Opened, key: StorageKey, range: ByteRange | undefined, pool: BufferPool): BlobBody {
  const buffer = fileSize <= fileSizeOf(BLOCK_BYTES) ? pool.takeSmall() : pool.takeLarge();
  // Too many large ones are in use: a small one does not hold the file.
  const memory = fileSize <= buffer.length ? buffer : Buffer.allocUnsafeSlow(fileSize);
  const release = (): void => pool.give(buffer);
  try {
    const bytes = readSynchronously(fd, memory.subarray(0, fileSize), 0);
    const size = sizeBy(bytes.subarray(Math.max(0, bytes.length - FOOTER_BYTES)), key, fileSize);
    const { offset, length } = range ?? { offset: 0, length: size };
    const first = Math.floor(offset / BLOCK_BYTES);
    const end = Math.min(size, (first + blockCount(offset + length - first * BLOCK_BYTES)) * BLOCK_BYTES);
    const damaged = firstDamagedBlock(bytes.subarray(first * BLOCK_BYTES, end), bytes, size + first * SUM_BYTES);
    if (damaged >= 0) throw damagedBlob(key, `block ${first + damaged} does not match its checksum`);
    return new OneChunk(length === 0 ? undefined : bytes.subarray(offset, offset + length), release);
  } catch (error) {
    release();
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

function readSynchronously(fd: number, buffer: Buffer, position: number): Buffer {
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
