import { CallfsError } from '@callfs/core';
import type { Claim } from './lease-store';
import type { HeldLock, LockGuard } from './lock-contract';

/** A granted claim while its holder is at work: as good as its lease, and never a moment longer. */
export class HeldLease implements HeldLock {
  hasWaited = false;
  private controller: AbortController | undefined;
  private how: 'expired' | 'cleared' | 'gone' | undefined;
  private reason: CallfsError | undefined;

  constructor(
    readonly claim: Claim,
    /** Beside its names, what its guard depends on. */
    private readonly domains: readonly string[],
    public fence: number,
    /** When the store was asked for what it has granted last; on the monotonic clock, as all times here. */
    public askedAtMs: number,
    /** How long after that nobody else can have it. */
    private readonly trustMs: number,
    private readonly onLost: () => void,
  ) {}

  get names(): readonly string[] {
    return this.claim.names;
  }

  get guard(): LockGuard {
    const { names } = this.claim;
    return { lockNames: this.domains.length === 0 ? names : [...names, ...this.domains], fence: this.fence };
  }

  get signal(): AbortSignal {
    this.checkClock();
    this.controller ??= new AbortController();
    if (this.how) this.controller.abort(this.lostBecause);
    return this.controller.signal;
  }

  get isLost(): boolean {
    return this.how !== undefined;
  }

  /** What the signal aborts with, and `throwIfLost` throws. */
  get lostBecause(): CallfsError | undefined {
    if (this.how) this.reason ??= staleLock(this.claim, this.how);
    return this.reason;
  }

  throwIfLost(): void {
    this.checkClock();
    const reason = this.lostBecause;
    if (reason) throw reason;
  }

  /** Timers of a process that was stopped fire late: whoever asks gets the answer of the clock. */
  checkClock(): void {
    if (this.trustMs !== Infinity && performance.now() >= this.askedAtMs + this.trustMs) this.lose('expired');
  }

  lose(how: 'expired' | 'cleared' | 'gone'): void {
    if (this.how) return;
    this.how = how;
    this.onLost();
    this.controller?.abort(this.lostBecause);
  }
}

function staleLock({ id, names }: Claim, lost: string): CallfsError {
  const message = `The lock on ${names.join(' and ')} was lost before the commit; nothing has changed. Try again.`;
  return new CallfsError('STALE_LOCK', message, { details: { path: names[0], lock_id: id, lost } });
}
