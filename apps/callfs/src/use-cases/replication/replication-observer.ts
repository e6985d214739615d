/** Told of copies that are made so that contents have as many blobs as they are to have, for the metrics. */
export interface ReplicationObserver {
  /** `write`: before a write was acknowledged; `heal`: afterwards, in the background. */
  copied(reason: 'write' | 'heal', status: 'ok' | 'failed'): void;
  /** How many contents have too few blobs on nodes that answer. */
  underReplicated(contents: number): void;
}

export const REPLICATION_OBSERVER = Symbol('callfs.replication-observer');
