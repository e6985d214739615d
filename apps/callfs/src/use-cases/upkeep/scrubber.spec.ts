import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { newStorageKey, type Content } from '@callfs/core';
import { openSqliteStore, type SqliteMetadataStore } from '@callfs/metadata';
import { openLocalfs, StorageProviders, type LocalfsProvider } from '@callfs/storage';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SuspectBlobs } from '../suspect-blobs';
import { BlobAudit } from './blob-audit';
import { BlobRepair } from './blob-repair';
import { Scrubber } from './scrubber';

const SUSPECTS = 20;
const bytes = Buffer.from('what another node has as well');

let directory: string;
let store: SqliteMetadataStore;
let theirs: LocalfsProvider;
let providers: StorageProviders;
let scrubbed: string[];
let suspects: SuspectBlobs;
let scrubber: Scrubber;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'callfs-scrubber-'));
  const options = { durability: 'relaxed', fileOpTimeoutMs: 5_000 } as const;
  store = await openSqliteStore({ path: join(directory, 'metadata.db') });
  const own = await openLocalfs({ ...options, rootPath: join(directory, 'one') });
  theirs = await openLocalfs({ ...options, rootPath: join(directory, 'two') });
  const peers = { at: () => theirs, isAway: () => false, close: () => theirs.close() };
  providers = new StorageProviders([own], 'localfs', 'one', peers);
  scrubbed = [];
  suspects = new SuspectBlobs();
  const observe = { orphaned: () => undefined, scrubbed: (status: string) => void scrubbed.push(status) };
  const [audit, repair] = [new BlobAudit(store, providers), new BlobRepair(store, providers)];
  scrubber = new Scrubber(store, providers, audit, repair, 'one', 0, observe, suspects);
  scrubber.onApplicationBootstrap();
});

afterAll(async () => {
  await scrubber?.beforeApplicationShutdown();
  await store?.close();
  await providers?.close();
  await rm(directory, { recursive: true, force: true });
});

it('C6: a node that stops does not first make all the blobs anew that readers missed', async () => {
  const contents = [];
  for (let index = 0; index < SUSPECTS; index++) contents.push(await missingHere(`file-${index}`));
  for (const content of contents) suspects.report(content, content.replicas[0]!);
  await scrubber.beforeApplicationShutdown();
  expect(scrubbed).toEqual([]);
  expect(await store.contents({ after: 0, limit: SUSPECTS + 1 })).toEqual(contents);
});

/** A file of which this node has lost its blob, and another node has not. */
async function missingHere(name: string): Promise<Content> {
  const replicas = ['one', 'two'].map((instanceId) => ({ backend: 'localfs', instanceId, key: newStorageKey() }));
  await theirs.write(replicas[1]!.key, Readable.from([bytes]));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const directory = { names: [], steps: (await store.resolve([])).inodes };
  const content = { size: bytes.length, sha256, backend: 'localfs', instanceId: 'one', data: null, replicas };
  const made = await store.createFile({ directory, missing: [], name }, { mode: 0o644, uid: 0, gid: 0 }, content, null);
  return made.content!;
}
