import { createHash, type Hash } from 'node:crypto';
import type { ByteRange } from '@callfs/core';
import type { BlobBody, ExpectedContent } from '../storage-provider';

/**
 * Bytes that another node sends, compared with what the metadata says of them: their number always, their digest where they
 * are the whole content. The last chunk is held back until it is known to be right, so what is wrong is never complete.
 */
export class CheckedBody implements AsyncIterableIterator<Buffer> {
  private readonly chunks: AsyncIterator<Buffer>;
  private readonly hash: Hash | undefined;
  private left: number;

  constructor(
    body: BlobBody,
    private readonly expected: ExpectedContent,
    range: ByteRange | undefined,
    private readonly wrong: (what: string) => Error,
  ) {
    this.chunks = body[Symbol.asyncIterator]();
    this.left = range?.length ?? expected.size;
    if (this.left === expected.size) this.hash = createHash('sha256');
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer>> {
    const next = await this.chunks.next();
    if (next.done) {
      if (this.left > 0) throw this.wrong(`leaves out ${this.left} bytes`);
      return next;
    }
    this.left -= next.value.length;
    this.hash?.update(next.value);
    if (this.left < 0) return this.refuse('sends more bytes than there are');
    if (this.left === 0 && this.hash && this.hash.digest('hex') !== this.expected.sha256)
      return this.refuse('sends bytes with another digest');
    return next;
  }

  async return(): Promise<IteratorResult<Buffer>> {
    await this.chunks.return?.();
    return { done: true, value: undefined };
  }

  private async refuse(what: string): Promise<never> {
    await this.chunks.return?.();
    throw this.wrong(what);
  }
}
