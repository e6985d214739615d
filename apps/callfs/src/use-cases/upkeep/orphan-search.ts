import { setImmediate as turn } from 'node:timers/promises';
import { CallfsError, type Replica, type StorageKey } from '@callfs/core';
import type { MetadataStore } from '@callfs/metadata';
import { damageIn, type ListedObject, type StorageProvider } from '@callfs/storage';

const BATCH = 500;

/** A blob that nothing refers to. */
export interface Orphan {
  readonly replica: Replica;
  readonly size: number;
}

/** A blob that the metadata has as that of another node: this one, or its disk, had another name. */
export interface Stranger extends Orphan {
  readonly owner: string;
}

/** The orphans among some blobs of a backend; often none of them is one. */
export interface SearchedBatch {
  readonly seen: number;
  /** Of those that are old enough to be orphans, how many are none. */
  readonly known: number;
  readonly orphans: readonly Orphan[];
  readonly strangers: readonly Stranger[];
}

/**
 * Goes through all blobs of backends and finds those that no metadata knows: what a write left that never came to its
 * commit. Anything in flight is known to the metadata, known to the backend as not settled, or younger than the grace. What
 * is known as another node's is no orphan: it is the content of a file, on the disk of a node whose name was changed.
 */
export class OrphanSearch {
  constructor(
    private readonly store: MetadataStore,
    private readonly instanceId: string,
    private readonly graceMs: number,
  ) {}

  /** Whose blobs a backend of this node has: the node's, or everybody's. */
  placeOf({ name, isShared }: StorageProvider): { backend: string; instanceId: string } {
    return { backend: name, instanceId: isShared ? '' : this.instanceId };
  }

  async *search(provider: StorageProvider): AsyncGenerator<SearchedBatch> {
    let batch: ListedObject[] = [];
    for await (const object of provider.list()) {
      batch.push(object);
      if (batch.length < BATCH) continue;
      yield await this.judge(provider, batch);
      batch = [];
      await turn();
    }
    yield await this.judge(provider, batch);
  }

  private async judge(provider: StorageProvider, batch: readonly ListedObject[]): Promise<SearchedBatch> {
    // What is on this node's disk has its times by this node's clock; of what all share none of them may be right.
    const now = provider.isShared ? await this.store.tables.nowMs() : Date.now();
    const before = now - this.graceMs;
    const old = batch.filter(({ modifiedMs, isUnsettled }) => modifiedMs < before && !isUnsettled);
    if (old.length === 0) return { seen: batch.length, known: 0, orphans: [], strangers: [] };
    const place = this.placeOf(provider);
    const keys = old.map(({ key }) => key);
    const known = await this.store.knownKeys(place.backend, place.instanceId, keys);
    const unknown: Orphan[] = [];
    for (const { key, size } of old)
      if (!known.has(key) && (await isThere(provider, key))) unknown.push({ replica: { ...place, key }, size });
    const owners = await this.ownersOf(place.backend, unknown);
    const orphans = unknown.filter(({ replica }) => !owners.has(replica.key));
    const strangers = unknown.flatMap((blob) => {
      const owner = owners.get(blob.replica.key);
      return owner === undefined ? [] : [{ ...blob, owner }];
    });
    return { seen: batch.length, known: known.size, orphans, strangers };
  }

  private async ownersOf(backend: string, blobs: readonly Orphan[]): Promise<ReadonlyMap<StorageKey, string>> {
    if (blobs.length === 0) return new Map();
    const held = await this.store.heldKeys(
      backend,
      blobs.map(({ replica }) => replica.key),
    );
    return new Map(held.map(({ key, instanceId }) => [key, instanceId]));
  }
}

/** What was listed may have been collected before it was asked for. */
async function isThere(provider: StorageProvider, key: StorageKey): Promise<boolean> {
  try {
    await provider.stat(key);
    return true;
  } catch (error) {
    if (CallfsError.is(error, 'FILE_NOT_FOUND')) return false;
    if (damageIn(error) !== undefined) return true;
    throw error;
  }
}
