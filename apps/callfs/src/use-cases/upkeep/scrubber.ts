import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { CallfsError, type Content, type Replica } from '@callfs/core';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders } from '@callfs/storage';
import type { SuspectBlobs } from '../suspect-blobs';
import type { BlobAudit, BlobFinding } from './blob-audit';
import type { BlobRepair } from './blob-repair';
import { ByteRate } from './byte-rate';
import { ScrubStates, type RecordedDamage, type ScrubState } from './scrub-state';
import type { UpkeepObserver } from './upkeep-observer';

const PAGE = 100;
/** After its first start a node has other things to do. */
const FIRST_AFTER_MS = 10 * 60_000;
/** From the end of a pass to the next. */
const REST_MS = 24 * 3600_000;
const LOOK_MS = 60_000;
/** Blobs that readers complain of, and that wait to be looked at. */
const SUSPECTS_MAX = 1000;
/** One that could not be made good is not looked at again for so long, and for so many times what the look took. */
const SUSPECT_REST_MS = 60_000;
const SUSPECT_REST_TIMES = 10;

export interface ScrubStatus {
  readonly backend: string;
  readonly instance_id: string;
  readonly state: 'running' | 'waiting' | 'off';
  readonly rate_bytes: number;
  readonly started_ms: number | null;
  readonly finished_ms: number | null;
  readonly next_ms: number | null;
  /** Checked in the pass under way, or in the last one. */
  readonly blobs: number;
  readonly bytes: number;
  readonly damaged: readonly RecordedDamage[];
}

export type ScrubEvent =
  | { readonly event: 'finding'; readonly finding: BlobFinding; readonly repaired: boolean }
  | { readonly event: 'progress'; readonly blobs: number; readonly bytes: number }
  | {
      readonly event: 'end';
      readonly finished: boolean;
      readonly blobs: number;
      readonly bytes: number;
      readonly damaged: number;
    };

/** Why a pass ended before its end: the node stops, or it is to begin anew. */
class Interrupted extends Error {}

/**
 * Reads this node's blobs from the first to the last, slowly, day by day, and compares them with what was committed, so
 * that rot is found while there is another copy or a backup to mend it from. A damaged blob is replaced from another of
 * the same content; without one it is reported and kept. Where it is survives a restart. Shared backends check their
 * own media and are left out. What a reader found wrong and did without is looked at when it is told.
 */
