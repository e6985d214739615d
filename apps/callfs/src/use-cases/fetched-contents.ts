import { hash } from 'node:crypto';
import type { ByteRange, Content } from '@callfs/core';
import { damagedBlob, type BlobBody } from '@callfs/storage';
import { LRUCache } from 'lru-cache';

/** Larger contents are transfers. */
const WHOLE_MAX_BYTES = 256 * 1024;

/**
 * Small contents that had to be fetched from another node or from S3, in memory: the next reader needs neither. Known by
 * their SHA-256, so nothing here can be old or another's; who may read a file is for its metadata to say, every time.
 */
export class FetchedContents {
  private readonly contents: LRUCache<string, Buffer>;

  constructor(private readonly maxBytes: number) {
    this.contents = new LRUCache({ maxSize: Math.max(1, maxBytes), sizeCalculation: (bytes) => bytes.length + 128 });
  }

  /** Of all or a part, when it is here. The memory stays ours: nobody writes to it. */
  bytesOf({ sha256 }: Content, range?: ByteRange): Buffer | undefined {
    const bytes = this.contents.get(sha256);
    return bytes && range ? bytes.subarray(range.offset, range.offset + range.length) : bytes;
  }

  /** Whether a content that is fetched as a whole should come here. */
  concern({ size }: Content): boolean {
    return size > 0 && size <= WHOLE_MAX_BYTES && size <= this.maxBytes;
  }

  /** Takes all of `body` in. `BACKEND_UNAVAILABLE` when those are not the bytes of the content. */
  async take(content: Content, body: BlobBody): Promise<Buffer> {
    const { size, sha256 } = content;
    const bytes = Buffer.allocUnsafeSlow(size);
    let length = 0;
    for await (const chunk of body) {
      chunk.copy(bytes, length);
      length += chunk.length;
    }
    if (length !== size || hash('sha256', bytes, 'hex') !== sha256)
      throw damagedBlob(content.replicas[0]?.key ?? '', 'it does not have the digest of its content');
    this.contents.set(sha256, bytes);
    return bytes;
  }
}
