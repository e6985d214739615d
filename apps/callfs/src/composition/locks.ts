import { CallfsError } from '@callfs/core';
import type { LockingOptions, LockObserver } from '@callfs/locking';
import type { MetadataStore } from '@callfs/metadata';
import type { CallfsConfig } from '../config/config';
import type { Metrics } from '../metrics/catalogue';
import type { BootId } from './boot-id';

/** The locks that the configuration names, their operations counted. */
export function lockingOptions(config: CallfsConfig, fences: MetadataStore, metrics: Metrics, bootId: BootId): LockingOptions {
  const { dlm, instanceDiscovery } = config;
  if (dlm.type !== 'local')
    throw new CallfsError(
      'INVALID_REQUEST',
      'dlm.type: redis is not available in this version; a single node with local locks is.',
    );
  const { instanceId } = instanceDiscovery;
  return {
    type: dlm.type,
    fences,
    instanceId,
    bootId: bootId.value,
    acquireTimeoutMs: dlm.acquireTimeoutMs,
    observer: lockObserver(metrics),
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
