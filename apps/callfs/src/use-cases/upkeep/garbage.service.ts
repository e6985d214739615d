import { Injectable } from '@nestjs/common';
import { CallfsError, type Replica } from '@callfs/core';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders, type StorageProvider } from '@callfs/storage';
import type { BlobOwnership } from '../blob-ownership';
import { Collector } from '../collector';
import type { OrphanSearch } from './orphan-search';

/** What a run says while it goes on; the last one is the summary. */
export type GarbageEvent =
  | ({ readonly event: 'blob'; readonly reason: GarbageReason; readonly bytes: number } & Replica)
  /** The place becomes this store's alone; which others have blobs there (none: nobody has claimed it). */
  | { readonly event: 'claim'; readonly backend: string; readonly others: readonly string[]; readonly claimed: boolean }
  | { readonly event: 'progress'; readonly backend: string; readonly blobs_seen: number }
  | { readonly event: 'failed'; readonly backend: string; readonly message: string }
  | ({ readonly event: 'summary' } & GarbageSummary);

/** `unreferenced`: its file was replaced or removed, its grace is over; `orphan`: no metadata ever came to refer to it. */
export type GarbageReason = 'unreferenced' | 'orphan';

export interface GarbageOptions {
  /** Without it nothing is changed. */
  readonly remove: boolean;
  /** A backend that becomes this store's alone, whosever it was: what it does not know there is garbage then. */
  readonly adopt?: string;
}

export interface GarbageSummary {
  /** Whether it was done, or only looked at. */
  readonly removed: boolean;
  readonly trees: number;
  readonly blobs: number;
  readonly bytes: number;
  /** Blobs whose grace is not over: the collector removes them by itself. */
  readonly waiting: number;
}

interface WaitingRow {
  readonly backend: string;
  readonly instance_id: string;
  readonly key: string;
  readonly due_ms: number;
}

const PAGE = 500;
/** Of what is remembered for a commit that may come late the blob is gone. */
const WAITING = `SELECT backend, instance_id, key, not_before / 1000000 AS due_ms FROM collect
  WHERE backend = ? AND instance_id = ? AND key > ? AND (refused_until IS NULL OR not_before < refused_until)
  ORDER BY key LIMIT ${PAGE}`;

/** `callfs gc`: tells what can be freed on this node's backends, and frees it at once when asked to. */
@Injectable()
export class GarbageService {
  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly search: OrphanSearch,
    private readonly ownership: BlobOwnership,
    private readonly collector: Collector,
  ) {}

  /** A backend that fails, or whose blobs are another store's, is told of and the others are gone on with. */
  async *run({ remove, adopt }: GarbageOptions): AsyncGenerator<GarbageEvent> {
    const total = { trees: await this.removedTrees(), blobs: 0, bytes: 0, waiting: 0 };
    if (adopt !== undefined && !this.providers.has(adopt))
      yield { event: 'failed', backend: adopt, message: 'This node has no such backend. Configure it, or ask one that has it.' };
    for (const provider of this.providers.all()) {
      try {
        for await (const event of this.runOn(provider, remove, adopt === provider.name)) {
          if (event.event === 'waiting') total.waiting++;
          else yield event;
          if (event.event !== 'blob') continue;
          total.blobs++;
          total.bytes += event.bytes;
        }
      } catch (error) {
        if (!CallfsError.is(error)) throw error;
        yield { event: 'failed', backend: provider.name, message: error.message };
      }
    }
    if (remove) yield* this.collectAll();
    yield { event: 'summary', removed: remove, ...total };
  }

  private async *runOn(
    provider: StorageProvider,
    remove: boolean,
    adopt: boolean,
  ): AsyncGenerator<Exclude<GarbageEvent, { event: 'summary' }> | { event: 'waiting' }> {
    const now = await this.store.tables.nowMs();
    for await (const { replica, dueMs } of this.waiting(provider)) {
      if (dueMs > now) yield { event: 'waiting' };
      else yield { event: 'blob', reason: 'unreferenced', bytes: await sizeOf(provider, replica.key), ...replica };
    }
    const standing = await this.ownership.judge(provider);
    if (!standing.isOurs && !adopt) {
      yield { event: 'failed', backend: provider.name, message: standing.message };
      return;
    }
    const others = standing.isOurs ? [] : standing.others;
    if (adopt && remove) await this.ownership.adopt(provider, others);
    if (!standing.isOurs) yield { event: 'claim', backend: provider.name, others, claimed: remove };
    let seen = 0;
    for await (const batch of this.search.search(provider)) {
      const replicas = batch.orphans.map(({ replica }) => replica);
      const going = remove && replicas.length > 0 ? await this.store.condemn(replicas) : replicas;
      const keys = new Set(going.map(({ key }) => key));
      for (const { replica, size } of batch.orphans)
        if (keys.has(replica.key)) yield { event: 'blob', reason: 'orphan', bytes: size, ...replica };
      yield { event: 'progress', backend: provider.name, blobs_seen: (seen += batch.seen) };
    }
  }

  private async *waiting(provider: StorageProvider): AsyncGenerator<{ replica: Replica; dueMs: number }> {
    const { backend, instanceId } = this.search.placeOf(provider);
    for (let after = '', more = true; more;) {
      const rows: WaitingRow[] = await this.store.tables.read('garbage', WAITING, backend, instanceId, after);
      for (const { key, due_ms: dueMs } of rows) yield { replica: { backend, instanceId, key }, dueMs };
      after = rows.at(-1)?.key ?? after;
      more = rows.length === PAGE;
    }
  }

  private async *collectAll(): AsyncGenerator<GarbageEvent> {
    try {
      for (let left = true; left;) {
        const { rows, blobs } = await this.collector.collect();
        left = rows > 0 || blobs > 0;
      }
    } catch (error) {
      if (!CallfsError.is(error)) throw error;
      yield { event: 'failed', backend: 'all', message: error.message };
    }
  }

  private async removedTrees(): Promise<number> {
    const [row] = await this.store.tables.read<{ trees: number }>('garbage', 'SELECT count(*) AS trees FROM detached');
    return row?.trees ?? 0;
  }
}

/** 0 for a blob that is gone already: all that is left of it is the note that it is to go. */
async function sizeOf(provider: StorageProvider, key: string): Promise<number> {
  try {
    return (await provider.stat(key)).size;
  } catch (error) {
    if (CallfsError.is(error, 'FILE_NOT_FOUND')) return 0;
    throw error;
  }
}
