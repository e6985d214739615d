import { createHash } from 'node:crypto';
import { CallfsError, newStorageKey, type Content, type Replica } from '@callfs/core';
import type { CommitGuard, MetadataStore } from '@callfs/metadata';
import type { ActingUser, BlobBody, StorageProviders } from '@callfs/storage';
import type { ReplicaReader } from '../replica-reader';

/** A backend of a node, or one that all nodes share: then `instanceId` is empty. */
export type BlobPlace = Pick<Replica, 'backend' | 'instanceId'>;

/** What has to be known of a content to copy it, be it committed or not. */
export type CopiedContent = Pick<Content, 'size' | 'sha256' | 'replicas'>;

export interface CopyOptions {
  readonly signal?: AbortSignal;
  readonly actingFor?: ActingUser;
  /** Waits after so many bytes, for as long as a rate asks. */
  readonly pace?: (bytes: number) => Promise<void>;
}

/**
 * Makes more blobs of contents, anywhere in the cluster: read from whichever blob can be, compared with what was committed
 * on the way, durable where they are to be. Until the metadata names it a blob belongs to nobody, and what nobody claims is
 * the recovery's or the sweep's.
 */
export class ContentCopier {
  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly reader: ReplicaReader,
  ) {}

  /**
   * A new blob of `content` at `place`, which the metadata does not know yet. On failure nothing remains:
   * `PEER_UNAVAILABLE`, `BACKEND_UNAVAILABLE`, `INSUFFICIENT_STORAGE`.
   */
  async stage(content: CopiedContent, place: BlobPlace, options: CopyOptions = {}): Promise<Replica> {
    const replica = { backend: place.backend, instanceId: place.instanceId, key: newStorageKey() };
    let failure: unknown = new CallfsError('BACKEND_UNAVAILABLE', 'No blob of this content can be read; run "callfs fsck".');
    for (const source of this.reader.inOrder(content.replicas)) {
      const reading = new Reading();
      try {
        await this.providers.at(replica).write(replica.key, this.checked(source, content, reading, options), {
          size: content.size,
          signal: options.signal,
          actingFor: options.actingFor,
        });
        return replica;
      } catch (error) {
        options.signal?.throwIfAborted();
        // Where the bytes were to go is no better for another source of them.
        if (!reading.hasFailed || !CallfsError.is(error)) throw error;
        failure = missingIsNoAnswer(error);
      }
    }
    throw failure;
  }

  /**
   * Gives a staged blob to its content, and makes sure that it is still there: from then on it may be relied upon, and
   * another may be dropped for it. On failure the content is as it was and the blob is given up. `CONFLICT` when the content
   * is gone or has a blob at that place, `STALE_LOCK`.
   */
  async add(content: Content, replica: Replica, guard?: CommitGuard): Promise<void> {
    try {
      await this.store.changeReplicas(content.id, { add: [replica] }, guard);
    } catch (error) {
      // Whether the commit came through is not always known; then the blob is left to the sweep.
      if (CallfsError.is(error, 'METADATA_UNAVAILABLE')) await this.leave(replica);
      else await this.discard(replica);
      throw error;
    }
    try {
      await this.makeSureThere(content, replica);
      await this.providers.at(replica).settle?.(replica.key);
    } catch (error) {
      await this.store.changeReplicas(content.id, { drop: [replica] }).catch(unlessGone);
      throw error;
    }
  }

  /**
   * A blob for which another is to be given up is, byte for byte, what was committed: `BACKEND_UNAVAILABLE`, `PEER_UNAVAILABLE`.
   * That it is there is not enough where it was written long ago: the other may be the last that is sound.
   */
  async makeSure(content: CopiedContent, replica: Replica, options: CopyOptions = {}): Promise<void> {
    try {
      for await (const _chunk of this.checked(replica, content, new Reading(), options));
    } catch (error) {
      throw missingIsNoAnswer(error);
    }
  }

  /** A blob is there, and as long as it should be: enough for one whose bytes were compared when it was written, a moment ago. */
  async makeSureThere(content: CopiedContent, replica: Replica): Promise<void> {
    const found = this.providers.at(replica).stat(replica.key);
    const { size } = await found.catch((error: unknown) => {
      throw missingIsNoAnswer(error);
    });
    if (size !== content.size)
      throw new CallfsError(
        'BACKEND_UNAVAILABLE',
        `A blob of this file has ${size} bytes instead of ${content.size}; run "callfs fsck".`,
      );
  }

  /** Both in one: `content` has a blob more, at `place`. */
  async copyTo(content: Content, place: BlobPlace, options: CopyOptions = {}): Promise<Replica> {
    const replica = await this.stage(content, place, options);
    await this.add(content, replica);
    return replica;
  }

  /** Removes a staged blob that no content got. One that cannot be reached is left to the sweep. */
  async discard(replica: Replica): Promise<void> {
    try {
      await this.providers.at(replica).delete(replica.key);
    } catch (error) {
      if (!CallfsError.is(error)) throw error;
    }
  }

  /** Another node has settled its own already. */
  private async leave(replica: Replica): Promise<void> {
    if (this.providers.isAtHand(replica)) await this.providers.at(replica).settle?.(replica.key).catch(unlessKnown);
  }

  private async *checked(
    source: Replica,
    { size, sha256 }: CopiedContent,
    reading: Reading,
    { signal, actingFor, pace }: CopyOptions,
  ): AsyncGenerator<Buffer> {
    const hash = createHash('sha256');
    for await (const chunk of reading.of(() => this.open(source, { size, sha256 }, { signal, actingFor }))) {
      hash.update(chunk);
      yield chunk;
      await pace?.(chunk.length);
    }
    if (hash.digest('hex') === sha256) return;
    reading.hasFailed = true;
    throw new CallfsError('BACKEND_UNAVAILABLE', 'The blob is not what was committed; run "callfs fsck --verify-content".');
  }

  private async open(
    { backend, instanceId, key }: Replica,
    expected: Pick<Content, 'size' | 'sha256'>,
    options: Pick<CopyOptions, 'signal' | 'actingFor'>,
  ): Promise<BlobBody> {
    return this.providers.at({ backend, instanceId }).read(key, { expected, ...options });
  }
}

/** Knows of a transfer whether it was the source that failed. */
class Reading {
  hasFailed = false;

  async *of(open: () => Promise<BlobBody>): AsyncGenerator<Buffer> {
    let chunks: AsyncIterator<Buffer> | undefined;
    try {
      chunks = (await this.watched(open()))[Symbol.asyncIterator]();
      for (;;) {
        const next = await this.watched(chunks.next());
        if (next.done) return;
        yield next.value;
      }
    } finally {
      await chunks?.return?.();
    }
  }

  private async watched<T>(step: Promise<T>): Promise<T> {
    try {
      return await step;
    } catch (error) {
      this.hasFailed = true;
      throw error;
    }
  }
}

/** The error that the caller is told of came first. */
function unlessKnown(error: unknown): void {
  if (!CallfsError.is(error)) throw error;
}

/** A content that is gone has no blobs to take back. */
function unlessGone(error: unknown): void {
  if (!CallfsError.is(error, 'CONFLICT')) throw error;
}

/** The file is there, whatever has become of a blob of it. */
function missingIsNoAnswer(error: unknown): unknown {
  if (!CallfsError.is(error, 'FILE_NOT_FOUND')) return error;
  return new CallfsError('BACKEND_UNAVAILABLE', 'A blob of this file is missing from its backend; run "callfs fsck".', {
    cause: error,
  });
}
