import type { NodeRegistry } from '../cluster/node-registry';
import type { PeerWatch } from '../cluster/peer-watch';
import type { LockService } from '@callfs/locking';
import type { MetadataStore } from '@callfs/metadata';
import type { StorageProviders } from '@callfs/storage';
import { backendChecks, type HealthChecks } from '../http/health/health-checks';

/** Says what this node depends on: nothing works without its metadata, nothing is written without the rest, but for the peers. */
export function registerNodeHealth(
  checks: HealthChecks,
  store: MetadataStore,
  locks: Pick<LockService, 'ping'>,
  storage: StorageProviders,
  nodes: Pick<NodeRegistry, 'check'>,
  peers: Pick<PeerWatch, 'check'>,
): void {
  checks.register(
    { name: 'metadata', neededFor: 'everything', code: 'METADATA_UNAVAILABLE', check: () => store.ping() },
    { name: 'registry', neededFor: 'writes', code: 'METADATA_UNAVAILABLE', check: () => nodes.check() },
    { name: 'locks', neededFor: 'writes', code: 'LOCKS_UNAVAILABLE', check: () => locks.ping() },
    ...storage.all().flatMap(backendChecks),
    { name: 'peers', neededFor: 'some', code: 'PEER_UNAVAILABLE', check: () => peers.check() },
  );
}
