import type { Lease } from './lease-store';

/** Who takes a lock and why: shown to those who wait for it and to `callfs locks`. */
export interface LockPurpose {
  /** `put`, `rename`, … */
  readonly operation: string;
  readonly user: string;
  readonly requestId: string;
}

export interface LockOptions extends LockPurpose {
  /** At most this long; the service's `acquireTimeoutMs` when not given. 0: now or never. */
  readonly waitMs?: number;
  /** Gives up waiting; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** The names that a commit depends on, and the fence that it was given. */
export interface LockGuard {
  readonly lockNames: readonly string[];
  readonly fence: number;
}

/** A lock while it is held. */
export interface HeldLock {
  /** Sorted, each once. */
  readonly names: readonly string[];
  readonly fence: number;
  /** Others had some of the names first: what was read before is likely to have changed. */
  readonly hasWaited: boolean;
  /** Handed to the metadata commit, which refuses a holder that was overtaken. */
  readonly guard: LockGuard;
  /** Aborted, with a `STALE_LOCK` error as reason, as soon as the lease is lost, cleared or can no longer be trusted. */
  readonly signal: AbortSignal;
  /** Throws that reason; what `signal.throwIfAborted()` does, for those who need no signal. */
  throwIfLost(): void;
}

/** Where fences come from: the metadata store. */
export interface FenceSource {
  /** A number above every one given or raised before. */
  nextFence(): Promise<number>;
  /** From here on no commit goes through that names one of these locks with a fence given before. */
  raiseFence(lockNames: readonly string[]): Promise<void>;
}

/** Whether the node still runs under this boot id. Nobody knows: true, and its leases end by themselves. */
export type NodeLiveness = (instanceId: string, bootId: string) => Promise<boolean>;

/** Told of what happens to locks, for the metrics. */
export interface LockObserver {
  /** Every operation, waiting included. `acquire`: `acquired`, `timeout`, `aborted`, `error`; the others: `ok`, `lost`, `error`. */
  operation(operation: 'acquire' | 'renew' | 'release' | 'clear', status: LockOperationStatus, seconds: number): void;
  /** How many locks this process holds now. */
  active(count: number): void;
  /** Locks were taken over from a holder that had not released them. */
  reclaimed(count: number): void;
  /** A lease was lost while its holder was at work. */
  lost(): void;
  /** A commit was refused because its lock had been lost. */
  fenced(): void;
}

export type LockOperationStatus = 'acquired' | 'timeout' | 'aborted' | 'ok' | 'lost' | 'error';

/** Which leases; all that match everything given. */
export interface LockFilter {
  /** A path and all below it: `/a` and `/a/` have `/a` and `/a/b`, not `/ab`. `INVALID_REQUEST` when empty or not absolute. */
  readonly prefix?: string;
  readonly stale?: boolean;
  /** Held longer than this. */
  readonly olderThanMs?: number;
  /** The user who took it. */
  readonly owner?: string;
  /** The instance that took it. */
  readonly node?: string;
  readonly operation?: string;
}

/** A lease as administrators see it. */
export interface LockRecord extends Lease {
  /** Its holder is gone: nobody will renew or release it. */
  readonly stale: boolean;
}

export interface ClearOptions {
  /** Live leases too; their holders cannot commit any more. */
  readonly force?: boolean;
  /** Needed to force; for the audit. */
  readonly reason?: string;
}

/** `refused`: the holder lives and `force` was not given. `changed`: somebody else holds it by now. */
export type ClearOutcome = 'cleared' | 'gone' | 'changed' | 'refused';

export interface ClearedLock {
  readonly id: string;
  readonly outcome: ClearOutcome;
  /** What was found under this id. */
  readonly lock?: LockRecord;
}

/** What `callfs locks check` says of the lease store. */
export interface LockCheck {
  readonly store: string;
  readonly latencyMs: number;
  readonly leases: number;
  readonly stale: number;
  /** Entries that CallFS did not write. They block their paths until they are cleared. */
  readonly foreign: number;
}
