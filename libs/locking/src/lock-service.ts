import { randomUUID } from 'node:crypto';
import { CallfsError } from '@callfs/core';
import { FenceCache } from './fence-cache';
import type { HeldLease } from './held-lease';
import { LeaseKeeper } from './lease-keeper';
import type { Busy, Claim, Granted, LeaseStore } from './lease-store';
import { LockAdministration } from './lock-administration';
import type { FenceSource, HeldLock, LockObserver, LockOperationStatus, LockOptions, NodeLiveness } from './lock-contract';
import { inLockOrder } from './lock-names';

export interface LockServiceOptions {
  readonly instanceId: string;
  /** Of this run; one of its own when nothing else has to know it. */
  readonly bootId?: string;
  readonly acquireTimeoutMs: number;
  readonly observer?: LockObserver;
  readonly isNodeAlive?: NodeLiveness;
}

const NOBODY: LockObserver = {
  operation: () => undefined,
  active: () => undefined,
  reclaimed: () => undefined,
  lost: () => undefined,
  fenced: () => undefined,
};

/**
 * Locks on names, over any lease store: waits for them in order, renews and releases their leases, and hands out
 * fences. A lock saves work, it does not guarantee: whoever holds one hands its fence to the commit, which refuses
 * holders that were overtaken.
 *
 * Why the fence is enough: it is given before the lease is, or noted in the lease afterwards (`confirm`). Whoever takes
 * a name that was not released raises the fence of the name before it goes to work; so does an administrator before the
 * lease is cleared. Both raise it above every fence that was given before.
 */
export class LockService {
  /** What `callfs locks` and the admin routes need. */
  readonly admin: LockAdministration;

  private readonly bootId: string;
  private readonly keeper: LeaseKeeper;
  private readonly fences: FenceCache;
  private readonly observer: LockObserver;
  private claims = 0;

  constructor(
    private readonly store: LeaseStore,
    fences: FenceSource,
    private readonly options: LockServiceOptions,
  ) {
    this.bootId = options.bootId ?? randomUUID();
    this.observer = options.observer ?? NOBODY;
    this.keeper = new LeaseKeeper(store, this.observer);
    this.fences = new FenceCache(fences);
    this.admin = new LockAdministration(store, fences, { ...options, isNodeAlive: (...node) => this.isNodeAlive(...node) });
  }

  /** How many locks this process holds. */
  get active(): number {
    return this.keeper.count;
  }

  /**
   * Holds all of `names`, runs `work`, releases. `LOCK_TIMEOUT` when they are not to be had in time, `STALE_LOCK` when
   * `work` gave up because they were lost, `LOCKS_UNAVAILABLE` when the lease store is away, or whatever `work` throws.
   */
  async withLock<T>(names: readonly string[], work: (lock: HeldLock) => Promise<T>, options: LockOptions): Promise<T> {
    options.signal?.throwIfAborted();
    const startMs = performance.now();
    const claim = this.claim(names, options);
    const fence = this.fences.current ?? (await this.fences.next());
    const answer = this.store.acquire(claim, options.waitMs !== 0);
    const lock = isUsable(answer, fence)
      ? this.hold(claim, fence, startMs, startMs)
      : await this.take({ claim, options, startMs }, answer, fence);
    try {
      return await work(lock);
    } catch (error) {
      throw this.judged(error, lock);
    } finally {
      const released = this.release(lock);
      if (released) await released;
    }
  }

  /** A restarted node takes back what its last run held: nobody waits for the leases of the dead. `LOCKS_UNAVAILABLE`. */
  async start(): Promise<void> {
    await this.store.ping();
    await this.admin.reclaim(this.options.instanceId);
  }

  /** Resolves when the lease store answers; `LOCKS_UNAVAILABLE`. */
  ping(): Promise<void> {
    return this.store.ping();
  }

  async close(): Promise<void> {
    this.keeper.close();
    await this.store.close();
  }

  private claim(names: readonly string[], { operation, user, requestId }: LockOptions): Claim {
    const { instanceId } = this.options;
    const id = `${this.bootId}.${(++this.claims).toString(36)}`;
    return { id, names: inLockOrder(names), instanceId, bootId: this.bootId, operation, user, requestId };
  }

