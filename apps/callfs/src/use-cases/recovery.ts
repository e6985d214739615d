import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { StorageKey } from '@callfs/core';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders, type StorageProvider } from '@callfs/storage';
import type { BlobOwnership } from './blob-ownership';

const BATCH = 500;

/**
 * Puts right what a crash left behind, before the first request: of every blob whose write had not been settled, the
 * metadata knows whether its commit came through. If it did, the blob is settled; if not, it is condemned before it is
 * removed: a commit that was sent by the process that died, and waits in the database, is made before that or refused.
 * Where the blobs are another store's, that one knows: what is unknown here stays as it is.
 */
@Injectable()
export class Recovery implements OnModuleInit {
  private readonly logger = new Logger(Recovery.name);

  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly ownership: BlobOwnership,
    private readonly instanceId: string,
  ) {}

  async onModuleInit(): Promise<void> {
    for (const provider of this.providers.all()) {
      const { isOurs } = await this.ownership.judge(provider);
      let batch: StorageKey[] = [];
      for await (const key of provider.unsettled?.() ?? []) {
        batch.push(key);
        if (batch.length < BATCH) continue;
        await this.judge(provider, batch, isOurs);
        batch = [];
      }
      await this.judge(provider, batch, isOurs);
    }
  }

  private async judge(provider: StorageProvider, found: readonly StorageKey[], isOurs: boolean): Promise<void> {
    if (found.length === 0) return;
    const instanceId = provider.isShared ? '' : this.instanceId;
    const known = await this.store.knownKeys(provider.name, instanceId, found);
    const keys = isOurs ? found : found.filter((key) => known.has(key));
    const unknown = keys.filter((key) => !known.has(key)).map((key) => ({ backend: provider.name, instanceId, key }));
    const removable = unknown.length > 0 ? await this.store.condemn(unknown) : [];
    const condemned = new Set(removable.map(({ key }) => key));
    for (const key of keys) await (condemned.has(key) ? provider.delete(key) : provider.settle?.(key));
    const { size: removed } = condemned;
    const left = found.length > keys.length ? `, left ${found.length - keys.length} alone that are unknown here` : '';
    this.logger.log(
      `after an unclean stop: kept ${keys.length - removed} committed blobs, removed ${removed} uncommitted ones${left}`,
    );
  }
}
