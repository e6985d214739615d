import type { LeaseStoreOptions, LockingOptions, LockObserver } from '@callfs/locking';
import type { MetadataStore } from '@callfs/metadata';
import type { CallfsConfig } from '../config/config';
import type { NodeSightings } from '../cluster/node-sightings';
import type { Metrics } from '../metrics/catalogue';
import type { BootId } from './boot-id';

/** Where the configuration keeps locks. */
export function leaseStoreOptions({ dlm }: CallfsConfig): LeaseStoreOptions {
  return dlm.redis ? { type: 'redis', ttlMs: dlm.leaseTtlMs, connection: dlm.redis } : { type: 'local' };
}

/** The locks of this node, their operations counted. */
export function lockingOptions(
  config: CallfsConfig,
  store: MetadataStore,
  metrics: Metrics,
  bootId: BootId,
  nodes: NodeSightings,
): LockingOptions {
  const { dlm, instanceDiscovery } = config;
  return {
    fences: store,
    instanceId: instanceDiscovery.instanceId,
    bootId: bootId.value,
    acquireTimeoutMs: dlm.acquireTimeoutMs,
    observer: lockObserver(metrics),
    isNodeAlive: (...node) => nodes.isRunAlive(...node),
  };
}

/** Every small write passes here several times: the children of the labels are looked up once. */
function lockObserver(metrics: Metrics): LockObserver {
  const { lockOperations, lockDuration, activeLocks, locksReclaimed, locksLost, locksFenced } = metrics;
  const counts = new Map<string, { inc(): void }>();
  const durations = new Map<string, { observe(seconds: number): void }>();
  const child = <T>(children: Map<string, T>, label: string, make: () => T): T => {
    let found = children.get(label);
    if (!found) children.set(label, (found = make()));
    return found;
  };
  return {
    operation: (operation, status, seconds) => {
      child(counts, `${operation} ${status}`, () => lockOperations.labels({ operation, status })).inc();
      child(durations, operation, () => lockDuration.labels({ operation })).observe(seconds);
    },
    active: (count) => activeLocks.set(count),
    reclaimed: (count) => locksReclaimed.inc(count),
    lost: () => locksLost.inc(),
    fenced: () => locksFenced.inc(),
  };
}