  /** Waits until the claim is granted and its fence is good. */
  private async take(attempt: Attempt, first: Granted | Busy | Promise<Granted | Busy>, fence: number): Promise<HeldLease> {
    const { claim, options, startMs } = attempt;
    const waitMs = options.waitMs ?? this.options.acquireTimeoutMs;
    let status: LockOperationStatus = 'error';
    try {
      for (let asked = first, askedAtMs = startMs; ; asked = this.store.acquire(claim, waitMs > 0)) {
        const answer = await asked;
        if (answer.granted) {
          const lock = await this.enter(attempt, answer, fence, askedAtMs);
          lock.hasWaited = asked !== first;
          return lock;
        }
        if (!(await this.reclaims(answer))) {
          const leftMs = startMs + waitMs - performance.now();
          if (leftMs <= 0) {
            status = 'timeout';
            throw timeout(claim, answer);
          }
          await this.store.turn(claim, answer, leftMs, options.signal);
          if (options.signal?.aborted) status = 'aborted';
          options.signal?.throwIfAborted();
        }
        askedAtMs = performance.now();
      }
    } catch (error) {
      this.observer.operation('acquire', status, (performance.now() - startMs) / 1000);
      // What cannot be given up because the store is away ends by itself, and nobody waits for the store once more.
      const leaving = this.store.leave(claim).catch(unlessUnavailable);
      if (CallfsError.is(error, 'LOCKS_UNAVAILABLE')) leaving.catch(() => undefined);
      else await leaving;
      throw error;
    }
  }

  /** Granted; when others may believe to hold a name, their fence is raised before anything else. */
  private async enter({ claim, startMs }: Attempt, answer: Granted, fence: number, askedAtMs: number): Promise<HeldLease> {
    const lock = this.hold(claim, fence, askedAtMs, startMs);
    if (isUsable(answer, fence)) return lock;
    try {
      if (answer.overtaken.length > 0) await this.fences.raise(answer.overtaken);
      if (answer.reclaimed > 0) this.observer.reclaimed(answer.reclaimed);
      lock.fence = await this.fences.next();
      if (!(await this.store.confirm(claim, lock.fence))) lock.lose('gone');
      lock.throwIfLost();
      return lock;
    } catch (error) {
      this.keeper.drop(lock);
      throw error;
    }
  }

  private hold(claim: Claim, fence: number, askedAtMs: number, startMs: number): HeldLease {
    const lock = this.keeper.keep(claim, fence, askedAtMs);
    this.observer.operation('acquire', 'acquired', (performance.now() - startMs) / 1000);
    return lock;
  }

  /** Takes the lease from a holder that is gone for certain. */
  private async reclaims({ holder }: Busy): Promise<boolean> {
    if (!holder || holder.foreign || (await this.isNodeAlive(holder.instanceId, holder.bootId))) return false;
    // The names stay marked as not released: the next holder raises their fence.
    const [outcome] = await this.store.clear([holder], { upTo: Infinity, floor: 0 });
    return outcome !== 'changed';
  }

  private async isNodeAlive(instanceId: string, bootId: string): Promise<boolean> {
    if (instanceId === this.options.instanceId) return bootId === this.bootId;
    return this.options.isNodeAlive?.(instanceId, bootId) ?? true;
  }

  private judged(error: unknown, { lostBecause }: HeldLease): unknown {
    if (lostBecause && error instanceof Error && error.name === 'AbortError') return lostBecause;
    if (CallfsError.is(error, 'STALE_LOCK') && error !== lostBecause) {
      this.observer.fenced();
      this.fences.forget();
    }
    return error;
  }

  private release(lock: HeldLease): Promise<void> | undefined {
    this.keeper.drop(lock);
    const released = this.store.release(lock.claim);
    if (released instanceof Promise) return this.settle(released, lock);
    // Nobody was asked, so it took no time worth a look at the clock.
    this.observer.operation('release', released ? 'ok' : 'lost', 0);
    return undefined;
  }

  /** The work is done whatever becomes of the lease: one that cannot be released ends by itself. */
  private async settle(released: Promise<boolean>, { isLost }: HeldLease): Promise<void> {
    const startMs = performance.now();
    const observe = (status: LockOperationStatus) =>
      this.observer.operation('release', status, (performance.now() - startMs) / 1000);
    const settled = released.then(
      (held) => observe(held ? 'ok' : 'lost'),
      (error: unknown) => {
        unlessUnavailable(error);
        observe('error');
      },
    );
    if (!isLost) await settled;
  }
}

interface Attempt {
  readonly claim: Claim;
  readonly options: LockOptions;
  readonly startMs: number;
}

/** Granted, and nothing that was raised so far can refuse `fence`. */
function isUsable(answer: Granted | Busy | Promise<Granted | Busy>, fence: number): boolean {
  if (answer instanceof Promise || !answer.granted) return false;
  return answer.overtaken.length === 0 && answer.fenceFloor <= fence;
}

function unlessUnavailable(error: unknown): void {
  if (!CallfsError.is(error, 'LOCKS_UNAVAILABLE')) throw error;
}

const RETRY_AFTER_S = 1;

function timeout({ names }: Claim, { name, holder }: Busy): CallfsError {
  return new CallfsError('LOCK_TIMEOUT', `failed to acquire lock on ${name}`, {
    details: {
      path: name,
      ...(holder && {
        lock_id: holder.id,
        holder_instance: holder.instanceId,
        operation: holder.operation,
        age_ms: Math.round(holder.heldMs),
        held_since: new Date(holder.acquiredAtMs).toISOString(),
      }),
      ...(names.length > 1 && { paths: names }),
      retry_after: RETRY_AFTER_S,
    },
  });
}
