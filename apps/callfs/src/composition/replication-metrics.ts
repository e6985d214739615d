import type { Metrics } from '../metrics/catalogue';
import type { ReplicationObserver } from '../use-cases/replication/replication-observer';

/** Counts the copies that are made for `storage.replicas`, and tells what still has too few. */
export function replicationObserver({ replicaCopies, underReplicated }: Metrics): ReplicationObserver {
  return {
    copied: (reason, status) => replicaCopies.inc({ reason, status }),
    underReplicated: (contents) => underReplicated.set(contents),
  };
}
