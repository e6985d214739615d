import { Injectable } from '@nestjs/common';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders, type StorageProvider } from '@callfs/storage';
import { BackgroundWork } from '../background-work';
import { USUAL_MAX, type BlobOwnership } from '../blob-ownership';
import { Collector } from '../collector';
import type { Orphan, OrphanSearch } from './orphan-search';
import type { UpkeepObserver } from './upkeep-observer';

/** A store of the usual age is looked through four times a day. */
const LONGEST_PERIOD_MS = 6 * 3600 * 1000;
/** Nodes look this often whether a sweep is due; whoever comes first does it. */
const LONGEST_LOOK_MS = 60_000;
/** What one sweep takes; the next takes what is left. */
const ORPHANS_MAX = 20_000;
const CONDEMN_BATCH = 500;

/**
 * Looks through the blobs of this node's backends from time to time and leaves those to the collector that nothing
 * refers to. A row in the metadata says when it is due, so a restart does not repeat it, and of the nodes that share a
 * backend one does it: whoever moves the row's time on, which is by the engine's clock. Two at once would do no harm.
 *
 * Only in a place that is this store's own (`BlobOwnership`). Where most blobs belong to nothing all the same, the metadata is an old
 * backup of itself rather than that so many writes failed: none is taken, and whoever runs the node is asked.
 */
@Injectable()
export class OrphanSweep extends BackgroundWork {
  private readonly periodMs: number;

  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly search: OrphanSearch,
    private readonly ownership: BlobOwnership,
    private readonly collector: Collector,
    graceMs: number,
    private readonly observe: UpkeepObserver,
  ) {
    const periodMs = Math.min(LONGEST_PERIOD_MS, graceMs);
    const lookMs = Math.min(LONGEST_LOOK_MS, periodMs / 2);
    super({ what: 'looking for orphaned blobs', firstMs: lookMs, periodMs: lookMs });
    this.periodMs = periodMs;
  }

  /** Before the first request: what this node will write is nobody else's to remove. */
  override async onApplicationBootstrap(): Promise<void> {
    for (const provider of this.providers.all()) await this.ownership.moveIn(provider);
    await super.onApplicationBootstrap();
  }

  /** One backend that is away keeps nobody from looking through the others. */
  protected override async work(): Promise<void> {
    for (const provider of this.providers.all()) {
      try {
        if (!this.stopped && (await this.takeTurn(provider)) && (await this.ownership.moveIn(provider)).isOurs)
          await this.sweep(provider);
      } catch (error) {
        this.noteFailure(error, `looking for orphaned blobs in ${provider.name}`);
      }
    }
  }

  /** Whether the sweep is due and this node's to do: a node that is there for the first time sweeps after a period. */
  private async takeTurn(provider: StorageProvider): Promise<boolean> {
    const { backend, instanceId } = this.search.placeOf(provider);
    const { now } = this.store.tables;
    const next = `${now} + CAST(? AS BIGINT)`;
    const first = `INSERT INTO sweep (backend, instance_id, due_ms) VALUES (?, ?, ${next}) ON CONFLICT DO NOTHING`;
    // A time beyond the next period is that of a longer one, which the configuration had before.
    const take = `UPDATE sweep SET due_ms = ${next} WHERE backend = ? AND instance_id = ? AND (due_ms <= ${now} OR due_ms > ${next})
      RETURNING due_ms`;
    const [, taken = []] = await this.store.tables.transaction('sweep', [
      { sql: first, parameters: [backend, instanceId, this.periodMs] },
      { sql: take, parameters: [this.periodMs, backend, instanceId, this.periodMs] },
    ]);
    return taken.length > 0;
  }

  private async sweep(provider: StorageProvider): Promise<void> {
    const found: Orphan[] = [];
    const strangers = new Map<string, number>();
    let [known, unknown] = [0, 0];
    for await (const batch of this.search.search(provider)) {
      if (this.stopped) return;
      for (const { owner } of batch.strangers) strangers.set(owner, (strangers.get(owner) ?? 0) + 1);
      known += batch.known;
      unknown += batch.orphans.length;
      found.push(...batch.orphans.slice(0, ORPHANS_MAX - found.length));
    }
    for (const [owner, blobs] of strangers) this.tellStrangers(provider, owner, blobs);
    // Looking may have taken long.
    if (found.length === 0 || !(await this.ownership.judge(provider)).isOurs) return;
    if (unknown > Math.max(USUAL_MAX, known)) return this.leave(provider, known, unknown);
    let count = 0;
    let bytes = 0;
    for (let from = 0; from < found.length && !this.stopped; from += CONDEMN_BATCH) {
      const orphans = found.slice(from, from + CONDEMN_BATCH);
      const condemned = await this.condemn(orphans.map(({ replica }) => replica));
      for (const { replica, size } of orphans) {
        if (!condemned.has(replica.key)) continue;
        count++;
        bytes += size;
      }
    }
    if (count === 0) return;
    this.observe.orphaned(provider.name, count);
    this.logger.log({ blobs: count, bytes }, `${count} blobs in ${provider.name} belong to nothing and are collected`);
    this.collector.wake();
  }

  private leave({ name }: StorageProvider, known: number, unknown: number): void {
    this.logger.warn(
      { known, unknown },
      `${unknown} blobs in ${name} belong to nothing that this metadata knows, and only ${known} to something: none is removed. ` +
        'Is the metadata an old backup, or a copy of what another node goes on with? If it is the right one, "callfs gc" shows and ' +
        '"callfs gc --yes" removes them.',
    );
  }

  private tellStrangers({ name }: StorageProvider, owner: string, blobs: number): void {
    this.logger.error(
      { blobs, node: owner },
      `${blobs} blobs in ${name} are those of the node "${owner}": their files cannot be read while this node has another name. ` +
        `Set instance_discovery.instance_id to "${owner}" again, or have "callfs fsck --repair" give them to this node.`,
    );
  }

  private async condemn(replicas: Parameters<MetadataStore['condemn']>[0]): Promise<Set<string>> {
    return new Set((await this.store.condemn(replicas)).map(({ key }) => key));
  }
}
