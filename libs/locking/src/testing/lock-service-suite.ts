import { CallfsError } from '@callfs/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HeldLock, LockObserver, LockOptions } from '../lock-contract';
import type { LockService, LockServiceOptions } from '../lock-service';
import { FencedCell } from './fenced-cell';
import { Gate } from './gate';

export interface LockServiceHarness {
  /** Services of nodes that share one empty lease store; only the first, when a store has only one process. */
  open(cell: FencedCell, nodes: readonly LockServiceOptions[]): Promise<readonly LockService[]>;
  close(): Promise<void>;
}

/** Who says nothing else waits so long. */
const ACQUIRE_TIMEOUT_MS = 60_000;
const PURPOSE: LockOptions = { operation: 'put', user: 'alice', requestId: 'request-1' };

/** What `LockService` has to do over every `LeaseStore`. */
export function lockServiceSuite(name: string, harness: LockServiceHarness): void {
  describe(`LockService over ${name}`, () => {
    let cell: FencedCell;
    let locks: LockService;
    let events: string[];

    beforeEach(async () => {
      cell = new FencedCell();
      events = [];
      [locks] = (await harness.open(cell, [
        { instanceId: 'node-a', acquireTimeoutMs: ACQUIRE_TIMEOUT_MS, observer: observer(events) },
      ])) as [LockService];
      await locks.start();
    });
    afterEach(() => harness.close());

    /** Holds `names` until it is told to let go. */
    const hold = async (names: readonly string[], options: Partial<LockOptions> = {}) => {
      const [entered, release] = [new Gate<HeldLock>(), new Gate()];
      const work = async (lock: HeldLock) => {
        entered.open(lock);
        await release.opened;
        lock.throwIfLost();
      };
      const done = locks.withLock(names, work, { ...PURPOSE, ...options });
      done.catch(() => undefined);
      return {
        lock: await Promise.race([entered.opened, done.then(() => Promise.reject(new Error('not held')))]),
        release: release.open,
        done,
      };
    };
    const failure = (promise: Promise<unknown>): Promise<unknown> =>
      promise.then(
        () => Promise.reject(new Error('did not fail')),
        (error: unknown) => error,
      );
    const take = (names: readonly string[], options: Partial<LockOptions> = {}) =>
      locks.withLock(names, async () => 'taken', { ...PURPOSE, ...options });

    it('hands on what the work resolves to', async () => {
      const result = await locks.withLock(['/f'], async ({ names, fence }) => ({ names, fence: fence > 0 }), PURPOSE);
      expect(result).toEqual({ names: ['/f'], fence: true });
      expect(locks.active).toBe(0);
    });

    it('hands on what the work throws, and releases', async () => {
      const bug = new Error('a bug');
      expect(await failure(locks.withLock(['/f'], () => Promise.reject(bug), PURPOSE))).toBe(bug);
      expect(await take(['/f'], { waitMs: 0 })).toBe('taken');
    });

    it('sorts the names and takes each once', async () => {
      const names = await locks.withLock(['/b', '/a', '/b'], async (lock) => lock.names, PURPOSE);
      expect(names).toEqual(['/a', '/b']);
    });

    it('counts what is held', async () => {
      const [f, g] = [await hold(['/f']), await hold(['/g', '/h'])];
      expect(locks.active).toBe(2);
      f.release();
      g.release();
      await Promise.all([f.done, g.done]);
      expect(locks.active).toBe(0);
      expect(events.filter((event) => event.startsWith('active')).at(-1)).toBe('active 0');
    });

    it('lets nobody in while it is held', async () => {
      let inside = 0;
      let most = 0;
      const work = async () => {
        most = Math.max(most, ++inside);
        await new Promise(setImmediate);
        inside--;
      };
      await Promise.all(Array.from({ length: 40 }, () => locks.withLock(['/f'], work, PURPOSE)));
      expect(most).toBe(1);
    });

    it('L7 serves 50 waiters in the order in which they came', async () => {
      const held = await hold(['/f']);
      const order: number[] = [];
      const waiting = Array.from({ length: 50 }, (_, index) =>
        locks.withLock(['/f'], async () => void order.push(index), PURPOSE),
      );
      held.release();
      await Promise.all(waiting);
      expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index));
    });

    it('L8 pairs in opposite order, a thousand times: no deadlock', async () => {
      let done = 0;
      const work = async () => void done++;
      const pairs = Array.from({ length: 1_000 }, (_, index) => {
        const names = index % 2 === 0 ? ['/a', '/b'] : ['/b', '/a'];
        return locks.withLock(names, work, { ...PURPOSE, waitMs: 100_000 });
      });
      await Promise.all(pairs);
      expect(done).toBe(1_000);
    });

    it('gives up in time and says who is in the way', async () => {
      const held = await hold(['/a/f'], { operation: 'rename', user: 'bob' });
      const startMs = performance.now();
      const error = (await failure(take(['/a/f'], { waitMs: 50 }))) as CallfsError;
      expect(performance.now() - startMs).toBeLessThan(ACQUIRE_TIMEOUT_MS);
      expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', message: 'failed to acquire lock on /a/f' });
      const [lock] = await locks.admin.list();
      const { age_ms: age, held_since: since, ...rest } = error.details;
      expect(rest).toEqual({
        path: '/a/f',
        lock_id: lock?.id,
        holder_instance: 'node-a',
        operation: 'rename',
        retry_after: 1,
      });
      expect(age).toBeGreaterThanOrEqual(49);
      expect(Date.parse(since as string)).toBeLessThanOrEqual(Date.now());
      held.release();
      await held.done;
      expect(await take(['/a/f'], { waitMs: 0 })).toBe('taken');
      expect(events).toContain('acquire timeout');
    });

    it('does not wait when it is not to', async () => {
      const held = await hold(['/f']);
      expect(await failure(take(['/f'], { waitMs: 0 }))).toMatchObject({ code: 'LOCK_TIMEOUT' });
      held.release();
      await held.done;
    });

    it('stops waiting when its caller does', async () => {
      const held = await hold(['/f']);
      const controller = new AbortController();
      const reason = new Error('the client is gone');
      const waiting = take(['/f'], { signal: controller.signal });
      controller.abort(reason);
      expect(await failure(waiting)).toBe(reason);
      expect(await failure(take(['/g'], { signal: controller.signal }))).toBe(reason);
      held.release();
      await held.done;
      expect(await take(['/f'], { waitMs: 0 })).toBe('taken');
    });

    it('L10 a lock that is cleared: its holder knows, and never commits', async () => {
      const held = await hold(['/f', '/g']);
      const [lock] = await locks.admin.list({ prefix: '/g' });
      const id = lock?.id ?? '';
      const aborted = new Promise((resolve) => held.lock.signal.addEventListener('abort', resolve));
      expect(await locks.admin.clear(id, { force: true, reason: 'stuck' })).toMatchObject({
        id,
        outcome: 'cleared',
        lock: { user: 'alice' },
      });
      await aborted;
      expect(held.lock.signal.reason).toMatchObject({ code: 'STALE_LOCK' });
      expect(() => cell.commit('cleared', held.lock)).toThrow(CallfsError);
      await locks.withLock(['/f'], async (next) => cell.commit('next', next), PURPOSE);
      await locks.withLock(['/g'], async (next) => cell.commit('next', next), PURPOSE);
      held.release();
      expect(await failure(held.done)).toMatchObject({ code: 'STALE_LOCK' });
      expect(cell.commits).toEqual(['next', 'next']);
      expect(events.filter((event) => event === 'lost')).toEqual(['lost']);
      expect(locks.active).toBe(0);
    });

    it('aborts work that listens to the signal, as a stale lock', async () => {
      const entered = new Gate<HeldLock>();
      const work = (lock: HeldLock) => {
        entered.open(lock);
        return new Promise<void>((_, reject) => {
          lock.signal.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')));
        });
      };
      const done = failure(locks.withLock(['/f'], work, PURPOSE));
      await entered.opened;
      const [lock] = await locks.admin.list();
      await locks.admin.clear(lock?.id ?? '', { force: true, reason: 'stuck' });
      expect(await done).toMatchObject({ code: 'STALE_LOCK' });
    });

    it('a fence that others have raised refuses one commit, not the next', async () => {
      const commit = () => locks.withLock(['/f'], async (lock) => cell.commit('written', lock), PURPOSE);
      await commit();
      await cell.raiseFence(['/f']);
      expect(await failure(commit())).toMatchObject({ code: 'STALE_LOCK' });
      await commit();
      expect(cell.commits).toEqual(['written', 'written']);
      expect(events).toContain('fenced');
    });

    describe('administration', () => {
      it('refuses to clear a live lock without force, and to force without a reason', async () => {
        const held = await hold(['/f']);
        const [lock] = await locks.admin.list();
        const id = lock?.id ?? '';
        expect(await locks.admin.clear(id)).toMatchObject({ outcome: 'refused' });
        expect(await failure(locks.admin.clear(id, { force: true, reason: ' ' }))).toMatchObject({ code: 'INVALID_REQUEST' });
        held.lock.throwIfLost();
        held.release();
        await held.done;
        expect(await locks.admin.clear(id, { force: true, reason: 'stuck' })).toEqual({ id, outcome: 'gone', lock: undefined });
      });

      it('covers a path and what is below it, not what only looks so', async () => {
        const held = await Promise.all(['/a', '/a/b', '/a/b/c', '/ab', '/a.b', '/c/a/b'].map((path) => hold([path])));
        const paths = async (prefix: string) => (await locks.admin.list({ prefix })).flatMap(({ names }) => names).sort();
        expect(await paths('/a')).toEqual(['/a', '/a/b', '/a/b/c']);
        expect(await paths('/a/')).toEqual(['/a', '/a/b', '/a/b/c']);
        expect(await paths('/a/b')).toEqual(['/a/b', '/a/b/c']);
        expect(await paths('/')).toHaveLength(6);
        expect(await paths('/nothing')).toEqual([]);
        for (const prefix of ['', 'a', '*']) {
          expect(await failure(paths(prefix))).toMatchObject({ code: 'INVALID_REQUEST' });
        }
        for (const { release } of held) release();
        await Promise.all(held.map(({ done }) => done));
      });

      it('filters by who, where, what and how long', async () => {
        const f = await hold(['/f'], { operation: 'put', user: 'alice' });
        const g = await hold(['/g'], { operation: 'rename', user: 'bob' });
        const names = async (filter: object) => (await locks.admin.list(filter)).flatMap((lock) => lock.names).sort();
        expect(await names({})).toEqual(['/f', '/g']);
        expect(await names({ owner: 'bob' })).toEqual(['/g']);
        expect(await names({ operation: 'put' })).toEqual(['/f']);
        expect(await names({ node: 'node-a', stale: false })).toEqual(['/f', '/g']);
        expect(await names({ node: 'node-b' })).toEqual([]);
        expect(await names({ stale: true })).toEqual([]);
        expect(await names({ olderThanMs: 60_000 })).toEqual([]);
        expect(await locks.admin.check()).toMatchObject({ leases: 2, stale: 0, foreign: 0 });
        f.release();
        g.release();
        await Promise.all([f.done, g.done]);
      });

      it('L9 lists and clears 10,000 by their prefix within a second', async () => {
        const held = [];
        for (let index = 0; index < 10_000; index += 500) {
          held.push(...(await Promise.all(Array.from({ length: 500 }, (_, n) => hold([`/many/${index + n}`])))));
        }
        const other = await hold(['/manyother']);
        // The time that it takes, not the time that other processes of the machine take meanwhile.
        const before = process.cpuUsage();
        const ids = (await locks.admin.list({ prefix: '/many' })).map(({ id }) => id);
        expect(ids).toHaveLength(10_000);
        const cleared = await locks.admin.clearAll(ids, { force: true, reason: 'test' });
        const { user, system } = process.cpuUsage(before);
        expect((user + system) / 1_000).toBeLessThan(1_000);
        expect(new Set(cleared.map(({ outcome }) => outcome))).toEqual(new Set(['cleared']));
        expect((await locks.admin.list()).map(({ names }) => names)).toEqual([['/manyother']]);
        for (const { release } of [...held, other]) release();
        await other.done;
        await Promise.allSettled(held.map(({ done }) => done));
      });
    });
  });
}

/** Writes down what it is told. */
function observer(events: string[]): LockObserver {
  return {
    operation: (operation, status, seconds) => {
      if (!(seconds >= 0)) throw new Error(`${operation} took ${seconds} s`);
      events.push(`${operation} ${status}`);
    },
    active: (count) => events.push(`active ${count}`),
    reclaimed: (count) => events.push(`reclaimed ${count}`),
    lost: () => events.push('lost'),
    fenced: () => events.push('fenced'),
  };
}
