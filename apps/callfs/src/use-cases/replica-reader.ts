import { CallfsError, type ByteRange, type Content, type Replica } from '@callfs/core';
import type { BlobBody, ReadOptions, StorageProviders } from '@callfs/storage';
import type { FetchedContents } from './fetched-contents';

/**
 * Reads a content from whichever of its blobs answers: one that this node has, then one that all share, then those of other
 * nodes, of those the ones last that are not thought to answer. One that fails before its first byte is passed over for the next; after that the transfer breaks.
 */
export class ReplicaReader {
  constructor(
    private readonly providers: StorageProviders,
    private readonly fetched: FetchedContents,
  ) {}

  /** `BACKEND_UNAVAILABLE` or `PEER_UNAVAILABLE` when no blob can be read. */
  async read(content: Content, options: ReadOptions): Promise<BlobBody> {
    const kept = this.fetched.bytesOf(content, options.range);
    if (kept) return inOnePiece(kept);
    const [first, ...others] = this.inOrder(content.replicas);
    if (!first) throw new CallfsError('BACKEND_UNAVAILABLE', 'No backend has this content any more; run "callfs fsck".');
    const isFetched = this.distance(first) > 0 && options.range === undefined && this.fetched.concern(content);
    // By far the most common case: nobody else has it, and nobody is in between.
    if (others.length === 0 && this.providers.isAtHand(first) && !isFetched) return this.open(first, options).catch(notMissing);
    let failure: unknown;
    for (const replica of [first, ...others]) {
      try {
        const expecting = { ...options, expected: content };
        if (!isFetched) return await this.begin(replica, expecting);
        return inOnePiece(await this.fetched.take(content, await this.open(replica, expecting)));
      } catch (error) {
        if (options.signal?.aborted) throw error;
        failure ??= error;
      }
    }
    return notMissing(failure);
  }

  /** The same out of memory, in this turn; `undefined` when it is not there. */
  readNow(content: Content, range?: ByteRange): readonly Buffer[] | undefined {
    const { replicas, size } = content;
    const kept = this.fetched.bytesOf(content, range);
    if (kept) return [kept];
    for (const replica of replicas) {
      const { key, backend } = replica;
      const found = this.providers.isAtHand(replica) ? this.providers.get(backend).readNow?.(key, size, range) : undefined;
      if (found) return found;
    }
    return undefined;
  }

  /** The one that is best read first, then the next best. */
  inOrder(replicas: readonly Replica[]): Replica[] {
    return [...replicas].sort((a, b) => this.distance(a) - this.distance(b));
  }

  private distance(replica: Replica): number {
    if (!this.providers.isAtHand(replica)) return this.providers.isAway(replica) ? 3 : 2;
    return replica.instanceId === '' ? 1 : 0;
  }

  private open({ backend, instanceId, key }: Replica, options: ReadOptions): Promise<BlobBody> {
    return Promise.resolve(this.providers.at({ backend, instanceId })).then((provider) => provider.read(key, options));
  }

  /** With the first bytes in hand. */
  private async begin(replica: Replica, options: ReadOptions): Promise<BlobBody> {
    const body = await this.open(replica, options);
    const chunks = body[Symbol.asyncIterator]();
    const first = await chunks.next();
    return new BegunBody(chunks, first);
  }
}

/** The file is there; its blob is not: no reader may take that for a file that was removed. */
function notMissing(error: unknown): never {
  if (!CallfsError.is(error, 'FILE_NOT_FOUND')) throw error;
  throw new CallfsError('BACKEND_UNAVAILABLE', 'The content of this file is missing from its backend; run "callfs fsck".', {
    cause: error,
  });
}

async function* inOnePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** A body whose first chunk was taken already. */
class BegunBody implements AsyncIterableIterator<Buffer> {
  constructor(
    private readonly chunks: AsyncIterator<Buffer>,
    private first: IteratorResult<Buffer> | undefined,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer>> {
    const { first } = this;
    if (!first) return this.chunks.next();
    this.first = undefined;
    return Promise.resolve(first);
  }

  async return(): Promise<IteratorResult<Buffer>> {
    await this.chunks.return?.();
    return { done: true, value: undefined };
  }
}
