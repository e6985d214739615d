import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Authenticator } from '@callfs/auth';
import { CallfsError } from '@callfs/core';
import { LockService, type HeldLock } from '@callfs/locking';
import type { CommitGuard } from '@callfs/metadata';
import type { Caller } from './caller';
import { FaultPoints } from './fault-points';
import { OwnName } from './own-name';

/** What a change is going to do, judged on what was read: which paths it locks is part of that. */
export interface Plan {
  readonly lockNames: readonly string[];
  /**
   * The commit compares everything that it was judged by. Then one that was made before the locks were held is as good: if
   * something has changed, the commit refuses it.
   */
  readonly isCompared?: boolean;
}

/** A change: `plan` reads and judges, `commit` does it in one transaction that refuses (`CONFLICT`) what has changed since. */
export interface Change<P extends Plan, T> {
  readonly operation: string;
  plan(): Promise<P>;
  commit(plan: P, guard: CommitGuard): Promise<T>;
}

/** Past so many lost races the service is overloaded rather than unlucky. */
const MAX_ATTEMPTS = 100;
/** Without contention for the path itself, a conflict is over as soon as it is seen; only a row of them is waited out. */
const PATIENT_AFTER = 3;
const MAX_PAUSE_MS = 20;

/**
 * Runs changes: under the locks of the paths they touch, read again once the locks are held (unless nobody had them and
 * the commit compares it all), and again for as long as the commit finds that something was changed meanwhile. The lock
 * saves the work; the commit is what guarantees.
 */
@Injectable()
export class CommitRunner {
  constructor(
    private readonly locks: LockService,
    private readonly faults: FaultPoints,
    private readonly authenticator: Authenticator,
    private readonly name: OwnName,
  ) {}

  /**
   * `METADATA_UNAVAILABLE` when another node goes by this one's name, `LOCK_TIMEOUT`, `STALE_LOCK`, `AUTHENTICATION_FAILED` when the caller's key is no longer one, and whatever `plan` and `commit` throw except `CONFLICT`. A plan made before (to
   * refuse a request before its body is sent) may be handed in.
   */
  async run<P extends Plan, T>(caller: Caller, change: Change<P, T>, made?: P): Promise<T> {
    this.name.refuseTaken();
    for (let attempt = 1; ; attempt++) {
      const before = attempt === 1 && made ? made : await change.plan();
      const { lockNames } = before;
      if (attempt === 1) caller.note?.({ operation: change.operation, paths: lockNames });
      const options = {
        operation: change.operation,
        user: caller.identity.user,
        requestId: caller.requestId,
        signal: caller.signal,
      };
      const done = await this.locks.withLock(lockNames, (lock) => this.underLock(caller, change, lock, attempt, before), options);
      if (done) {
        this.faults.reached('before-answer');
        return done.result;
      }
      if (attempt >= MAX_ATTEMPTS) throw new CallfsError('CONFLICT', 'The path keeps changing under this request; try again.');
    }
  }

  /** Nothing when the paths to lock turned out to be others: then those have to be locked. */
  private async underLock<P extends Plan, T>(
    caller: Caller,
    change: Change<P, T>,
    lock: HeldLock,
    attempts: number,
    before: P,
  ): Promise<{ result: T } | undefined> {
    this.faults.reached('locked');
    let plan = before.isCompared && !lock.hasWaited ? before : await change.plan();
    for (let attempt = attempts; ; attempt++) {
      if (!sameNames(plan.lockNames, lock.names)) return undefined;
      lock.throwIfLost();
      this.name.refuseTaken();
      this.authenticator.revalidate(caller.identity);
      try {
        const result = await change.commit(plan, lock.guard);
        this.faults.reached('committed');
        return { result };
      } catch (error) {
        if (!CallfsError.is(error, 'CONFLICT') || attempt >= MAX_ATTEMPTS) throw error;
      }
      if (attempt > PATIENT_AFTER) await delay(Math.random() * Math.min(MAX_PAUSE_MS, attempt));
      plan = await change.plan();
    }
  }
}

function sameNames(planned: readonly string[], held: readonly string[]): boolean {
  return planned.length === held.length && planned.every((name) => held.includes(name));
}
