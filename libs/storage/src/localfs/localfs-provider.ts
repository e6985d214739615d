import * as fs from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { isStorageKey, type ByteRange, type StorageKey } from '@callfs/core';
import {
  StorageProvider,
  type BlobBody,
  type Capacity,
  type ListedObject,
  type ReadOptions,
  type StoredObject,
  type WriteOptions,
} from '../storage-provider';
import { contentSizeOf } from '../blob-format';
import { BufferPool } from '../buffer-pool';
import { Hasher } from './hasher';
import { HotBlocks } from './hot-blocks';
import { errnoOf, storageFailure } from './localfs-errors';
import { readBlob, readSize, type ReadResources } from './localfs-read';
import { BlobWriter } from './localfs-write';
import { createFile, operate, removeFile, syncNames, type OpenFile } from './open-file';
import { LocalfsMarks } from './localfs-marks';
import { RootClaim } from './root-claim';
import { VerifiedBlocks } from './verified-blocks';
import { hasHardLinks, prepareDirectories, prepareRoot, PROBE_PREFIX, recoverStaging, RootLayout } from './root-layout';

export interface LocalfsOptions {
  readonly rootPath: string;
  /** `full`: a write is on the disk when it resolves; `relaxed`: it survives the process, not the power. */
  readonly durability: 'full' | 'relaxed';
  /** How long one system call may take. Never bounds a transfer that makes progress. */
  readonly fileOpTimeoutMs: number;
  /** Blocks that are asked for again and again are kept in memory up to so many bytes. Default: none. */
  readonly blockCacheBytes?: number;
}

/**
 * Makes the root ready and claims it for this process. Throws a `CallfsError` that names the root and the next step
 * when it is no directory, not writable, on a full disk or in use by another process.
 */
export async function openLocalfs(options: LocalfsOptions): Promise<LocalfsProvider> {
  const layout = new RootLayout(prepareRoot(options.rootPath));
  const claim = RootClaim.take(layout.root);
  try {
    prepareDirectories(layout);
    const provider = new LocalfsProvider(layout, claim, hasHardLinks(layout), recoverStaging(layout), options);
    await provider.check();
    return provider;
  } catch (error) {
    claim.release();
    throw error;
  }
}

/**
 * Blobs as files below a root that belongs to this process alone. A blob appears at once and complete: it is written
 * and synced under a name in `staging`, then linked to its place. The staged name stays until `settle`, so what a
 * crash left between a write and its commit is found without a walk over all blobs.
 */
export class LocalfsProvider extends StorageProvider {
  readonly name = 'localfs';
  readonly isShared = false;
  override readonly marks: LocalfsMarks;
  private readonly buffers = new BufferPool();
  private readonly hasher = new Hasher();
  private readonly reading: ReadResources;
  private readonly hot: HotBlocks | undefined;

  constructor(
    private readonly layout: RootLayout,
    private readonly rootClaim: RootClaim,
    /** Without hard links a blob is renamed to its place and leaves no staged name: only `list` finds it after a crash. */
    private readonly linksStaged: boolean,
    private readonly unsettledKeys: readonly StorageKey[],
    private readonly options: LocalfsOptions,
  ) {
    super();
    this.marks = new LocalfsMarks(layout, options.fileOpTimeoutMs);
    if (options.blockCacheBytes) this.hot = new HotBlocks(options.blockCacheBytes);
    this.reading = { pool: this.buffers, verified: new VerifiedBlocks(), timeoutMs: options.fileOpTimeoutMs };
  }

