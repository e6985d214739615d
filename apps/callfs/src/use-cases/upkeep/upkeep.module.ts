import { Module, type FactoryProvider } from '@nestjs/common';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders } from '@callfs/storage';
import type { CallfsConfig } from '../../config/config';
import { CALLFS_CONFIG } from '../../config/config.module';
import { BlobOwnership } from '../blob-ownership';
import { Collector } from '../collector';
import { SuspectBlobs } from '../suspect-blobs';
import { UseCasesModule } from '../use-cases.module';
import { BlobAdoption } from './blob-adoption';
import { BlobAudit } from './blob-audit';
import { BlobRepair } from './blob-repair';
import { FsckService } from './fsck.service';
import { GarbageService } from './garbage.service';
import { OrphanSearch } from './orphan-search';
import { OrphanSweep } from './orphan-sweep';
import { OTHER_NODES, type OtherNodes } from './other-nodes';
import { ScrubReport } from './scrub-report';
import { Scrubber } from './scrubber';
import { UPKEEP_OBSERVER, type UpkeepObserver } from './upkeep-observer';

const engines: FactoryProvider['inject'] = [MetadataStore, StorageProviders];

/** Keeps the blobs in order: orphans are collected, damage is found and mended, what can be freed is told. */
@Module({
  imports: [UseCasesModule],
  providers: [
    { provide: BlobAudit, inject: engines, useFactory: (...args: [MetadataStore, StorageProviders]) => new BlobAudit(...args) },
    {
      provide: BlobAdoption,
      inject: [...engines, BlobAudit],
      useFactory: (...parts: ConstructorParameters<typeof BlobAdoption>) => new BlobAdoption(...parts),
    },
    { provide: BlobRepair, inject: engines, useFactory: (...args: [MetadataStore, StorageProviders]) => new BlobRepair(...args) },
    {
      provide: OrphanSearch,
      inject: [MetadataStore, CALLFS_CONFIG],
      useFactory: (store: MetadataStore, { instanceDiscovery, storage }: CallfsConfig) =>
        new OrphanSearch(store, instanceDiscovery.instanceId, storage.orphanGraceMs),
    },
    {
      provide: OrphanSweep,
      inject: [...engines, OrphanSearch, BlobOwnership, Collector, CALLFS_CONFIG, UPKEEP_OBSERVER],
      useFactory: (
        store: MetadataStore,
        providers: StorageProviders,
        search: OrphanSearch,
        ownership: BlobOwnership,
        collector: Collector,
        { storage }: CallfsConfig,
        observe: UpkeepObserver,
      ) => new OrphanSweep(store, providers, search, ownership, collector, storage.orphanGraceMs, observe),
    },
    {
      provide: GarbageService,
      inject: [...engines, OrphanSearch, BlobOwnership, Collector],
      useFactory: (...args: ConstructorParameters<typeof GarbageService>) => new GarbageService(...args),
    },
    {
      provide: FsckService,
      inject: [
        ...[...engines, BlobAudit, BlobRepair, BlobAdoption, OrphanSearch, BlobOwnership, Collector],
        ...[CALLFS_CONFIG, OTHER_NODES],
      ],
      useFactory: (
        store: MetadataStore,
        providers: StorageProviders,
        audit: BlobAudit,
        repair: BlobRepair,
        adoption: BlobAdoption,
        search: OrphanSearch,
        ownership: BlobOwnership,
        collector: Collector,
        { instanceDiscovery: { instanceId } }: CallfsConfig,
        others: OtherNodes,
      ) => new FsckService(store, providers, audit, repair, adoption, search, ownership, collector, instanceId, others),
    },
    {
      provide: ScrubReport,
      inject: [MetadataStore, Scrubber],
      useFactory: (store: MetadataStore, scrubber: Scrubber) => new ScrubReport(store, scrubber),
    },
    {
      provide: Scrubber,
      inject: [...engines, BlobAudit, BlobRepair, CALLFS_CONFIG, UPKEEP_OBSERVER, SuspectBlobs],
      useFactory: (
        store: MetadataStore,
        providers: StorageProviders,
        audit: BlobAudit,
        repair: BlobRepair,
        { instanceDiscovery: { instanceId }, storage: { scrubRateBytes } }: CallfsConfig,
        observe: UpkeepObserver,
        suspects: SuspectBlobs,
      ) => new Scrubber(store, providers, audit, repair, instanceId, scrubRateBytes, observe, suspects),
    },
  ],
  exports: [FsckService, GarbageService, ScrubReport],
})
export class UpkeepModule {}
