import { CallfsError } from '@callfs/core';
import type { Lease, LeaseStore } from './lease-store';
import type {
  ClearedLock,
  ClearOptions,
  FenceSource,
  LockCheck,
  LockFilter,
  LockObserver,
  LockRecord,
  NodeLiveness,
} from './lock-contract';
import { isCovered, normalPrefix } from './lock-names';

export interface LockAdministrationOptions {
  readonly isNodeAlive?: NodeLiveness;
  readonly observer?: LockObserver;
}

/** How often a lease that was taken again while we were at it is looked at once more. */
const MAX_ATTEMPTS = 3;

/** Looks at the leases of all nodes and ends those of holders that are gone, or that have to be. */
export class LockAdministration {
  constructor(
    private readonly store: LeaseStore,
    private readonly fences: FenceSource,
    private readonly options: LockAdministrationOptions = {},
  ) {}

  /** The oldest first. `INVALID_REQUEST` for a prefix that is none. */
  async list(filter: LockFilter = {}): Promise<LockRecord[]> {
    const prefix = filter.prefix === undefined ? '' : normalPrefix(filter.prefix);
    const liveness = new Map<string, Promise<boolean>>();
    const found: LockRecord[] = [];
    for await (const lease of this.store.list(prefix)) {
      if (!lease.names.some((name) => isCovered(prefix, name)) || !matches(lease, filter)) continue;
      const stale = await this.isStale(lease, liveness);
      if (filter.stale === undefined || filter.stale === stale) found.push(Object.assign(lease, { stale }));
    }
    return found.sort((a, b) => a.acquiredAtMs - b.acquiredAtMs);
  }

  async get(id: string): Promise<LockRecord | undefined> {
    return (await this.list()).find((lock) => lock.id === id);
  }

  /** One of them; see `clearAll`. */
  async clear(id: string, options: ClearOptions = {}): Promise<ClearedLock> {
    const [cleared] = await this.clearAll([id], options);
    return cleared ?? { id, outcome: 'gone' };
  }

  /**
   * Ends these leases by their own ids, whatever else is on their names by now. Their fences are raised first: no holder
   * of a lease that was cleared commits any more. In the order of `ids`. `INVALID_REQUEST` to force without a reason.
   */
  async clearAll(ids: readonly string[], options: ClearOptions = {}): Promise<ClearedLock[]> {
    if (options.force && !options.reason?.trim())
      throw new CallfsError('INVALID_REQUEST', 'Clearing a live lock needs a reason: its holder loses its work.');
    const startMs = performance.now();
    const locks = new Map((await this.list()).map((lock) => [lock.id, lock]));
    const allowed = ids.flatMap((id) => locks.get(id) ?? []).filter(({ stale }) => stale || options.force);
    const outcomes = await this.end(allowed);
    const seconds = (performance.now() - startMs) / 1000;
    return ids.map((id): ClearedLock => {
      const lock = locks.get(id);
      const outcome = outcomes.get(id) ?? (lock ? 'refused' : 'gone');
      this.options.observer?.operation('clear', outcome === 'cleared' ? 'ok' : 'lost', seconds);
      return { id, outcome, lock };
    });
  }

  /** Ends what earlier runs of this instance have left. Resolves to how many leases that were. */
  async reclaim(instanceId: string): Promise<number> {
    const left = await this.list({ node: instanceId, stale: true });
    const outcomes = await this.end(left);
    return [...outcomes.values()].filter((outcome) => outcome === 'cleared').length;
  }

  async check(): Promise<LockCheck> {
    const startMs = performance.now();
    await this.store.ping();
    const latencyMs = performance.now() - startMs;
    const locks = await this.list();
    const count = (which: (lock: LockRecord) => boolean) => locks.filter(which).length;
    return {
      store: this.store.kind,
      latencyMs,
      leases: locks.length,
      stale: count(({ stale }) => stale),
      foreign: count(({ foreign }) => foreign),
    };
  }

  /** A lease whose fence is newer than the look at it is tried again: then its fence is below the one raised. */
  private async end(leases: readonly Lease[]): Promise<Map<string, 'cleared' | 'gone' | 'changed'>> {
    const outcomes = new Map<string, 'cleared' | 'gone' | 'changed'>();
    let left = leases;
    for (let attempt = 0; left.length > 0 && attempt < MAX_ATTEMPTS; attempt++) {
      const upTo = await this.fences.nextFence();
      await this.fences.raiseFence([...new Set(left.flatMap(({ names }) => names))]);
      const floor = await this.fences.nextFence();
      const results = await this.store.clear(left, { upTo, floor });
      left.forEach(({ id }, index) => outcomes.set(id, results[index] ?? 'gone'));
      left = left.filter(({ id }) => outcomes.get(id) === 'changed');
    }
    return outcomes;
  }

  /** A lease that never ends and whose writer we do not know is nobody's. */
  private async isStale(lease: Lease, known: Map<string, Promise<boolean>>): Promise<boolean> {
    if (lease.foreign) return lease.remainingMs === null;
    const { instanceId, bootId } = lease;
    const node = `${bootId} ${instanceId}`;
    const alive = known.get(node) ?? this.options.isNodeAlive?.(instanceId, bootId) ?? Promise.resolve(true);
    known.set(node, alive);
    return !(await alive);
  }
}

function matches(lease: Lease, { olderThanMs, owner, node, operation }: LockFilter): boolean {
  return (
    (olderThanMs === undefined || lease.heldMs > olderThanMs) &&
    (owner === undefined || lease.user === owner) &&
    (node === undefined || lease.instanceId === node) &&
    (operation === undefined || lease.operation === operation)
  );
}
