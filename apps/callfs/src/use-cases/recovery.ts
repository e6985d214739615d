import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { StorageKey } from '@callfs/core';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders, type StorageProvider } from '@callfs/storage';

const BATCH = 500;

/**
 * Puts right what a crash left behind, before the first request: of every blob whose write had not been settled, the
 * metadata knows whether its commit came through. If it did, the blob is settled; if not, it never happened.
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
    const known = await this.store.knownKeys(provider.name, provider.isShared ? '' : this.instanceId, keys);
    for (const key of keys) await (known.has(key) ? provider.settle?.(key) : provider.delete(key));
    const { size: kept } = known;
    this.logger.log(`after an unclean stop: kept ${kept} committed blobs, removed ${keys.length - kept} uncommitted ones`);
  }
}
