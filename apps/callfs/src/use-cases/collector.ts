import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { CallfsError, type Replica, type StorageKey } from '@callfs/core';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders } from '@callfs/storage';
import type { BlobOwnership } from './blob-ownership';

/** Rows of removed trees that one transaction deletes: few enough that no other commit waits long for it. */
const REAP_BATCH = 500;
const COLLECT_BATCH = 100;
/** Blobs that could not be deleted and are remembered as such. */
const STUCK_MAX = 1000;
const INTERVAL_MS = 5_000;
/** After a pass with more to come: others first. */
const BREATH_MS = 5;

const KEPT = 'a blob that waited for collection is kept: a file has it under the name of another node, which does not have it';

/** What a pass has freed. */
export interface Collected {
  /** Rows of removed trees. */
  readonly rows: number;
  readonly blobs: number;
}

/**
 * Frees what nothing refers to any more: the rows of removed trees, then blobs without a reference once their grace
 * is over. It works in the background, in small steps, and never touches what is referenced or in flight.
 */
@Injectable()
export class Collector implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Collector.name);
  private timer: NodeJS.Timeout | undefined;
  private pass: Promise<void> | undefined;
  private stopped = false;
  /** What could not be deleted waits until there is nothing else, so that it keeps no others. */
  private readonly stuck = new Set<StorageKey>();

  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly ownership: BlobOwnership,
    private readonly instanceId: string,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(INTERVAL_MS);
  }

  /** There may be work: begin soon. */
  wake(): void {
    if (!this.pass) this.schedule(BREATH_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.pass;
  }

  /** One step; with both numbers 0 there is nothing left whose time has come. Passes may overlap. */
  async collect(): Promise<Collected> {
    const rows = await this.store.reap(REAP_BATCH);
    let blobs = 0;
    // One backend that is away keeps nothing in the others.
    const failures: unknown[] = [];
    for (const instanceId of this.places())
      blobs += await this.collectOn(instanceId).catch((error: unknown) => {
        failures.push(error);
        return 0;
      });
    if (failures.length > 0) throw failures[0];
    return { rows, blobs };
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.pass = this.work().finally(() => (this.pass = undefined));
    }, delayMs).unref();
  }

  private async work(): Promise<void> {
    let more = false;
    try {
      const { rows, blobs } = await this.collect();
      more = rows > 0 || blobs >= COLLECT_BATCH;
    } catch (error) {
      if (!CallfsError.is(error)) throw error;
      this.logger.warn({ err: error }, 'collecting garbage failed; it is tried again');
    }
    this.schedule(more ? BREATH_MS : INTERVAL_MS);
  }

  /** Whose blobs this node deletes: its own, and those of shared backends that it has. What another node keeps is that node's. */
  private places(): string[] {
    const shared = this.providers.all().some(({ isShared }) => isShared);
    return shared ? [this.instanceId, ''] : [this.instanceId];
  }

  private async collectOn(instanceId: string): Promise<number> {
    // Their time was set by the engine's clock.
    const now = BigInt(await this.store.tables.nowMs()) * 1_000_000n;
    const due = await this.store.collectable(now, COLLECT_BATCH + this.stuck.size, [instanceId]);
    for (const backend of new Set(due.map((blob) => blob.backend)))
      if (this.providers.has(backend) && !(await this.ownership.mayCollect(this.providers.get(backend)))) return 0;
    const others = due.filter(({ key }) => !this.stuck.has(key));
    const going = others.length > 0 ? others : due;
    const held = await this.holdersOf(instanceId, going);
    const gone: Replica[] = [];
    try {
      for (const blob of going) {
        if (await this.isStillNeeded(blob, held.get(blob.key))) this.logger.warn({ ...blob }, KEPT);
        else await this.delete(blob);
        gone.push(blob);
      }
    } finally {
      if (gone.length > 0) await this.store.forget(gone);
    }
    return gone.length;
  }

  /** Who has blobs by these keys in use, of those on this node's disk. */
  private async holdersOf(instanceId: string, blobs: readonly Replica[]): Promise<ReadonlyMap<StorageKey, Replica>> {
    const holders = new Map<StorageKey, Replica>();
    for (const backend of instanceId === '' ? [] : new Set(blobs.map((blob) => blob.backend))) {
      const keys = blobs.filter((blob) => blob.backend === backend).map(({ key }) => key);
      for (const held of await this.store.heldKeys(backend, keys)) holders.set(held.key, held);
    }
    return holders;
  }

  /**
   * A key is never given twice. One that another node has in use may be that very blob: this node had another name meanwhile,
   * under which the blobs on its disk were made its own. Unless that node has the blob on its disk, it stays on this one.
   */
  private async isStillNeeded({ instanceId }: Replica, holder: Replica | undefined): Promise<boolean> {
    if (!holder) return false;
    // Without a server no other node is asked.
    if (holder.instanceId === instanceId || !this.providers.canReach(holder)) return true;
    try {
      await this.providers.at(holder).stat(holder.key);
      return false;
    } catch (error) {
      if (CallfsError.is(error, 'FILE_NOT_FOUND', 'PEER_UNAVAILABLE', 'BACKEND_UNAVAILABLE')) return true;
      throw error;
    }
  }

  private async delete({ backend, key }: Replica): Promise<void> {
    try {
      await this.providers.get(backend).delete(key);
      this.stuck.delete(key);
    } catch (error) {
      if (this.stuck.size >= STUCK_MAX) this.stuck.clear();
      this.stuck.add(key);
      throw error;
    }
  }
}
