import { readFileSync } from 'node:fs';
import { PeerProvider, type PeerBackends, type StorageProvider } from '@callfs/storage';
import type { MetadataStore, MetadataTables } from '@callfs/metadata';
import type { CallfsConfig } from '../config/config';
import type { Metrics } from '../metrics/catalogue';
import { PeerClient, type PeerClientOptions } from './peer-client';
import { PeerSecret } from './peer-signature';

/** How long what the registry said of an address is believed. */
const BELIEVED_MS = 2_000;

/** The other nodes, as this one reaches them: where the configuration says they are, or else where they registered. */
export class Peers implements PeerBackends {
  private readonly clients = new Map<string, PeerClient>();

  constructor(
    private readonly endpointOf: (instanceId: string) => Promise<string | undefined>,
    private readonly options: PeerClientOptions,
  ) {}

  static of(
    { auth, backend, instanceDiscovery }: CallfsConfig,
    { tables }: MetadataStore,
    { crossServerOperations }: Metrics,
  ): Peers {
    const { instanceId: from, peerEndpoints } = instanceDiscovery;
    const { internalProxyCaFile: caFile, internalProxySkipTlsVerify: skip } = backend;
    const registered = new RegisteredEndpoints(tables);
    const endpointOf = async (instanceId: string) =>
      Object.hasOwn(peerEndpoints, instanceId) ? peerEndpoints[instanceId] : registered.of(instanceId);
    return new Peers(endpointOf, {
      from,
      secret: new PeerSecret(auth.internalProxySecret),
      tls: { ca: caFile === undefined ? undefined : readFileSync(caFile, 'utf8'), rejectUnauthorized: !skip },
      observe: (operation, status) => crossServerOperations.inc({ operation, status }),
    });
  }

  at(instanceId: string, backend: string): StorageProvider {
    return new PeerProvider(backend, this.client(instanceId), () => this.options.observe('read', 'wrong'));
  }

  /** Whether anybody knows where that node is. */
  async knows(instanceId: string): Promise<boolean> {
    return (await this.endpointOf(instanceId)) !== undefined;
  }

  /** Resolves when the node answers; `PEER_UNAVAILABLE`. */
  async ping(instanceId: string): Promise<void> {
    const { body } = await this.client(instanceId).send({ method: 'GET', target: '/internal/v1/node' });
    for await (const _chunk of body);
  }

  async close(): Promise<void> {
    await Promise.all([...this.clients.values()].map((client) => client.close()));
  }

  private client(instanceId: string): PeerClient {
    let client = this.clients.get(instanceId);
    if (!client) {
      client = new PeerClient(instanceId, () => this.endpointOf(instanceId), this.options);
      this.clients.set(instanceId, client);
    }
    return client;
  }
}

/** Where the nodes have registered; an address is asked for again after a moment, for a node may come back elsewhere. */
class RegisteredEndpoints {
  private readonly known = new Map<string, { readonly atMs: number; readonly endpoint: Promise<string | undefined> }>();

  constructor(private readonly tables: Pick<MetadataTables, 'read'>) {}

  of(instanceId: string): Promise<string | undefined> {
    const now = performance.now();
    const known = this.known.get(instanceId);
    if (known && now - known.atMs < BELIEVED_MS) return known.endpoint;
    const endpoint = this.tables
      .read<{ endpoint: string }>('nodes', 'SELECT endpoint FROM node WHERE instance_id = ?', instanceId)
      .then(([row]) => row?.endpoint || undefined);
    this.known.set(instanceId, { atMs: now, endpoint });
    return endpoint;
  }
}
