import { CallfsError, type ByteRange, type Content, type Replica } from '@callfs/core';
import { damageIn, type BlobBody, type ReadOptions, type StorageProviders } from '@callfs/storage';
import type { FetchedContents } from './fetched-contents';
import type { SuspectBlobs } from './suspect-blobs';

/**
 * Reads a content from whichever of its blobs answers: one that this node has, then one that all share, then those of other
 * nodes, of those the ones last that are not thought to answer. One that fails before its first byte is passed over for the next.
 * One that this node reads itself, block by block verified, and that fails later, is continued from the next; a transfer from
 * another node breaks. What is wrong with a blob of this node's is reported.
 */
export class ReplicaReader {
  constructor(
    private readonly providers: StorageProviders,
    private readonly fetched: FetchedContents,
    private readonly suspects: SuspectBlobs,
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
    if (!isFetched) return this.beginAny(content, [first, ...others], options);
    let failure: unknown;
    for (const replica of [first, ...others]) {
      try {
        return inOnePiece(await this.fetched.take(content, await this.open(replica, { ...options, expected: content })));
      } catch (error) {
        if (options.signal?.aborted) throw error;
        failure ??= error;
      }
    }
    return notMissing(failure);
  }

  /** With the first bytes in hand, of the first of these blobs that has them. */
  private async beginAny(content: Content, replicas: readonly Replica[], options: ReadOptions): Promise<BlobBody> {
    let failure: unknown;
    for (const [index, replica] of replicas.entries()) {
      try {
        const body = await this.open(replica, { ...options, expected: content });
        const chunks = body[Symbol.asyncIterator]();
        const first = await chunks.next();
        const left = replicas.slice(index + 1);
        if (left.length === 0 || !this.providers.isAtHand(replica)) return new BegunBody(chunks, first);
        return new BegunBody(chunks, first, (sent, error) => {
          this.report(content, replica, error);
          return this.continueAfter(content, left, options, sent);
        });
      } catch (error) {
        if (options.signal?.aborted) throw error;
        this.report(content, replica, error);
        failure ??= error;
      }
    }
    return notMissing(failure);
  }

  /** What is left of a content, or of a part of it, after so many bytes. */
  private continueAfter(content: Content, replicas: readonly Replica[], options: ReadOptions, sent: number): Promise<BlobBody> {
    const { offset, length } = options.range ?? { offset: 0, length: content.size };
    return this.beginAny(content, replicas, { ...options, range: { offset: offset + sent, length: length - sent } });
  }

  private report(content: Content, replica: Replica, error: unknown): void {
    const isOwn = replica.instanceId !== '' && this.providers.isAtHand(replica);
    if (isOwn && (CallfsError.is(error, 'FILE_NOT_FOUND') || damageIn(error) !== undefined))
      this.suspects.report(content, replica);
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

/** A body whose first chunk was taken already, and which another may continue where it fails. */
class BegunBody implements AsyncIterableIterator<Buffer> {
  private sent = 0;

  constructor(
    private chunks: AsyncIterator<Buffer>,
    private first: IteratorResult<Buffer> | undefined,
    private continued?: (sent: number, error: unknown) => Promise<BlobBody>,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer>> {
    const next = await this.take();
    if (!next.done) this.sent += next.value.length;
    return next;
  }

  async return(): Promise<IteratorResult<Buffer>> {
    await this.chunks.return?.();
    return { done: true, value: undefined };
  }

  private async take(): Promise<IteratorResult<Buffer>> {
    const { first } = this;
    this.first = undefined;
    if (first) return first;
    try {
      return await this.chunks.next();
    } catch (error) {
      const { continued } = this;
      this.continued = undefined;
      if (!continued) throw error;
      const body = await continued(this.sent, error);
      this.chunks = body[Symbol.asyncIterator]();
      return this.chunks.next();
    }
  }
}
