import type { Identity } from '@callfs/auth';

/** On whose behalf a use case runs. */
export interface Caller {
  readonly identity: Identity;
  /** Ties locks and log lines to the request. */
  readonly requestId: string;
  /** Aborted when the caller is gone: work that is not committed by then is dropped. */
  readonly signal?: AbortSignal;
}
