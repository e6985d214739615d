import type { ClearOptions, LockFilter } from '@callfs/locking';
import type { ClearedLockView, LockCheckView, LockView } from '../../http/admin/lock-view';

/** Where the commands look at locks and clear them: a running node, or the lease store itself. */
export interface LockDesk {
  list(filter: LockFilter): Promise<readonly LockView[]>;
  /** In the order of `ids`. */
  clear(ids: readonly string[], options: ClearOptions): Promise<readonly ClearedLockView[]>;
  check(): Promise<LockCheckView>;
  close(): Promise<void>;
}
