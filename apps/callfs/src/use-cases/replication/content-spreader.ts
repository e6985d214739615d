import { Logger } from '@nestjs/common';
import { CallfsError, type Replica } from '@callfs/core';
import type { NewContent } from '@callfs/metadata';
import type { StorageProviders } from '@callfs/storage';
import type { Caller } from '../caller';
import type { StagedContent } from '../content-stager';
import type { BlobPlace, ContentCopier } from './content-copier';
import type { ReplicaPlaces } from './replica-places';
import type { ReplicationObserver } from './replication-observer';

/** What a copy may take before its first byte, and for each of the others: beyond it, another place is better. */
const PATIENCE_MS = 2_000;
const MIN_BYTES_PER_MS = 4_096;

/**
 * Gives new content its further blobs before the commit, so that what is acknowledged survives the loss of a node
 * (`storage.replicas`). The commit names all of them at once. Where too few places answer, the content has fewer for now:
 * the write is durable, goes through, and the healer makes up for it.
 */
export class ContentSpreader {
  private readonly logger = new Logger(ContentSpreader.name);

  constructor(
    private readonly providers: StorageProviders,
    private readonly copier: ContentCopier,
    private readonly places: ReplicaPlaces,
    private readonly copies: number,
    private readonly observe: ReplicationObserver,
  ) {}

  /** Whether there is anything to do: inline bytes are in the metadata. */
  concerns({ content }: StagedContent): boolean {
    return this.copies > 1 && content.data === null;
  }

  /** What is staged, with its copies; it stands for `staged` from then on, which is discarded when this fails. */
  async spread(staged: StagedContent, caller: Caller): Promise<StagedContent> {
    const { content } = staged;
    const made: Replica[] = [];
    const left = this.places.besides(content.replicas);
    const wanted = this.copies - content.replicas.length;
    const one = async (): Promise<void> => {
      for (let place = left.shift(); place; place = left.shift()) {
        const replica = await this.copy(content, place, caller);
        if (replica) return void made.push(replica);
      }
    };
    const discard = async () => {
      await Promise.all([staged.discard(), ...made.map((replica) => this.copier.discard(replica))]);
    };
    const ended = await Promise.allSettled(Array.from({ length: wanted }, one));
    const failed = ended.find((result) => result.status === 'rejected');
    if (failed) {
      await discard();
      throw failed.reason as Error;
    }
    if (made.length < wanted)
      this.logger.warn({ copies: content.replicas.length + made.length, wanted: this.copies }, 'new content has too few copies');
    const settle = async () => {
      // Another node has settled its own already.
      const here = made.filter((replica) => this.providers.isAtHand(replica));
      await Promise.all([staged.settle(), ...here.map(({ backend, key }) => this.providers.get(backend).settle?.(key))]);
    };
    return { content: { ...content, replicas: [...content.replicas, ...made] }, settle, discard };
  }

  /** Nothing when that place could not take it in time. */
  private async copy(content: NewContent, place: BlobPlace, caller: Caller): Promise<Replica | undefined> {
    const { identity, requestId, signal } = caller;
    const patience = AbortSignal.timeout(PATIENCE_MS + Math.ceil(content.size / MIN_BYTES_PER_MS));
    try {
      const replica = await this.copier.stage(content, place, {
        signal: signal ? AbortSignal.any([signal, patience]) : patience,
        actingFor: { user: identity.user, requestId },
      });
      this.observe.copied('write', 'ok');
      return replica;
    } catch (error) {
      signal?.throwIfAborted();
      if (!CallfsError.is(error) && !patience.aborted) throw error;
      this.observe.copied('write', 'failed');
      this.logger.warn({ err: error, ...place }, 'a copy of new content could not be made there');
      return undefined;
    }
  }
}
