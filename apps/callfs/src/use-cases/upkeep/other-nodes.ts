import type { FsckEvent, FsckOptions } from './fsck.service';

/** The other nodes of the cluster, each of which can look at its own blobs. */
export interface OtherNodes {
  /** Of all that have registered and were not forgotten. */
  names(): Promise<readonly string[]>;

  /** What a node finds among its own blobs; the last event is its summary. `PEER_UNAVAILABLE` when it does not answer, or stops. */
  check(instanceId: string, options: Pick<FsckOptions, 'repair' | 'verifyContent'>): AsyncIterable<FsckEvent>;
}

export const OTHER_NODES = Symbol('callfs.other-nodes');
