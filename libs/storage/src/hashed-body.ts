import { createHash } from 'node:crypto';

/** Passes a body on and hashes it chunk by chunk: all of a part of S3 at once would hold the event loop for too long. */
export class HashedBody implements AsyncIterableIterator<Uint8Array, undefined> {
  private readonly hash = createHash('sha256');
  private readonly chunks: AsyncIterator<Uint8Array>;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.chunks = body[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Not a generator, which would keep each chunk until it has the next. */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const next = await this.chunks.next();
    if (next.done) return { done: true, value: undefined };
    this.hash.update(next.value);
    return { done: false, value: next.value };
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.chunks.return?.();
    return { done: true, value: undefined };
  }

  /** The SHA-256 of it all, in hexadecimal. Called once, behind the last chunk. */
  digest(): string {
    return this.hash.digest('hex');
  }
}

/** `write` with the digest of the body, if that is wanted. */
export async function withDigest<T extends object>(
  body: AsyncIterable<Uint8Array>,
  isWanted: boolean | undefined,
  write: (body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T & { sha256?: string }> {
  if (!isWanted) return write(body);
  const hashed = new HashedBody(body);
  const written = await write(hashed);
  return { ...written, sha256: hashed.digest() };
}
