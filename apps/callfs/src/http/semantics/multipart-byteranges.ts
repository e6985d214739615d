import { randomBytes } from 'node:crypto';
import type { ByteRange } from '@callfs/core';
import { contentRange } from './byte-ranges';

/** One part: what stands before its bytes, and which bytes those are. */
export interface BodyPart {
  readonly head: Buffer;
  readonly range: ByteRange;
}

/** A `multipart/byteranges` body (RFC 9110 §14.6) laid out before its first byte is read: each part in order, then the tail. */
export interface MultipartBody {
  readonly contentType: string;
  readonly contentLength: number;
  readonly parts: readonly BodyPart[];
  readonly tail: Buffer;
}

/** 128 random bits, so that no content holds its own boundary. */
export function newBoundary(): string {
  return `callfs-${randomBytes(16).toString('hex')}`;
}

/** Lays out `ranges` of a content of `size` bytes; `contentType` is the content's own. */
export function multipartByteRanges(
  ranges: readonly ByteRange[],
  size: number,
  contentType: string,
  boundary = newBoundary(),
): MultipartBody {
  let contentLength = 0;
  const parts = ranges.map((range, index) => {
    const head = Buffer.from(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`,
      'latin1',
    );
    contentLength += head.length + range.length;
    return { head, range };
  });
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1');
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    contentLength: contentLength + tail.length,
    parts,
    tail,
  };
}
