import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { StorageKey } from '@callfs/core';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders, type StorageProvider } from '@callfs/storage';

const BATCH = 500;

/**
 * Puts right what a crash left behind, before the first request: of every blob whose write had not been settled, the
 * metadata knows whether its commit came through. If it did, the blob is settled; if not, it is condemned before it is
 * removed: a commit that was sent by the process that died, and waits in the database, is made before that or refused.
 */
@Injectable()
export class Recovery implements OnModuleInit {
  private readonly logger = new Logger(Recovery.name);

  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly instanceId: string,
  ) {}

  async onModuleInit(): Promise<void> {
    for (const provider of this.providers.all()) {
      let batch: StorageKey[] = [];
      for await (const key of provider.unsettled?.() ?? []) {
        batch.push(key);
        if (batch.length < BATCH) continue;
        await this.judge(provider, batch);
        batch = [];
      }
      await this.judge(provider, batch);
    }
  }

  private async judge(provider: StorageProvider, keys: readonly StorageKey[]): Promise<void> {
    if (keys.length === 0) return;
    const instanceId = provider.isShared ? '' : this.instanceId;
    const known = await this.store.knownKeys(provider.name, instanceId, keys);
    const unknown = keys.filter((key) => !known.has(key)).map((key) => ({ backend: provider.name, instanceId, key }));
    const removable = unknown.length > 0 ? await this.store.condemn(unknown) : [];
    const condemned = new Set(removable.map(({ key }) => key));
    for (const key of keys) await (condemned.has(key) ? provider.delete(key) : provider.settle?.(key));
    const { size: removed } = condemned;
    this.logger.log(`after an unclean stop: kept ${keys.length - removed} committed blobs, removed ${removed} uncommitted ones`);
  }
}
