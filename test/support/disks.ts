import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { newStorageKey, type Content } from '@callfs/core';
import { openSqliteStore, type SqliteMetadataStore } from '@callfs/metadata';
import { openLocalfs, StorageProviders, type LocalfsProvider } from '@callfs/storage';
import { DIRECTORY_PREFIX } from './server';

/** The disks of several nodes and their metadata, in this process, as the first of the nodes reaches them. */
export class Disks {
  private constructor(
    private readonly directory: string,
    private readonly disks: ReadonlyMap<string, LocalfsProvider>,
    readonly store: SqliteMetadataStore,
    readonly providers: StorageProviders,
  ) {}

  static async open(self: string, ...others: string[]): Promise<Disks> {
    const directory = await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX));
    const store = await openSqliteStore({ path: join(directory, 'metadata.db') });
    const disk = (name: string) =>
      openLocalfs({ rootPath: join(directory, name), durability: 'relaxed', fileOpTimeoutMs: 5_000 });
    const own = await disk(self);
    const disks = new Map([[self, own]]);
    for (const name of others) disks.set(name, await disk(name));
    const close = async () => {
      for (const name of others) await disks.get(name)?.close();
    };
    const peers = { at: (name: string) => disks.get(name)!, isAway: () => false, close };
    return new Disks(directory, disks, store, new StorageProviders([own], 'localfs', self, peers));
  }

  /** Where a node keeps its blobs. */
  rootOf(name: string): string {
    return join(this.directory, name);
  }

  /** A file that belongs to the first of `nodes` and has a blob on each of them, lost already on those in `lostOn`. */
  async makeFile(name: string, bytes: Buffer, nodes: readonly string[], lostOn: readonly string[] = []): Promise<Content> {
    const replicas = nodes.map((instanceId) => ({ backend: 'localfs', instanceId, key: newStorageKey() }));
    for (const { instanceId, key } of replicas)
      if (!lostOn.includes(instanceId)) await this.disks.get(instanceId)!.write(key, Readable.from([bytes]));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const directory = { names: [], steps: (await this.store.resolve([])).inodes };
    const content = { size: bytes.length, sha256, backend: 'localfs', instanceId: nodes[0]!, data: null, replicas };
    const made = await this.store.createFile({ directory, missing: [], name }, { mode: 0o644, uid: 0, gid: 0 }, content, null);
    return made.content!;
  }

  async close(): Promise<void> {
    await this.store.close();
    await this.providers.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
