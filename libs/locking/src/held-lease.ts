import { CallfsError } from '@callfs/core';
import type { Claim } from './lease-store';
import type { HeldLock } from './lock-contract';

/** A granted claim while its holder is at work: as good as its lease, and never a moment longer. */
export class HeldLease implements HeldLock {
  private controller: AbortController | undefined;
  private reason: CallfsError | undefined;

  constructor(
    readonly claim: Claim,
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

  get signal(): AbortSignal {
    this.checkClock();
    this.controller ??= new AbortController();
    if (this.reason) this.controller.abort(this.reason);
    return this.controller.signal;
  }

  get lostBecause(): CallfsError | undefined {
    return this.reason;
  }

  throwIfLost(): void {
    this.checkClock();
    if (this.reason) throw this.reason;
  }

  /** Timers of a process that was stopped fire late: whoever asks gets the answer of the clock. */
  checkClock(): void {
    if (this.trustMs !== Infinity && performance.now() >= this.askedAtMs + this.trustMs) this.lose('expired');
  }

  lose(how: 'expired' | 'cleared' | 'gone'): void {
    if (this.reason) return;
    this.reason = staleLock(this.claim.names, { lock_id: this.claim.id, lost: how });
    this.onLost();
    this.controller?.abort(this.reason);
  }
}

export function staleLock(names: readonly string[], details: Readonly<Record<string, unknown>> = {}): CallfsError {
  const message = `The lock on ${names.join(' and ')} was lost before the commit; nothing has changed. Try again.`;
  return new CallfsError('STALE_LOCK', message, { details: { path: names[0], ...details } });
}
