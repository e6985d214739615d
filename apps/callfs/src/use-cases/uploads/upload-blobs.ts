import { Logger } from '@nestjs/common';
import { CallfsError, type Replica } from '@callfs/core';
import type { MetadataStore } from '@callfs/metadata';
import type { BlobBody, StorageProviders } from '@callfs/storage';
import type { BlobOwnership } from '../blob-ownership';
import type { Collector } from '../collector';
import type { UploadPart } from './upload-record';

/** Whoever sent a row or a commit for a part did so for an attempt that is over by now. */
const SPENT = { isSpent: true } as const;

/** The blobs that the parts of uploads are kept in. */
export class UploadBlobs {
  private readonly logger = new Logger(UploadBlobs.name);

  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly ownership: BlobOwnership,
    private readonly collector: Collector,
  ) {}

  /** From this node or the one that has it. `BACKEND_UNAVAILABLE`, `PEER_UNAVAILABLE`. */
  async read(blob: Replica): Promise<BlobBody> {
    try {
      return await this.providers.at(blob).read(blob.key);
    } catch (error) {
      if (!CallfsError.is(error, 'FILE_NOT_FOUND')) throw error;
      throw new CallfsError('BACKEND_UNAVAILABLE', 'Bytes of the upload are missing from their backend. Begin a new one.', {
        cause: error,
      });
    }
  }

  /** The bytes of these parts, one after the other, each chunk in memory of its own. */
  async *assemble(parts: readonly UploadPart[]): AsyncGenerator<Buffer> {
    for (const { replica } of parts) for await (const chunk of await this.read(replica)) yield Buffer.from(chunk);
  }

  /** Rows refer to them now, or may. What fails is made up for after the next start. */
  async settle(blobs: readonly Replica[]): Promise<void> {
    for (const { backend, key } of blobs)
      await this.providers
        .get(backend)
        .settle?.(key)
        .catch((error: unknown) => this.logger.warn({ err: error }, 'could not settle a part; recovery will'));
  }

  /**
   * As `giveUp`, and what this node reaches is gone when it resolves: an upload that is over leaves nothing behind. Parts that
   * came with a copy of a store are that one's, and may be a file's there.
   */
  async free(blobs: readonly Replica[]): Promise<void> {
    if (blobs.length === 0) return;
    try {
      const condemned = await this.store.condemn(blobs, SPENT);
      const here: Replica[] = [];
      for (const blob of condemned.filter((one) => this.providers.isAtHand(one)))
        if (await this.ownership.mayCollect(this.providers.get(blob.backend))) here.push(blob);
      for (const { backend, key } of here) await this.providers.get(backend).delete(key);
      await this.store.forget(here);
    } catch (error) {
      this.logger.warn({ err: error }, 'could not free the parts of an upload; the collector will');
    }
  }

  /**
   * No upload refers to them any more: the collectors of the nodes that have them delete those that are no file's. What
   * fails is made up for by the sweep.
   */
  async giveUp(blobs: readonly Replica[]): Promise<void> {
    if (blobs.length === 0) return;
    try {
      await this.store.condemn(blobs, SPENT);
      this.collector.wake();
    } catch (error) {
      this.logger.warn({ err: error }, 'could not give up the parts of an upload; the sweep will');
    }
  }
}
