/** Who takes a lock and why: shown to those who wait for it and to `callfs locks`. */
export interface LockPurpose {
  /** `put`, `rename`, … */
  readonly operation: string;
  readonly user: string;
  readonly requestId: string;
}

export interface LockOptions extends LockPurpose {
  /** At most this long; the service's `acquireTimeoutMs` when not given. */
  readonly waitMs?: number;
  /** Gives up waiting. */
  readonly signal?: AbortSignal;
}

/** A lock while it is held. */
export interface HeldLock {
  readonly names: readonly string[];
  /** Handed to the metadata commit, which refuses a holder that was overtaken. */
  readonly fence: number;
  /** Aborted, with a `STALE_LOCK` error as reason, as soon as the lease is lost, cleared or can no longer be trusted. */
  readonly signal: AbortSignal;
}

/** Where fences come from: the metadata store. */
export interface FenceSource {
  nextFence(): Promise<number>;
  raiseFence(lockNames: readonly string[]): Promise<void>;
}
