import { createHash, type Hash } from 'node:crypto';
import type { ByteRange } from '@callfs/core';
import type { BlobBody, ExpectedContent } from '../storage-provider';

/** A whole content up to this size is given out at once, when it is known to be right: what is wrong can still be had elsewhere. */
const WHOLE_MAX_BYTES = 256 * 1024;

/**
 * Bytes that another node sends, compared with what the metadata says of them: their number always, their digest where they
 * are the whole content. The last chunk is held back until it is known to be right, so what is wrong is never complete; of a
 * small content nothing is given out before.
 */
export class CheckedBody implements AsyncIterableIterator<Buffer> {
  private readonly chunks: AsyncIterator<Buffer>;
  private readonly hash: Hash | undefined;
  private readonly isWhole: boolean;
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
    this.isWhole = this.hash !== undefined && expected.size <= WHOLE_MAX_BYTES;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer>> {
    return this.isWhole && this.left > 0 ? this.whole() : this.checked();
  }

  async return(): Promise<IteratorResult<Buffer>> {
    await this.chunks.return?.();
    return { done: true, value: undefined };
  }

  private async whole(): Promise<IteratorResult<Buffer>> {
    const content = Buffer.allocUnsafe(this.left);
    for (let at = 0; at < content.length;) {
      const next = await this.checked();
      if (next.done) return next;
      at += next.value.copy(content, at);
    }
    return { done: false, value: content };
  }

  private async checked(): Promise<IteratorResult<Buffer>> {
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

  private async refuse(what: string): Promise<never> {
    await this.chunks.return?.();
    throw this.wrong(what);
  }
}
