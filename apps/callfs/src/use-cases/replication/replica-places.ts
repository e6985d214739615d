import type { StorageProviders } from '@callfs/storage';
import type { ClusterNodes } from './cluster-nodes';
import type { BlobPlace } from './content-copier';

/** Where further blobs of a content may go. */
export class ReplicaPlaces {
  constructor(
    private readonly providers: StorageProviders,
    private readonly nodes: ClusterNodes,
  ) {}

  /** How many blobs of a content may be where all nodes reach them. */
  get shared(): number {
    return this.providers.all().filter(({ isShared }) => isShared).length;
  }

  /**
   * Places that have none yet, the best first: the disks of nodes that answer, in any order, so that none gets more than its
   * share, then what all nodes share.
   */
  besides(taken: readonly BlobPlace[]): BlobPlace[] {
    const own = this.providers.all().filter(({ isShared }) => !isShared);
    const shared = this.providers.all().filter(({ isShared }) => isShared);
    const instances = shuffled([this.nodes.self, ...this.nodes.answering()]);
    const places = [
      ...instances.flatMap((instanceId) => own.map(({ name: backend }) => ({ backend, instanceId }))),
      ...shared.map(({ name: backend }) => ({ backend, instanceId: '' })),
    ];
    return places.filter((place) => !taken.some((each) => isSamePlace(each, place)));
  }
}

export function isSamePlace(a: BlobPlace, b: BlobPlace): boolean {
  return a.backend === b.backend && a.instanceId === b.instanceId;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
