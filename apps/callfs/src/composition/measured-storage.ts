import type { StorageKey } from '@callfs/core';
import {
  StorageProvider,
  type BlobBody,
  type Capacity,
  type PlaceMarks,
  type ReadOptions,
  type StorageProviders,
  type StoredObject,
  type WriteOptions,
} from '@callfs/storage';
import type { Metrics } from '../metrics/catalogue';
import { OwnName } from '../use-cases/own-name';

/** The name of this run, by which its backends go from now on. */
export function nameFor(storage: StorageProviders, instanceId: string): OwnName {
  const name = new OwnName(instanceId);
  for (const provider of storage.all()) if (provider instanceof MeasuredStorage) provider.ownName = name;
  return name;
}

/**
 * A backend whose calls are counted and timed; a read counts until its first byte could flow. What is a node's own is written to
 * only as long as the node goes by its name.
 */
export class MeasuredStorage extends StorageProvider {
  readonly name: string;
  readonly isShared: boolean;
  override readonly marks?: PlaceMarks;
  /** Set once it is known which run this is. */
  ownName?: OwnName;
  /** What comes out of memory asks no backend. */
  override readonly readNow?: StorageProvider['readNow'];
  override readonly settle?: (key: StorageKey) => Promise<void>;
  override readonly unsettled?: () => AsyncIterable<StorageKey>;
  override readonly capacity?: () => Promise<Capacity>;

  constructor(
    private readonly provider: StorageProvider,
    private readonly metrics: Pick<Metrics, 'backendOperations' | 'backendDuration'>,
  ) {
    super();
    this.name = provider.name;
    this.isShared = provider.isShared;
    this.marks = provider.marks;
    // What a backend cannot do, its measured form cannot do either.
    this.readNow = provider.readNow?.bind(provider);
    this.settle = provider.settle?.bind(provider);
    this.unsettled = provider.unsettled?.bind(provider);
    this.capacity = provider.capacity?.bind(provider);
  }

  async write(key: StorageKey, body: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<StoredObject> {
    if (!this.isShared) this.ownName?.refuseTaken();
    return this.measured('write', this.provider.write(key, body, options));
  }

  read(key: StorageKey, options?: ReadOptions): Promise<BlobBody> {
    return this.measured('read', this.provider.read(key, options));
  }

  stat(key: StorageKey): Promise<StoredObject> {
    return this.measured('stat', this.provider.stat(key));
  }

  delete(key: StorageKey): Promise<void> {
    return this.measured('delete', this.provider.delete(key));
  }

  list(): ReturnType<StorageProvider['list']> {
    return this.provider.list();
  }

  check(): Promise<void> {
    return this.measured('check', this.provider.check());
  }

  close(): Promise<void> {
    return this.provider.close();
  }

  private async measured<T>(operation: string, call: Promise<T>): Promise<T> {
    const labels = { backend_type: this.name, operation };
    const startedAt = performance.now();
    let status = 'error';
    try {
      const outcome = await call;
      status = 'ok';
      return outcome;
    } finally {
      this.metrics.backendOperations.inc({ ...labels, status });
      this.metrics.backendDuration.observe(labels, (performance.now() - startedAt) / 1000);
    }
  }
}
