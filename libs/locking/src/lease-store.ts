import type { LockPurpose } from './lock-contract';

/** One acquisition from its first attempt on. Its names are sorted, each once. */
export interface Claim extends LockPurpose {
  /** Unique; begins with `bootId` and a dot. */
  readonly id: string;
  readonly names: readonly string[];
  readonly instanceId: string;
  /** Which run of the instance. */
  readonly bootId: string;
}

/** A lease as the store has it, by the store's clock. */
export interface Lease extends Claim {
  readonly acquiredAtMs: number;
  readonly heldMs: number;
  /** Until it ends unless it is renewed; null: it does not end by itself. */
  readonly remainingMs: number | null;
  readonly fence: number;
  /** Not written by CallFS: what it blocks stays blocked until it is cleared. */
  readonly foreign: boolean;
}

export interface Granted {
  readonly granted: true;
  /**
   * Names that an earlier holder may believe to hold still: their fence has to be raised before the new one goes to work.
   * A store that has lost its memory names the `domains`: anybody may believe to hold anything.
   */
  readonly overtaken: readonly string[];
  /** How many of them are known to have had a holder that did not release them. */
  readonly reclaimed: number;
  /** A fence given before this one may be refused. */
  readonly fenceFloor: number;
}

export interface Busy {
  readonly granted: false;
  /** The first name that is not to be had. */
  readonly name: string;
  /** Absent while the name is kept for those who came before. */
  readonly holder?: Lease;
}

export interface FenceRange {
  /** Leases with a higher fence are left alone: they were given after the administrator looked. */
  readonly upTo: number;
  /** What later holders need at least. */
  readonly floor: number;
}

/**
 * Keeps leases on names: unique ids, all names of a claim or none, first come, first served. It knows nothing of
 * waiting times, renewal, fences or the work that is done. A shared store answers `LOCKS_UNAVAILABLE`, in bounded time.
 */
export abstract class LeaseStore {
  abstract readonly kind: 'local' | 'redis';

  /** How long a lease lasts without renewal; null: as long as the process. */
  abstract readonly ttlMs: number | null;

  /** What stands, in the commit's guard, for all leases that the store may forget together with those on `names`. */
  abstract domains(names: readonly string[]): readonly string[];

  /**
   * Takes all names or none. With `queue`, a claim that has to wait takes a place behind those who came before, which
   * it keeps by calling again (see `turn`) and gives up with `leave`. Calling again for a granted claim changes nothing.
   */
  abstract acquire(claim: Claim, queue: boolean): Granted | Busy | Promise<Granted | Busy>;

  /** Resolves when it is worth calling `acquire` again, at the latest after `waitMs` or when `signal` aborts. */
  abstract turn(claim: Claim, busy: Busy, waitMs: number, signal?: AbortSignal): Promise<void>;

  /** Gives up waiting, and whatever an attempt of unknown outcome may have taken. */
  abstract leave(claim: Claim): Promise<void>;

  /** Notes the fence that a claim works under; false when its lease is gone. */
  abstract confirm(claim: Claim, fence: number): Promise<boolean>;

  /** Resolves to the ids of those whose lease is gone. */
  abstract renew(claims: readonly Claim[]): Promise<string[]>;

  /** Ends the lease if it is still this claim's, and wakes the next; false when it is gone. */
  abstract release(claim: Claim): boolean | Promise<boolean>;

  /** Ends leases of others; the next holders learn that they overtake somebody. In the order of `leases`. */
  abstract clear(leases: readonly Lease[], fences: FenceRange): Promise<('cleared' | 'gone' | 'changed')[]>;

  /** Every lease on a name that starts with `prefix`, one for each id, in no order. */
  abstract list(prefix: string): AsyncIterable<Lease>;

  /** Told the id when a lease of this process is cleared; a store that cannot tell leaves it to `renew`. */
  abstract onCleared(listener: (id: string) => void): void;

  /** Resolves when the store answers. */
  abstract ping(): Promise<void>;

  abstract close(): Promise<void>;
}
