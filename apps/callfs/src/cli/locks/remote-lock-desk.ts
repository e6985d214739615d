import type { ClearOptions, LockFilter } from '@callfs/locking';
import type { ClearedLockView, LockCheckView, LockView } from '../../http/admin/lock-view';
import type { AdminClient } from '../admin-client';
import type { LockDesk } from './lock-desk';

const LOCKS = '/v1/admin/locks';
/** A body of JSON may have 10,000 values. */
const IDS_AT_ONCE = 5_000;

/** The locks of all nodes, as a running node sees them. */
export class RemoteLockDesk implements LockDesk {
  constructor(private readonly client: AdminClient) {}

  async list({ prefix, stale, olderThanMs, owner, node, operation: op }: LockFilter): Promise<readonly LockView[]> {
    const older_than = olderThanMs === undefined ? undefined : `${olderThanMs}ms`;
    return (await this.client.get<{ items: LockView[] }>(LOCKS, { prefix, stale, older_than, owner, node, op })).items;
  }

  async clear(ids: readonly string[], options: ClearOptions): Promise<readonly ClearedLockView[]> {
    const cleared: ClearedLockView[] = [];
    for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
      const some = { ids: ids.slice(from, from + IDS_AT_ONCE), ...options };
      cleared.push(...(await this.client.post<{ items: ClearedLockView[] }>(`${LOCKS}/clear`, some)).items);
    }
    return cleared;
  }

  check(): Promise<LockCheckView> {
    return this.client.get<LockCheckView>(`${LOCKS}/check`);
  }

  async close(): Promise<void> {}
}
