import type { LockService } from '@callfs/locking';
import type { MetadataStore } from '@callfs/metadata';
import type { StorageProviders } from '@callfs/storage';
import { backendChecks, type HealthChecks } from '../http/health/health-checks';

/** Says what this node depends on: nothing works without its metadata, nothing is written without the rest. */
export function registerNodeHealth(
  checks: HealthChecks,
  store: MetadataStore,
  locks: Pick<LockService, 'ping'>,
  storage: StorageProviders,
): void {
  checks.register(
    { name: 'metadata', neededFor: 'everything', code: 'METADATA_UNAVAILABLE', check: () => store.ping() },
    { name: 'locks', neededFor: 'writes', code: 'LOCKS_UNAVAILABLE', check: () => locks.ping() },
    ...storage.all().flatMap(backendChecks),
  );
}
