import { Injectable, Logger } from '@nestjs/common';
import {
  LockService,
  type ClearedLock,
  type ClearOptions,
  type LockCheck,
  type LockFilter,
  type LockRecord,
} from '@callfs/locking';
import type { Caller } from './caller';

/** What administrators may do to the locks of all nodes. */
@Injectable()
export class LocksService {
  private readonly logger = new Logger(LocksService.name);

  constructor(private readonly locks: LockService) {}

  /** The oldest first. `INVALID_REQUEST` for a prefix that is none. */
  list(filter: LockFilter): Promise<LockRecord[]> {
    return this.locks.admin.list(filter);
  }

  /** How the lease store is, and how many leases it has. */
  check(): Promise<LockCheck> {
    return this.locks.admin.check();
  }

  /** Ends leases by their ids, live ones only by force; their holders never commit. In the order of `ids`. */
  async clear(caller: Caller, ids: readonly string[], options: ClearOptions): Promise<ClearedLock[]> {
    const given = options.reason === undefined ? '' : `: ${options.reason}`;
    const how = options.force ? 'by force' : 'when stale';
    caller.note?.({ operation: 'locks.clear', paths: [], detail: `${ids.join(', ')} ${how}${given}` });
    const cleared = await this.locks.admin.clearAll(ids, options);
    const freed = cleared.flatMap(({ outcome, lock }) => (outcome === 'cleared' ? (lock?.names ?? []) : []));
    const outcomes = cleared.map(({ id, outcome }) => `${id} ${outcome}`).join(', ');
    caller.note?.({ operation: 'locks.clear', paths: freed, detail: `${outcomes}, ${how}${given}` });
    const { user } = caller.identity;
    for (const { id, outcome, lock } of cleared) {
      if (outcome !== 'cleared') continue;
      const { reason } = options;
      const { names: paths, instanceId: holder, stale } = lock ?? {};
      this.logger.warn({ user, request_id: caller.requestId, lock_id: id, paths, holder, stale, reason }, 'a lock was cleared');
    }
    return cleared;
  }
}
