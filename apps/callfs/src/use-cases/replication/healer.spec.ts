import { afterAll, beforeAll, expect, it } from 'vitest';
import { Disks } from '../../../../../test/support/disks';
import { BlobOwnership } from '../blob-ownership';
import { Collector } from '../collector';
import { FetchedContents } from '../fetched-contents';
import { ReplicaReader } from '../replica-reader';
import { SuspectBlobs } from '../suspect-blobs';
import type { ClusterNode, ClusterNodes } from './cluster-nodes';
import { ContentCopier } from './content-copier';
import { Healer } from './healer';
import { ReplicaPlaces } from './replica-places';

const NAMES = ['one', 'two', 'three'] as const;
const BYTES = Buffer.alloc(64 * 1024, 'what has a copy too many');
/** Four seconds for each blob that is read. */
const RATE_BYTES = BYTES.length / 4;

let disks: Disks;
let healer: Healer;
/** How many blobs too many there were at each look at the nodes. */
const looks: number[] = [];

beforeAll(async () => {
  const [self, ...others] = NAMES;
  disks = await Disks.open(self, ...others);
  const { store, providers } = disks;
  const nodes: ClusterNodes = {
    self,
    names: async () => [...NAMES],
    answering: () => others,
    async look(): Promise<ClusterNode[]> {
      const contents = await store.contents({ after: 0, limit: 10 });
      looks.push(contents.filter(({ replicas }) => replicas.length > 2).length);
      return NAMES.map((name) => ({ name, answers: true, awayMs: 0 }));
    },
  };
  const collector = new Collector(store, providers, new BlobOwnership(store, self), self);
  const reader = new ReplicaReader(providers, new FetchedContents(0), new SuspectBlobs());
  healer = new Healer(
    store,
    nodes,
    new ContentCopier(store, providers, reader),
    new ReplicaPlaces(providers, nodes),
    collector,
    { copies: 2, graceMs: 1_000, rateBytes: RATE_BYTES },
    { copied: () => undefined, underReplicated: () => undefined },
  );
});

afterAll(async () => {
  await healer?.beforeApplicationShutdown();
  await disks?.close();
});

it('looks at the nodes again before it has let go of all that is too many: what became short meanwhile comes first', async () => {
  for (const name of ['a', 'b', 'c']) await disks.makeFile(name, BYTES, NAMES);
  healer.onApplicationBootstrap();
  // The first takes them down, and each that follows lets go of one.
  await expect.poll(() => looks.slice(0, 4), { timeout: 90_000, interval: 50 }).toEqual([3, 3, 2, 1]);
});
