import { Module, type FactoryProvider } from '@nestjs/common';
import { UnixAuthorizer } from '@callfs/auth';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders } from '@callfs/storage';
import type { CallfsConfig } from '../config/config';
import { CALLFS_CONFIG } from '../config/config.module';
import { AttributesService } from './attributes.service';
import { BlobOwnership } from './blob-ownership';
import { Collector } from './collector';
import { CommitRunner } from './commit-runner';
import { ContentStager } from './content-stager';
import { CopiesService } from './copies.service';
import { DirectoriesService } from './directories.service';
import { FaultPoints } from './fault-points';
import { FilesService } from './files.service';
import { ListingService } from './listing.service';
import { LocksService } from './locks.service';
import { MovesService } from './moves.service';
import { NewNamePlanner } from './new-name';
import { PathResolver } from './path-resolver';
import { Recovery } from './recovery';
import { FetchedContents } from './fetched-contents';
import { ReplicaReader } from './replica-reader';
import { RelocationsService } from './relocations.service';
import { RemovalsService } from './removals.service';
import { ClusterNodes } from './replication/cluster-nodes';
import { ContentCopier } from './replication/content-copier';
import { ContentSpreader } from './replication/content-spreader';
import { Healer } from './replication/healer';
import { ReplicaPlaces } from './replication/replica-places';
import { REPLICATION_OBSERVER, type ReplicationObserver } from './replication/replication-observer';
import { SuspectBlobs } from './suspect-blobs';
import { SymlinksService } from './symlinks.service';

const services = [
  AttributesService,
  CopiesService,
  DirectoriesService,
  FilesService,
  ListingService,
  LocksService,
  MovesService,
  RemovalsService,
  SymlinksService,
];

type RelocationParts = ConstructorParameters<typeof RelocationsService> extends [number, ...infer Parts] ? Parts : never;

type WithBlobs<T> = new (store: MetadataStore, providers: StorageProviders, ownership: BlobOwnership, instanceId: string) => T;

/** Of what looks after the blobs that this node has. */
function withBlobsOfThisNode<T>(type: WithBlobs<T>): FactoryProvider<T> {
  return {
    provide: type,
    inject: [MetadataStore, StorageProviders, BlobOwnership, CALLFS_CONFIG],
    useFactory: (store: MetadataStore, providers: StorageProviders, ownership: BlobOwnership, config: CallfsConfig) =>
      new type(store, providers, ownership, config.instanceDiscovery.instanceId),
  };
}

/** What callers may ask for: the one door to the data, for every front end. */
@Module({
  providers: [
    ...services,
    CommitRunner,
    NewNamePlanner,
    PathResolver,
    SuspectBlobs,
    {
      provide: ReplicaReader,
      inject: [StorageProviders, CALLFS_CONFIG, SuspectBlobs],
      useFactory: (providers: StorageProviders, { storage }: CallfsConfig, suspects: SuspectBlobs) =>
        new ReplicaReader(providers, new FetchedContents(storage.blockCacheBytes), suspects),
    },
    {
      provide: ContentCopier,
      inject: [MetadataStore, StorageProviders, ReplicaReader],
      useFactory: (...engines: ConstructorParameters<typeof ContentCopier>) => new ContentCopier(...engines),
    },
    {
      provide: RelocationsService,
      inject: [
        ...[CALLFS_CONFIG, MetadataStore, StorageProviders, PathResolver, UnixAuthorizer, DirectoriesService],
        ...[CommitRunner, Collector, ContentCopier, ClusterNodes, FaultPoints],
      ],
      useFactory: ({ storage }: CallfsConfig, ...parts: RelocationParts) => new RelocationsService(storage.replicas, ...parts),
    },
    {
      provide: ReplicaPlaces,
      inject: [StorageProviders, ClusterNodes],
      useFactory: (...from: ConstructorParameters<typeof ReplicaPlaces>) => new ReplicaPlaces(...from),
    },
    {
      provide: ContentSpreader,
      inject: [StorageProviders, ContentCopier, ReplicaPlaces, CALLFS_CONFIG, REPLICATION_OBSERVER],
      useFactory: (
        providers: StorageProviders,
        copier: ContentCopier,
        places: ReplicaPlaces,
        { storage }: CallfsConfig,
        observe: ReplicationObserver,
      ) => new ContentSpreader(providers, copier, places, storage.replicas, observe),
    },
    {
      provide: Healer,
      inject: [
        ...[MetadataStore, ClusterNodes, ContentCopier, ReplicaPlaces, Collector],
        ...[CALLFS_CONFIG, REPLICATION_OBSERVER],
      ],
      useFactory: (
        store: MetadataStore,
        nodes: ClusterNodes,
        copier: ContentCopier,
        places: ReplicaPlaces,
        collector: Collector,
        { storage }: CallfsConfig,
        observe: ReplicationObserver,
      ) => {
        const options = { copies: storage.replicas, graceMs: storage.replicaGraceMs, rateBytes: storage.healRateBytes };
        return new Healer(store, nodes, copier, places, collector, options, observe);
      },
    },
    {
      provide: FaultPoints,
      inject: [CALLFS_CONFIG],
      useFactory: (config: CallfsConfig) => new FaultPoints(config.debug.pauseAt),
    },
    {
      provide: ContentStager,
      inject: [StorageProviders, CALLFS_CONFIG],
      useFactory: (providers: StorageProviders, { storage, server, instanceDiscovery }: CallfsConfig) =>
        new ContentStager(providers.default, {
          inlineMaxBytes: storage.inlineMaxBytes,
          maxUploadBytes: server.maxUploadBytes,
          instanceId: instanceDiscovery.instanceId,
        }),
    },
    {
      provide: BlobOwnership,
      inject: [MetadataStore, CALLFS_CONFIG],
      useFactory: (store: MetadataStore, { instanceDiscovery }: CallfsConfig) =>
        new BlobOwnership(store, instanceDiscovery.instanceId),
    },
    withBlobsOfThisNode(Collector),
    withBlobsOfThisNode(Recovery),
  ],
  exports: [...services, RelocationsService, BlobOwnership, Collector, ContentCopier, ContentStager, SuspectBlobs],
})
export class UseCasesModule {}
