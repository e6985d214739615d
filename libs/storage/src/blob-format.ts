/*
 * A blob's file, version 1. All numbers are little-endian.
 *
 *   content   the bytes as they were written
 *   sums      the CRC-32 (of zlib) of each 64 KiB block of the content, 4 bytes each; the last block may be short
 *   footer    44 bytes:
 *               0  magic         "CallFSb\n"
 *               8  version       4 bytes, 1
 *              12  block size    4 bytes, 65,536
 *              16  content size  8 bytes
 *              24  key           16 bytes: a file that fsck put into lost+found, or that was swapped, still tells whose it is
 *              40  CRC-32 of the 40 bytes before
 *
 * The content comes first, so it stands at its own offsets, and the sums last, so a body is written in one pass
 * without knowing its length. A reader verifies the footer, then each block against its sum before the block's
 * bytes leave. The sums need no checksum of their own: a flipped bit in one makes its block fail.
 */
import { crc32 } from 'node:zlib';
import type { StorageKey } from '@callfs/core';

export const BLOCK_BYTES = 65_536;
export const SUM_BYTES = 4;
export const FOOTER_BYTES = 44;

const MAGIC = Buffer.from('CallFSb\n', 'latin1');
const VERSION = 1;

export function blockCount(size: number): number {
  return Math.ceil(size / BLOCK_BYTES);
}

/** The length of the file that holds `size` bytes of content. */
export function fileSizeOf(size: number): number {
  return size + blockCount(size) * SUM_BYTES + FOOTER_BYTES;
}

/** The content size of a file of this length; of a damaged file, what it comes nearest to. */
export function contentSizeOf(fileSize: number): number {
  const rest = Math.max(0, fileSize - FOOTER_BYTES);
  return rest - Math.ceil(rest / (BLOCK_BYTES + SUM_BYTES)) * SUM_BYTES;
}

/** The first block of `content` that does not match its sum, counted from 0; -1 when all do. */
export function firstDamagedBlock(content: Buffer, sums: Buffer, at: number): number {
  for (let start = 0; start < content.length; start += BLOCK_BYTES) {
    if (crc32(content.subarray(start, start + BLOCK_BYTES)) !== sums.readUInt32LE(at)) return start / BLOCK_BYTES;
    at += SUM_BYTES;
  }
  return -1;
}

export function writeFooter(footer: Buffer, key: StorageKey, size: number): void {
  MAGIC.copy(footer, 0);
  footer.writeUInt32LE(VERSION, 8);
  footer.writeUInt32LE(BLOCK_BYTES, 12);
  footer.writeBigUInt64LE(BigInt(size), 16);
  footer.write(key, 24, 'hex');
  footer.writeUInt32LE(crc32(footer.subarray(0, 40)), 40);
}

/** The content size, or what is wrong with a footer that ends a file of `fileSize` bytes. */
export function readFooter(footer: Buffer, key: StorageKey, fileSize: number): number | string {
  if (footer.length < FOOTER_BYTES) return 'the file is too short to be a blob';
  if (!footer.subarray(0, 8).equals(MAGIC)) return 'the file is truncated or no blob of ours';
  if (crc32(footer.subarray(0, 40)) !== footer.readUInt32LE(40)) return 'the footer does not match its checksum';
  if (footer.readUInt32LE(8) !== VERSION || footer.readUInt32LE(12) !== BLOCK_BYTES)
    return 'the format is not known to this version';
  if (footer.toString('hex', 24, 40) !== key) return 'the file belongs to another key';
  const size = Number(footer.readBigUInt64LE(16));
  return fileSizeOf(size) === fileSize ? size : 'the file is longer or shorter than its footer says';
}