@Injectable()
export class Scrubber implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Scrubber.name);
  private readonly states: ScrubStates;
  private readonly listeners = new Set<(event: ScrubEvent) => void>();
  private interrupt = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private pass: Promise<void> | undefined;
  private stopped = false;
  private readonly stopping = new AbortController();
  /** By key: until when nothing new can be said of it, by the monotonic clock. */
  private readonly suspected = new LRUCache<string, number>({ max: SUSPECTS_MAX });
  private waiting = 0;
  private looking: Promise<void> = Promise.resolve();
  /** Somebody waits for the result: from the start, and as fast as it goes. */
  private urgent = false;

  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly audit: BlobAudit,
    private readonly repair: BlobRepair,
    private readonly instanceId: string,
    private readonly rateBytes: number,
    private readonly observe: UpkeepObserver,
    private readonly suspects: SuspectBlobs,
  ) {
    this.states = new ScrubStates(store);
  }

  onApplicationBootstrap(): void {
    this.suspects.tell((content, replica) => this.suspect(content, replica));
    this.schedule(0);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.interrupt.abort(new Interrupted('the node stops'));
    this.stopping.abort(new Interrupted('the node stops'));
    await Promise.all([this.pass, this.looking]);
  }

  async status(): Promise<ScrubStatus[]> {
    return Promise.all(this.backends().map((backend) => this.statusOf(backend)));
  }

  /** Checks every blob from the first on, without regard to the rate, and tells how it goes until it has ended. */
  async *now(): AsyncGenerator<ScrubEvent> {
    const queue: ScrubEvent[] = [];
    let wake = () => {};
    const listen = (event: ScrubEvent) => {
      // Of progress only the last is of interest to a listener that is slow.
      if (event.event === 'progress' && queue.at(-1)?.event === 'progress') queue.pop();
      queue.push(event);
      wake();
    };
    this.listeners.add(listen);
    try {
      this.begin();
      for (;;) {
        const event = queue.shift();
        if (event) yield event;
        if (event?.event === 'end') return;
        if (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.listeners.delete(listen);
    }
  }

  /** One after the other; a reader that comes meanwhile, or soon after, has said nothing new. */
  private suspect(content: Content, replica: Replica): void {
    const { key } = replica;
    if ((this.suspected.get(key) ?? 0) > performance.now() || this.waiting >= SUSPECTS_MAX) return;
    this.suspected.set(key, Infinity);
    this.waiting++;
    this.looking = this.looking.then(async () => {
      const beganMs = performance.now();
      try {
        await this.check(content, replica, undefined, this.stopping.signal);
      } catch (error) {
        if (error instanceof Interrupted) return;
        if (!CallfsError.is(error)) throw error;
        this.logger.warn({ err: error }, 'a blob that a reader complained of could not be looked at; the next pass does');
      } finally {
        const endedMs = performance.now();
        this.suspected.set(key, endedMs + Math.max(SUSPECT_REST_MS, SUSPECT_REST_TIMES * (endedMs - beganMs)));
        this.waiting--;
      }
    });
  }

  private begin(): void {
    this.urgent = true;
    if (this.pass) this.interrupt.abort(new Interrupted('it begins anew'));
    else this.schedule(0);
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return this.tell({ event: 'end', finished: false, blobs: 0, bytes: 0, damaged: 0 });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.pass = this.work().finally(() => {
        this.pass = undefined;
        this.schedule(this.urgent ? 0 : LOOK_MS);
      });
    }, delayMs).unref();
  }

  private async work(): Promise<void> {
    const urgent = this.urgent;
    this.urgent = false;
    this.interrupt = new AbortController();
    if (this.rateBytes === 0 && !urgent) return;
    const rate = urgent ? undefined : new ByteRate(this.rateBytes);
    let sum = { blobs: 0, bytes: 0, damaged: 0 };
    let finished = true;
    try {
      for (const backend of this.backends()) {
        const state = await this.startOf(backend, urgent);
        if (!state) continue;
        const { blobs, bytes, damaged } = await this.scrub(backend, state, rate);
        sum = { blobs: sum.blobs + blobs, bytes: sum.bytes + bytes, damaged: sum.damaged + damaged };
      }
    } catch (error) {
      finished = false;
      if (!(error instanceof Interrupted) && !CallfsError.is(error)) throw error;
      if (!(error instanceof Interrupted))
        this.logger.warn({ err: error }, 'the check of blobs was interrupted; it goes on later');
    } finally {
      // Who asked for a pass that was interrupted to begin anew waits for the new one.
      if (urgent && !this.urgent) this.tell({ event: 'end', finished, ...sum });
    }
  }

  /** Where to begin; nothing when it is not time. */
  private async startOf(backend: string, urgent: boolean): Promise<ScrubState | undefined> {
    const place = this.place(backend);
    const now = Date.now();
    const state = await this.states.load(place);
    const fresh = { dueMs: now, startedMs: now, finishedMs: 0, position: 0, blobs: 0, bytes: 0 };
    if (urgent) return fresh;
    if (state) return state.dueMs > now ? undefined : state.finishedMs === 0 && state.startedMs > 0 ? state : fresh;
    await this.states.save(place, { ...fresh, dueMs: now + FIRST_AFTER_MS, startedMs: 0 });
    return undefined;
  }

  private async scrub(
    backend: string,
    from: ScrubState,
    rate: ByteRate | undefined,
  ): Promise<{ blobs: number; bytes: number; damaged: number }> {
    const place = this.place(backend);
    const { signal } = this.interrupt;
    let { position, blobs, bytes } = from;
    let damaged = 0;
    const save = (end: Partial<ScrubState> = {}) => this.states.save(place, { ...from, position, blobs, bytes, ...end });
    try {
      await save();
      for (let more = true; more;) {
        const contents = await this.store.contents({ after: position, limit: PAGE });
        for (const content of contents) {
          const replica = content.replicas.find((each) => each.backend === backend && each.instanceId === this.instanceId);
          if (replica) {
            if (!(await this.check(content, replica, rate, signal))) damaged++;
            blobs++;
            bytes += content.size;
          }
          position = content.id;
          signal.throwIfAborted();
        }
        more = contents.length === PAGE;
        if (contents.length > 0) await save();
        this.tell({ event: 'progress', blobs, bytes });
      }
    } catch (error) {
      // A pass that is to begin anew saves its own.
      if (!this.urgent) await save();
      throw error;
    }
    await this.states.forgetBefore(place, from.startedMs);
    const finishedMs = Date.now();
    await save({ finishedMs, dueMs: finishedMs + REST_MS });
    return { blobs, bytes, damaged };
  }

  /** Whether the blob is, or is again, what it should be. */
  private async check(content: Content, replica: Replica, rate: ByteRate | undefined, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const finding = await this.audit.read(content, replica, async (bytes) => {
      signal.throwIfAborted();
      await rate?.spend(bytes, signal);
    });
    // Making it anew takes as long as it is large, also where there was nothing to read.
    signal.throwIfAborted();
    if (!finding) {
      this.observe.scrubbed('ok', content.size);
      return true;
    }
    const repaired = await this.repair.repair(finding);
    this.observe.scrubbed(repaired ? 'repaired' : finding.problem, content.size);
    const facts = { backend: replica.backend, key: replica.key, content: content.id, problem: finding.problem, repaired };
    const what = `the blob ${replica.key} is ${finding.problem}: ${finding.detail}`;
    if (repaired) this.logger.warn(facts, `${what}; it was replaced from another copy`);
    else if (finding.problem === 'unreadable') this.logger.warn(facts, `${what}; it is read again in the next pass`);
    else if (finding.content.replicas.length > 1)
      this.logger.error(facts, `${what}; no other copy can be read now. It is tried again in the next pass`);
    else this.logger.error(facts, `${what}; there is no other copy to replace it from. Restore the file from a backup`);
    if (!repaired) await this.states.record(finding);
    this.tell({ event: 'finding', finding, repaired });
    return repaired;
  }

  private async statusOf(backend: string): Promise<ScrubStatus> {
    const place = this.place(backend);
    const [state, damaged] = await Promise.all([this.states.load(place), this.states.damage(place)]);
    const isRunning = this.pass !== undefined && state !== undefined && state.startedMs > 0 && state.finishedMs === 0;
    const time = (ms: number | undefined) => (ms === undefined || ms === 0 ? null : ms);
    return {
      backend,
      instance_id: this.instanceId,
      state: isRunning ? 'running' : this.rateBytes === 0 ? 'off' : 'waiting',
      rate_bytes: this.rateBytes,
      started_ms: time(state?.startedMs),
      finished_ms: time(state?.finishedMs),
      next_ms: isRunning || this.rateBytes === 0 ? null : time(state?.dueMs),
      blobs: state?.blobs ?? 0,
      bytes: state?.bytes ?? 0,
      damaged,
    };
  }

  /** Those whose media are this node's own. */
  private backends(): string[] {
    return this.providers.all().flatMap(({ name, isShared }) => (isShared ? [] : [name]));
  }

  private place(backend: string): { backend: string; instanceId: string } {
    return { backend, instanceId: this.instanceId };
  }

  private tell(event: ScrubEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}
