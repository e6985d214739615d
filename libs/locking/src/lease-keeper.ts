import { CallfsError } from '@callfs/core';
import { HeldLease } from './held-lease';
import type { Claim, LeaseStore } from './lease-store';
import type { LockObserver } from './lock-contract';

/** Shares of the time to live: when a lease is renewed, how often that is looked after, how long it is trusted. */
const RENEW_AFTER = 1 / 3;
const LOOK_EVERY = 1 / 15;
const TRUST_FOR = 5 / 6;

/**
 * Renews every lease of this process, with one timer for all, and gives up those that cannot be renewed while they are
 * certainly still valid: the clock of a lease starts before the store is asked, and is the monotonic one.
 */
export class LeaseKeeper {
  private readonly held = new Set<HeldLease>();
  private readonly cleared = new Set<string>();
  private readonly onLost: () => void;
  private timer: NodeJS.Timeout | undefined;
  private isRenewing = false;

  constructor(
    private readonly store: LeaseStore,
    private readonly observer: LockObserver,
  ) {
    this.onLost = () => observer.lost();
    store.onCleared((id) => {
      if (this.cleared.size === 0) queueMicrotask(() => this.loseCleared());
      this.cleared.add(id);
    });
  }

  get count(): number {
    return this.held.size;
  }

  /** From now on `claim` is renewed, until it is dropped or lost. */
  keep(claim: Claim, fence: number, askedAtMs: number): HeldLease {
    const { ttlMs } = this.store;
    const trustMs = ttlMs === null ? Infinity : ttlMs * TRUST_FOR;
    const lease = new HeldLease(claim, this.store.domains(claim.names), fence, askedAtMs, trustMs, this.onLost);
    this.held.add(lease);
    this.observer.active(this.held.size);
    // Runs on when nothing is held: starting it for each lock would cost more than looking at an empty table.
    if (ttlMs !== null) this.timer ??= setInterval(() => this.look(ttlMs), ttlMs * LOOK_EVERY).unref();
    return lease;
  }

  drop(lease: HeldLease): void {
    if (this.held.delete(lease)) this.observer.active(this.held.size);
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Those that are cleared together are looked for together. */
  private loseCleared(): void {
    for (const lease of this.held) if (this.cleared.has(lease.claim.id)) lease.lose('cleared');
    this.cleared.clear();
  }

  private look(ttlMs: number): void {
    const now = performance.now();
    for (const lease of this.held) lease.checkClock();
    if (this.isRenewing) return;
    const due = [...this.held].filter((lease) => !lease.isLost && lease.askedAtMs + ttlMs * RENEW_AFTER <= now);
    if (due.length > 0) void this.renew(due, now);
  }

  /** What fails because the store is away is tried again at the next look, until the lease is given up. */
  private async renew(due: readonly HeldLease[], askedAtMs: number): Promise<void> {
    this.isRenewing = true;
    try {
      const gone = new Set(await this.store.renew(due.map(({ claim }) => claim)));
      for (const lease of due) {
        // Released while the question was on its way: gone, as it should be.
        if (!this.held.has(lease)) continue;
        const isGone = gone.has(lease.claim.id);
        if (isGone) lease.lose('gone');
        else lease.askedAtMs = askedAtMs;
        this.observed(isGone ? 'lost' : 'ok', askedAtMs);
      }
    } catch (error) {
      if (!CallfsError.is(error, 'LOCKS_UNAVAILABLE')) throw error;
      for (let left = due.length; left > 0; left--) this.observed('error', askedAtMs);
    } finally {
      this.isRenewing = false;
    }
  }

  private observed(status: 'ok' | 'lost' | 'error', askedAtMs: number): void {
    this.observer.operation('renew', status, (performance.now() - askedAtMs) / 1000);
  }
}
