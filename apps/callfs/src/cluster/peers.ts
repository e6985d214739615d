import { readFileSync } from 'node:fs';
import { PeerProvider, type PeerBackends, type PeerLink, type StorageProvider } from '@callfs/storage';
import { CallfsError } from '@callfs/core';
import type { CallfsConfig } from '../config/config';
import type { Metrics } from '../metrics/catalogue';
import { PEER_NODE } from './internal-routes';
import type { NodeSightings } from './node-sightings';
import { PeerClient, type PeerClientOptions } from './peer-client';
import { PeerSecret } from './peer-signature';

/** How long what the registry said of an address is believed: a node may come back elsewhere. */
const BELIEVED_MS = 2_000;
/** A node that answers no ping within this does not answer. */
const PING_MS = 1_700;

/** What became of the last request to a node. */
export interface Heard {
  readonly answers: boolean;
  /** From the request to the head of its answer. */
  readonly latencyMs: number;
  /** Why it does not. */
  readonly message?: string;
}

/** The other nodes, as this one reaches them: where the configuration says they are, or else where they registered. */
export class Peers implements PeerBackends {
  private readonly clients = new Map<string, PeerClient>();
  private readonly heard = new Map<string, Heard>();

  constructor(
    private readonly endpointOf: (instanceId: string) => Promise<string | undefined>,
    private readonly sightings: Pick<NodeSightings, 'last' | 'stateOf'>,
    private readonly options: Omit<PeerClientOptions, 'heard'>,
  ) {}

  static of(
    { auth, backend, instanceDiscovery }: CallfsConfig,
    sightings: NodeSightings,
    { crossServerOperations }: Metrics,
  ): Peers {
    const { instanceId: from, peerEndpoints } = instanceDiscovery;
    const { internalProxyCaFile: caFile, internalProxySkipTlsVerify: skip } = backend;
    const endpointOf = async (instanceId: string) =>
      Object.hasOwn(peerEndpoints, instanceId)
        ? peerEndpoints[instanceId]
        : (await sightings.look(BELIEVED_MS)).get(instanceId)?.endpoint || undefined;
    return new Peers(endpointOf, sightings, {
      from,
      secret: new PeerSecret(auth.internalProxySecret),
      tls: { ca: caFile === undefined ? undefined : readFileSync(caFile, 'utf8'), rejectUnauthorized: !skip },
      observe: (operation, status) => crossServerOperations.inc({ operation, status }),
    });
  }

  at(instanceId: string, backend: string): StorageProvider {
    return new PeerProvider(backend, this.client(instanceId), () => this.options.observe('read', 'wrong'));
  }

  /** The way to that node, for what is not about one blob. */
  link(instanceId: string): PeerLink {
    return this.client(instanceId);
  }

  /** Whether anybody knows where that node is. */
  async knows(instanceId: string): Promise<boolean> {
    return (await this.endpointOf(instanceId)) !== undefined;
  }

  /** Resolves when the node answers; `PEER_UNAVAILABLE`. */
  async ping(instanceId: string): Promise<void> {
    const signal = AbortSignal.timeout(PING_MS);
    try {
      const { body } = await this.client(instanceId).send({ method: 'GET', target: PEER_NODE, signal });
      for await (const _chunk of body);
    } catch (cause) {
      if (CallfsError.is(cause)) throw cause;
      const silent = new CallfsError('PEER_UNAVAILABLE', `The node ${instanceId} does not answer.`, { cause });
      this.heard.set(instanceId, { answers: false, latencyMs: PING_MS, message: silent.message });
      throw silent;
    }
  }

  /** What became of the last request to that node; undefined: there was none. */
  heardOf(instanceId: string): Heard | undefined {
    return this.heard.get(instanceId);
  }

  isAway(instanceId: string): boolean {
    const seen = this.sightings.last.get(instanceId);
    return this.heard.get(instanceId)?.answers === false || (seen !== undefined && this.sightings.stateOf(seen) !== 'alive');
  }

  async close(): Promise<void> {
    await Promise.all([...this.clients.values()].map((client) => client.close()));
  }

  private client(instanceId: string): PeerClient {
    let client = this.clients.get(instanceId);
    if (!client) {
      const heard = (what: Heard) => void this.heard.set(instanceId, what);
      client = new PeerClient(instanceId, () => this.endpointOf(instanceId), { ...this.options, heard });
      this.clients.set(instanceId, client);
    }
    return client;
  }
}
