import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { newStorageKey, type Content } from '@callfs/core';
import { openSqliteStore, type SqliteMetadataStore } from '@callfs/metadata';
import { openLocalfs, StorageProviders, type LocalfsProvider } from '@callfs/storage';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BlobOwnership } from '../blob-ownership';
import { Collector } from '../collector';
import { FetchedContents } from '../fetched-contents';
import { ReplicaReader } from '../replica-reader';
import { SuspectBlobs } from '../suspect-blobs';
import type { ClusterNode, ClusterNodes } from './cluster-nodes';
import { ContentCopier } from './content-copier';
import { Healer } from './healer';
import { ReplicaPlaces } from './replica-places';

const NAMES = ['one', 'two', 'three'];
const BYTES = Buffer.alloc(64 * 1024, 'what has a copy too many');
/** Four seconds for each blob that is read. */
const RATE_BYTES = BYTES.length / 4;

let directory: string;
let store: SqliteMetadataStore;
let disks: Map<string, LocalfsProvider>;
let providers: StorageProviders;
let healer: Healer;
/** How many blobs too many there were at each look at the nodes. */
const looks: number[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'callfs-healer-'));
  const options = { durability: 'relaxed', fileOpTimeoutMs: 5_000 } as const;
  store = await openSqliteStore({ path: join(directory, 'metadata.db') });
  disks = new Map();
  for (const name of NAMES) disks.set(name, await openLocalfs({ ...options, rootPath: join(directory, name) }));
  const at = (name: string) => disks.get(name)!;
  const close = async () => void (await Promise.all(NAMES.slice(1).map((name) => at(name).close())));
  providers = new StorageProviders([at('one')], 'localfs', 'one', { at, isAway: () => false, close });
  const nodes: ClusterNodes = {
    self: 'one',
    names: async () => NAMES,
    answering: () => NAMES.slice(1),
    async look(): Promise<ClusterNode[]> {
      const contents = await store.contents({ after: 0, limit: 10 });
      looks.push(contents.filter(({ replicas }) => replicas.length > 2).length);
      return NAMES.map((name) => ({ name, answers: true, awayMs: 0 }));
    },
  };
  const collector = new Collector(store, providers, new BlobOwnership(store, 'one'), 'one');
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
  await store?.close();
  await providers?.close();
  await rm(directory, { recursive: true, force: true });
});

it('looks at the nodes again before it has let go of all that is too many: what became short meanwhile comes first', async () => {
  for (const name of ['a', 'b', 'c']) await makeEverywhere(name);
  healer.onApplicationBootstrap();
  // The first takes them down, and each that follows lets go of one.
  await expect.poll(() => looks.slice(0, 4), { timeout: 90_000, interval: 50 }).toEqual([3, 3, 2, 1]);
});

/** A file with a blob on each of the three nodes. */
async function makeEverywhere(name: string): Promise<Content> {
  const replicas = NAMES.map((instanceId) => ({ backend: 'localfs', instanceId, key: newStorageKey() }));
  for (const { instanceId, key } of replicas) await disks.get(instanceId)!.write(key, Readable.from([BYTES]));
  const sha256 = createHash('sha256').update(BYTES).digest('hex');
  const directory = { names: [], steps: (await store.resolve([])).inodes };
  const content = { size: BYTES.length, sha256, backend: 'localfs', instanceId: 'one', data: null, replicas };
  const made = await store.createFile({ directory, missing: [], name }, { mode: 0o644, uid: 0, gid: 0 }, content, null);
  return made.content!;
}
