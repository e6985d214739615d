import { Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { CallfsError, type Content, type ContentId, type Replica } from '@callfs/core';
import type { MetadataStore } from '@callfs/metadata';
import type { Collector } from '../collector';
import { ByteRate } from '../upkeep/byte-rate';
import type { ClusterNode, ClusterNodes } from './cluster-nodes';
import type { ContentCopier, CopyOptions } from './content-copier';
import { HealingTurn } from './healing-turn';
import { ReplicaCounts, type ReplicaCount } from './replica-counts';
import type { ReplicaPlaces } from './replica-places';
import type { ReplicationObserver } from './replication-observer';

const LONGEST_LOOK_MS = 60_000;
/** While there is something to heal. */
const SHORT_LOOK_MS = 10_000;
/** Without replication there is nothing but what moves of bytes have left when a node died in the middle of one. */
const RARE_LOOK_MS = 3600_000;
const TOLD_FAILURES = 5;
/** Contents with blobs too many that one pass takes down for the next. */
const NOTED = 10_000;

export interface HealerOptions {
  /** How many blobs a content is to have. */
  readonly copies: number;
  /** How long a node may be away before what it has is made anew elsewhere. */
  readonly graceMs: number;
  /** 0: nothing is made anew. */
  readonly rateBytes: number;
}

/** How a content is to be put right. */
interface Remedy {
  readonly missing: number;
  readonly drop: readonly Replica[];
}

/**
 * Sees to it that each content has as many blobs as it is to have: makes those anew that a node took with it which is gone
 * or forgotten, or that a write could not have, and lets go of what is too many. Every node counts, one of them heals: whoever
 * has the turn. Two at once would do no harm, for a content has one blob at a place, and none is dropped before enough
 * others are there.
 */
export class Healer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Healer.name);
  private readonly counts: ReplicaCounts;
  private readonly turn: HealingTurn;
  private readonly rate: ByteRate;
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private pass: Promise<void> | undefined;
  /** Contents with too few blobs; unknown before the first pass. */
  private short = Infinity;
  private failures = 0;
  /** Contents with blobs too many, in the pass before and in this one. */
  private excess = { before: new Set<ContentId>(), now: new Set<ContentId>() };
  /** Of the pass, once it has begun to let go of blobs: when it leaves the rest to the next. */
  private cutUntil: number | undefined;

  constructor(
    private readonly store: MetadataStore,
    private readonly nodes: ClusterNodes,
    private readonly copier: ContentCopier,
    private readonly places: ReplicaPlaces,
    private readonly collector: Collector,
    private readonly options: HealerOptions,
    private readonly observe: ReplicationObserver,
  ) {
    this.counts = new ReplicaCounts(store.tables, options.copies);
    this.turn = new HealingTurn(store.tables);
    this.rate = new ByteRate(options.rateBytes);
  }

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort(new Error('the node stops'));
    clearTimeout(this.timer);
    await this.pass;
  }

  private schedule(): void {
    if (this.stopping.signal.aborted) return;
    const { copies } = this.options;
    const often = this.often(this.short > 0 || this.isLate ? SHORT_LOOK_MS : LONGEST_LOOK_MS);
    this.timer = setTimeout(
      () => {
        this.pass = this.look().finally(() => this.schedule());
      },
      copies > 1 || !this.isAtRest ? often : RARE_LOOK_MS,
    ).unref();
  }

  private often(longestMs: number): number {
    return Math.max(500, Math.min(longestMs, this.options.graceMs / 2));
  }

  /** The last pass has found nothing that is other than it should be. */
  private get isAtRest(): boolean {
    return this.short === 0 && this.excess.now.size === 0;
  }

  private async look(): Promise<void> {
    try {
      const nodes = await this.nodes.look();
      this.short = await this.healAll(nodes);
      this.observe.underReplicated(this.short);
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      if (!CallfsError.is(error)) throw error;
      this.logger.warn({ err: error }, 'looking after the copies of contents failed; it is done again later');
    } finally {
      // Unless it is told, it ends by itself.
      await this.turn.release().catch(() => undefined);
    }
  }

  /** How many contents have too few blobs when it is done. */
  private async healAll(nodes: readonly ClusterNode[]): Promise<number> {
    const kept = nodes.filter(({ awayMs }) => awayMs <= this.options.graceMs).map(({ name }) => name);
    const live = nodes.filter(({ answers }) => answers).map(({ name }) => name);
    // As many blobs as a content can have now.
    const room = live.length + this.places.shared;
    let short = 0;
    let healed = 0;
    let isOurs = this.options.rateBytes > 0;
    this.failures = 0;
    this.cutUntil = undefined;
    this.excess = { before: this.excess.now, now: new Set() };
    for await (const count of this.counts.differing(kept, live)) {
      this.stopping.signal.throwIfAborted();
      let isShort = count.live < this.options.copies;
      if (isOurs && this.isCurable(count, room) && !this.isForNext(count) && (isOurs = await this.turn.has())) {
        const isHealed = await this.heal(count.content, kept, live, nodes);
        if (isHealed) healed++;
        isShort &&= !isHealed;
      }
      if (isShort) short++;
    }
    if (healed === 0) return short;
    this.logger.log({ contents: healed, short }, `${healed} contents have as many copies again as they are to have`);
    this.collector.wake();
    return short;
  }

  /** A node that is away for a while only is waited for. Without a blob to copy, or a place for it, there is nothing to do. */
  private isCurable({ total, kept, live }: ReplicaCount, room: number): boolean {
    const { copies } = this.options;
    return kept < copies ? live > 0 && live < room : total > copies;
  }

  /** Whether the content has the right number of blobs now, and had not. */
  private async heal(
    id: ContentId,
    kept: readonly string[],
    live: readonly string[],
    nodes: readonly ClusterNode[],
  ): Promise<boolean> {
    const [content] = await this.store.contents({ after: id - 1, limit: 1 });
    // What was replaced or removed meanwhile needs nothing.
    if (content?.id !== id) return true;
    try {
      const { missing, drop } = this.remedyFor(content, kept, live);
      if (missing === 0 && (drop.length === 0 || !this.isForLong(id))) return false;
      const added = await this.add(content, missing);
      if (added.length < missing) return false;
      await this.drop(content, added, drop, nodes);
      return true;
    } catch (error) {
      this.stopping.signal.throwIfAborted();
      if (!CallfsError.is(error)) throw error;
      if (!CallfsError.is(error, 'CONFLICT')) this.complain({ err: error, content: id });
      return false;
    }
  }

  /** A content whose bytes are being moved has one blob more for a moment: only what has too many from pass to pass is cut. */
  private isForLong(id: ContentId): boolean {
    if (this.excess.before.has(id)) return true;
    this.note(id);
    return false;
  }

  private note(id: ContentId): void {
    if (this.excess.now.size < NOTED) this.excess.now.add(id);
  }

  private get isLate(): boolean {
    return this.cutUntil !== undefined && performance.now() > this.cutUntil;
  }

  /**
   * Before a blob is let go of, those that stay are read, which may take hours. Meanwhile nodes come and go, and what has too
   * few copies by then comes first: so a pass cuts for a while only, at least once, and the next looks at the nodes again.
   */
  private isForNext({ content, kept }: ReplicaCount): boolean {
    if (kept < this.options.copies || !this.excess.before.has(content)) return false;
    this.cutUntil ??= performance.now() + this.often(LONGEST_LOOK_MS);
    if (this.isLate) this.note(content);
    return this.isLate;
  }

  /** Which blobs stay: those on nodes that answer rather than others, and that at the content's own place before all. */
  private remedyFor(content: Content, kept: readonly string[], live: readonly string[]): Remedy {
    const isOn = (names: readonly string[], { instanceId }: Replica) => instanceId === '' || names.includes(instanceId);
    const rank = (replica: Replica) => (isOn(live, replica) ? 0 : 2) + (isOwn(content, replica) ? 0 : 1);
    const good = content.replicas.filter((replica) => isOn(kept, replica)).sort((a, b) => rank(a) - rank(b));
    const { copies } = this.options;
    const stay = good.slice(0, copies);
    // Nothing is given up for a blob that cannot be looked at.
    const isSure = stay.every((replica) => isOn(live, replica));
    return {
      missing: Math.max(0, copies - good.length),
      drop: isSure ? content.replicas.filter((replica) => !stay.includes(replica)) : [],
    };
  }

  private async add(content: Content, missing: number): Promise<Replica[]> {
    const { signal } = this.stopping;
    const added: Replica[] = [];
    for (const place of missing > 0 ? this.places.besides(content.replicas) : []) {
      if (added.length === missing) break;
      try {
        added.push(await this.copier.copyTo(content, place, this.copying()));
        this.observe.copied('heal', 'ok');
      } catch (error) {
        signal.throwIfAborted();
        // Somebody else has changed it: it is looked at anew.
        if (!CallfsError.is(error) || CallfsError.is(error, 'CONFLICT')) throw error;
        this.observe.copied('heal', 'failed');
        this.complain({ err: error, content: content.id, ...place });
      }
    }
    return added;
  }

  /** At the rate, and with the turn kept. */
  private copying(): CopyOptions {
    const { signal } = this.stopping;
    const pace = async (bytes: number) => {
      await this.rate.spend(bytes, signal);
      await this.turn.has();
    };
    return { signal, pace };
  }

  /** The first of a pass tell enough: the others have most often the same reason. */
  private complain(facts: object): void {
    if (this.failures++ < TOLD_FAILURES)
      this.logger.warn(facts, 'a content could not be given as many copies as it is to have; it is tried again');
  }

  private async drop(
    content: Content,
    added: readonly Replica[],
    drop: readonly Replica[],
    nodes: readonly ClusterNode[],
  ): Promise<void> {
    if (drop.length === 0) return;
    const stay = content.replicas.filter((replica) => !drop.includes(replica));
    const left = [...stay, ...added];
    // What was added was compared. What the metadata says of the others may be wrong, and their bytes may have rotted.
    for (const replica of stay)
      await (added.length > 0
        ? this.copier.makeSureThere(content, replica)
        : this.copier.makeSure(content, replica, this.copying()));
    const [first] = left;
    const hasPlace = left.some((replica) => isOwn(content, replica));
    const place = !hasPlace && first && { backend: first.backend, instanceId: first.instanceId || content.instanceId };
    await this.store.changeReplicas(content.id, { drop, ...(place ? { place } : {}) });
    // Nobody is left to collect what a node had that is forgotten. Should it come back, its sweep does.
    const forgotten = drop.filter(({ instanceId }) => instanceId !== '' && !nodes.some(({ name }) => name === instanceId));
    if (forgotten.length > 0) await this.store.forget(forgotten);
  }
}

/** Whether a blob is where its content belongs. */
function isOwn({ backend, instanceId }: Content, replica: Replica): boolean {
  return replica.backend === backend && (replica.instanceId === '' || replica.instanceId === instanceId);
}