  async write(key: StorageKey, body: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<StoredObject> {
    options.signal?.throwIfAborted();
    await this.marks.beforeBlob();
    const staged = this.layout.stagingOf(key);
    const file = await createFile(staged, this.options.fileOpTimeoutMs);
    const writer = new BlobWriter(file, this.buffers, this.hasher, this.isDurable, options);
    try {
      const written = await writer.write(key, body);
      await file.close();
      writer.release();
      await this.publish(key, staged);
      return written;
    } catch (error) {
      await this.discard(staged, file, writer);
      throw error;
    }
  }

  async read(key: StorageKey, options: ReadOptions = {}): Promise<BlobBody> {
    return readBlob(this.layout.blobOf(key), key, options, this.reading);
  }

  override readNow(key: StorageKey, size: number, range?: ByteRange): readonly Buffer[] | undefined {
    return this.hot?.read(this.layout.blobOf(key), key, size, range);
  }

  async stat(key: StorageKey): Promise<StoredObject> {
    return { key, size: readSize(this.layout.blobOf(key), key) };
  }

  async delete(key: StorageKey): Promise<void> {
    this.hot?.forget(key);
    await this.remove(this.layout.blobOf(key));
    await this.remove(this.layout.stagingOf(key));
  }

  async *list(): AsyncGenerator<ListedObject> {
    for (const shard of this.layout.shards()) {
      for await (const key of this.listShard(shard)) {
        const found = await this.operate<fs.Stats | undefined>('look at a file', (done) =>
          fs.lstat(join(shard, key), (error, stats) => (errnoOf(error) === 'ENOENT' ? done(null) : done(error, stats))),
        );
        // Its second name, in `staging`, goes with `settle`.
        const isUnsettled = found !== undefined && found.nlink > 1;
        if (found?.isFile()) yield { key, size: contentSizeOf(found.size), modifiedMs: found.mtimeMs, isUnsettled };
      }
    }
  }

  async check(): Promise<void> {
    const lock = await this.operate<fs.BigIntStats>('find its root', (done) =>
      fs.lstat(this.rootClaim.lockPath, { bigint: true }, done),
    );
    if (lock.ino !== this.rootClaim.inode)
      throw storageFailure('find its root', new Error('another disk is mounted over the root'));
    const probe = join(this.layout.staging, PROBE_PREFIX + randomBytes(8).toString('hex'));
    const file = await createFile(probe, this.options.fileOpTimeoutMs);
    try {
      await file.write(Buffer.from('callfs'), 0);
      if (this.isDurable) await file.sync();
    } finally {
      await this.remove(probe);
      void file.discard();
    }
  }

  override async settle(key: StorageKey): Promise<void> {
    await this.remove(this.layout.stagingOf(key));
  }

  override async *unsettled(): AsyncGenerator<StorageKey> {
    yield* this.unsettledKeys;
  }

  override async capacity(): Promise<Capacity> {
    const found = await this.operate<fs.StatsFs>('tell its free space', (done) => fs.statfs(this.layout.root, done));
    return { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
  }

  async close(): Promise<void> {
    await this.hasher.close();
    this.rootClaim.release();
  }

  private get isDurable(): boolean {
    return this.options.durability === 'full';
  }

  /**
   * Leaves nothing of a failed write. What cannot be removed now is without a blob and removed at the next start; a
   * system call that hangs keeps its descriptor and buffer until it comes back, which nobody waits for.
   */
  private async discard(staged: string, file: OpenFile, writer: BlobWriter): Promise<void> {
    const closed = file.discard().then(() => writer.release());
    await this.remove(staged).catch(() => undefined);
    await this.operate<void>('close a file', (done) => void closed.then(() => done(null))).catch(() => undefined);
  }

  /** Gives a staged file its place among the blobs, for good once it resolves. */
  private async publish(key: StorageKey, staged: string): Promise<void> {
    const blob = this.layout.blobOf(key);
    const place = this.linksStaged ? fs.link : fs.rename;
    await this.operate<void>('give a file its name', (done) => place(staged, blob, done));
    if (!this.isDurable) return;
    try {
      await syncNames(this.layout.shardOf(key), this.options.fileOpTimeoutMs);
    } catch (error) {
      await this.remove(blob).catch(() => undefined);
      throw error;
    }
  }

  private async *listShard(shard: string): AsyncGenerator<StorageKey> {
    const directory = await this.operate<fs.Dir>('list a directory', (done) => fs.opendir(shard, done));
    try {
      for (;;) {
        const entry = await this.operate<fs.Dirent | null>('list a directory', (done) => directory.read(done));
        if (!entry) return;
        if (isStorageKey(entry.name)) yield entry.name;
      }
    } finally {
      void directory.close();
    }
  }

  /** Resolves when the name is gone, also when it never was. */
  private remove(path: string): Promise<void> {
    return removeFile(path, this.options.fileOpTimeoutMs);
  }

  private operate<T>(doing: string, start: Parameters<typeof operate<T>>[2]): Promise<T> {
    return operate(doing, this.options.fileOpTimeoutMs, start);
  }
}
