import type { Identity } from '@callfs/auth';
import type { Deed } from './audit/audit-entry';

/** On whose behalf a use case runs. */
export interface Caller {
  readonly identity: Identity;
  /** Ties locks and log lines to the request. */
  readonly requestId: string;
  /** Aborted when the caller is gone: work that is not committed by then is dropped. */
  readonly signal?: AbortSignal;
  /** Takes down what is about to be done, for the audit log. */
  readonly note?: (deed: Deed) => void;
}
