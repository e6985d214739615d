import { CallfsError, type Replica } from '@callfs/core';
import type { StorageProvider } from './storage-provider';

/** The backends of the other nodes, through those nodes. */
export interface PeerBackends {
  /** `PEER_UNAVAILABLE` when nobody knows where that node is. */
  at(instanceId: string, backend: string): StorageProvider;
  /** Whether that node is not thought to answer now. It may all the same. */
  isAway(instanceId: string): boolean;
  close(): Promise<void>;
}

/** The backends of this node, by name, and the way to those of the others. */
export class StorageProviders {
  private readonly byName: ReadonlyMap<string, StorageProvider>;
  /** Takes new content (`backend.default_backend`). */
  readonly default: StorageProvider;

  constructor(
    providers: readonly StorageProvider[],
    defaultName: string,
    /** The name of this node, as blobs carry it. */
    private readonly instanceId = '',
    private readonly peers?: PeerBackends,
  ) {
    this.byName = new Map(providers.map((provider) => [provider.name, provider]));
    this.default = this.get(defaultName);
  }

  /** `BACKEND_UNAVAILABLE` when this node has none of that name. */
  get(name: string): StorageProvider {
    const provider = this.byName.get(name);
    if (provider) return provider;
    throw new CallfsError('BACKEND_UNAVAILABLE', `This node has no backend "${name}". Configure it, or ask a node that has it.`);
  }

  /** Whether this node reaches a blob without another one. */
  isAtHand({ backend, instanceId }: Pick<Replica, 'backend' | 'instanceId'>): boolean {
    return this.byName.has(backend) && (instanceId === '' || instanceId === this.instanceId);
  }

  /** Whether a blob is on a node that is not thought to answer now: what is elsewhere is worth trying first. */
  isAway({ instanceId }: Pick<Replica, 'instanceId'>): boolean {
    return instanceId !== '' && instanceId !== this.instanceId && this.peers?.isAway(instanceId) === true;
  }

  /** Whether there is a way to a blob, be it through another node. */
  canReach(place: Pick<Replica, 'backend' | 'instanceId'>): boolean {
    return this.isAtHand(place) || (place.instanceId !== '' && place.instanceId !== this.instanceId && this.peers !== undefined);
  }

  /** What has a blob: a backend of this node, one that all share, or the node whose it is. `BACKEND_UNAVAILABLE`, `PEER_UNAVAILABLE`. */
  at(place: Pick<Replica, 'backend' | 'instanceId'>): StorageProvider {
    const { backend, instanceId } = place;
    if (instanceId === '' || instanceId === this.instanceId || !this.peers) return this.get(backend);
    return this.peers.at(instanceId, backend);
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  all(): StorageProvider[] {
    return [...this.byName.values()];
  }

  async close(): Promise<void> {
    await this.peers?.close();
    await Promise.all(this.all().map((provider) => provider.close()));
  }
}
