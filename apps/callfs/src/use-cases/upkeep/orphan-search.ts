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
    const settled = batch.filter(({ isUnsettled }) => !isUnsettled);
    const place = this.placeOf(provider);
    const known = await this.knownOf(place, settled);
    const unknown = settled.filter(({ key }) => !known.has(key));
    const owners = await this.ownersOf(place.backend, unknown);
    const orphans: Orphan[] = [];
    const strangers: Stranger[] = [];
    for (const { key, size, modifiedMs } of unknown) {
      const owner = owners.get(key);
      // Its commit came in between.
      if (owner === place.instanceId) continue;
      const blob = { replica: { ...place, key }, size };
      // Whose it is says that it is not on its way, however young it is.
      if (owner !== undefined) strangers.push({ ...blob, owner });
      else if (modifiedMs < before && (await isThere(provider, key))) orphans.push(blob);
    }
    const old = settled.filter(({ key, modifiedMs }) => modifiedMs < before && known.has(key));
    return { seen: batch.length, known: old.length, orphans, strangers };
  }

  private async knownOf(
    { backend, instanceId }: { backend: string; instanceId: string },
    objects: readonly ListedObject[],
  ): Promise<ReadonlySet<StorageKey>> {
    if (objects.length === 0) return new Set();
    return this.store.knownKeys(backend, instanceId, keysOf(objects));
  }

  private async ownersOf(backend: string, objects: readonly ListedObject[]): Promise<ReadonlyMap<StorageKey, string>> {
    if (objects.length === 0) return new Map();
    const held = await this.store.heldKeys(backend, keysOf(objects));
    return new Map(held.map(({ key, instanceId }) => [key, instanceId]));
  }
}

function keysOf(objects: readonly ListedObject[]): StorageKey[] {
  return objects.map(({ key }) => key);
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
