import { Module, type DynamicModule } from '@nestjs/common';
import { AuthModule, Authenticator } from '@callfs/auth';
import { LockingModule } from '@callfs/locking';
import { MetadataModule, MetadataStore } from '@callfs/metadata';
import { StorageModule, StorageProviders } from '@callfs/storage';
import { Peers } from './cluster/peers';
import { readVersion } from './cli/version';
import { KnownNodes } from './cluster/known-nodes';
import { NodeRegistry } from './cluster/node-registry';
import { NodeSightings } from './cluster/node-sightings';
import { PeerChecks } from './cluster/peer-checks';
import { PeerWatch } from './cluster/peer-watch';
import { BootId } from './composition/boot-id';
import { identityOptions, openKeyRing, openPrincipalNames } from './composition/identities';
import { openMetadata, openStorage } from './composition/engines';
import { linkObserver } from './composition/link-metrics';
import { leaseStoreOptions, lockingOptions } from './composition/locks';
import { replicationObserver } from './composition/replication-metrics';
import { upkeepObserver } from './composition/upkeep-metrics';
import type { CallfsConfig } from './config/config';
import { CALLFS_CONFIG, CallfsConfigModule } from './config/config.module';
import { AccessHttpModule } from './http/access/access-http.module';
import { AdminModule } from './http/admin/admin.module';
import { AuditHttpModule } from './http/audit/audit-http.module';
import { FilesModule } from './http/files/files.module';
import { HttpShellModule, LOG } from './http/http-shell.module';
import { LinksHttpModule } from './http/links/links-http.module';
import { PublicUrl } from './http/public-url';
import { RequestAuthenticator } from './http/request-authenticator';
import { Metrics } from './metrics/catalogue';
import { LINK_OBSERVER } from './use-cases/links/link-observer';
import { SocketsHttpModule } from './http/sockets/sockets-http.module';
import { UploadsHttpModule } from './http/uploads/uploads-http.module';
import { KeyRing } from './use-cases/access/key-ring';
import { ClusterNodes } from './use-cases/replication/cluster-nodes';
import { nameFor } from './composition/measured-storage';
import { OwnName } from './use-cases/own-name';
import { PrincipalNames } from './use-cases/principal-names';
import { FILE_OPERATION_OBSERVER, type FileOperationObserver } from './use-cases/observers';
import { UPLOAD_EXPIRY_OBSERVER, type UploadExpiryObserver } from './use-cases/uploads/upload-expiry';
import { OTHER_NODES } from './use-cases/upkeep/other-nodes';
import { REPLICATION_OBSERVER } from './use-cases/replication/replication-observer';
import { UPKEEP_OBSERVER } from './use-cases/upkeep/upkeep-observer';

/** Everything a node is made of, chosen by its configuration. */
@Module({})
export class AppModule {
  static forRoot(config: CallfsConfig): DynamicModule {
    return {
      module: AppModule,
      global: true,
      imports: [
        CallfsConfigModule.register(config),
        HttpShellModule.forRoot(config),
        MetadataModule.registerAsync({ inject: [CALLFS_CONFIG, Metrics, LOG], useFactory: openMetadata }),
        StorageModule.registerAsync({ inject: [CALLFS_CONFIG, Metrics, Peers, LOG], useFactory: openStorage }),
        LockingModule.registerAsync({
          leases: { inject: [CALLFS_CONFIG], useFactory: leaseStoreOptions },
          inject: [CALLFS_CONFIG, MetadataStore, Metrics, BootId, NodeSightings],
          useFactory: lockingOptions,
        }),
        AuthModule.registerAsync({ inject: [CALLFS_CONFIG, MetadataStore, PrincipalNames], useFactory: identityOptions }),
        FilesModule,
        UploadsHttpModule,
        SocketsHttpModule,
        AdminModule,
        LinksHttpModule,
        AccessHttpModule,
        AuditHttpModule,
      ],
      providers: [
        {
          provide: NodeSightings,
          inject: [MetadataStore],
          useFactory: ({ tables }: MetadataStore) => new NodeSightings(tables),
        },
        {
          provide: PeerWatch,
          inject: [NodeSightings, Peers],
          useFactory: (sightings: NodeSightings, peers: Peers) =>
            new PeerWatch(sightings, peers, config.instanceDiscovery.instanceId),
        },
        {
          provide: OTHER_NODES,
          inject: [NodeSightings, Peers],
          useFactory: (sightings: NodeSightings, peers: Peers) =>
            new PeerChecks(sightings, peers, config.instanceDiscovery.instanceId),
        },
        {
          provide: Peers,
          inject: [CALLFS_CONFIG, NodeSightings, Metrics],
          useFactory: (...from: Parameters<typeof Peers.of>) => Peers.of(...from),
        },
        { provide: BootId, useFactory: () => new BootId() },
        {
          provide: OwnName,
          inject: [StorageProviders],
          useFactory: (storage: StorageProviders) => nameFor(storage, config.instanceDiscovery.instanceId),
        },
        {
          provide: NodeRegistry,
          inject: [CALLFS_CONFIG, MetadataStore, NodeSightings, BootId, OwnName],
          useFactory: (
            { instanceDiscovery }: CallfsConfig,
            store: MetadataStore,
            sightings: NodeSightings,
            { value: bootId }: BootId,
            name: OwnName,
          ) =>
            new NodeRegistry(
              store.tables,
              sightings,
              { instanceId: instanceDiscovery.instanceId, bootId, version: readVersion() },
              name,
              store.name === 'sqlite',
            ),
        },
        {
          provide: ClusterNodes,
          inject: [NodeRegistry, NodeSightings, Peers],
          useFactory: (registry: NodeRegistry, sightings: NodeSightings, peers: Peers) =>
            new KnownNodes(registry, sightings, peers, config.instanceDiscovery.peerEndpoints),
        },
        { provide: RequestAuthenticator, useExisting: Authenticator },
        { provide: PrincipalNames, inject: [CALLFS_CONFIG, MetadataStore], useFactory: openPrincipalNames },
        { provide: KeyRing, inject: [CALLFS_CONFIG, MetadataStore, PrincipalNames, Authenticator], useFactory: openKeyRing },
        { provide: PublicUrl, useFactory: () => new PublicUrl(config.server.externalUrl) },
        {
          provide: FILE_OPERATION_OBSERVER,
          inject: [Metrics],
          useFactory:
            ({ fileOperations }: Metrics): FileOperationObserver =>
            (operation, backend) =>
              fileOperations.inc({ operation, backend_type: backend }),
        },
        { provide: LINK_OBSERVER, inject: [Metrics], useFactory: linkObserver },
        {
          provide: UPLOAD_EXPIRY_OBSERVER,
          inject: [Metrics],
          useFactory:
            ({ uploadsExpired }: Metrics): UploadExpiryObserver =>
            (count) =>
              uploadsExpired.inc(count),
        },
        { provide: REPLICATION_OBSERVER, inject: [Metrics], useFactory: replicationObserver },
        { provide: UPKEEP_OBSERVER, inject: [Metrics], useFactory: upkeepObserver },
      ],
      exports: [
        Peers,
        PeerWatch,
        OTHER_NODES,
        NodeSightings,
        NodeRegistry,
        OwnName,
        ClusterNodes,
        BootId,
        KeyRing,
        UPKEEP_OBSERVER,
        REPLICATION_OBSERVER,
        LINK_OBSERVER,
        UPLOAD_EXPIRY_OBSERVER,
        PrincipalNames,
        PublicUrl,
        FILE_OPERATION_OBSERVER,
      ],
    };
  }
}
