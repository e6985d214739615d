import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LeaseStore } from '../lease-store';
import { busy, granted, listed, queued, TestNode } from './claims';

export interface LeaseStoreHarness {
  /** Two ways to one empty store, as two nodes have them; the same when the store is within one process. */
  open(): Promise<readonly [LeaseStore, LeaseStore]>;
}

const ANY_FENCE = { upTo: Number.MAX_SAFE_INTEGER, floor: 0 };

/** What every `LeaseStore` has to pass. */
export function leaseStoreSuite(name: string, harness: LeaseStoreHarness): void {
  describe(`LeaseStore ${name}`, () => {
    const [a, b] = [new TestNode('node-a'), new TestNode('node-b')];
    let one: LeaseStore;
    let two: LeaseStore;

    beforeEach(async () => {
      [one, two] = await harness.open();
    });
    afterEach(async () => {
      await one.close();
      await two.close();
    });

    describe('a lease', () => {
      it('has one holder, whom others are told of', async () => {
        const held = a.claim('/f');
        await granted(one, held);
        const refused = await busy(two, b.claim('/f'));
        expect(refused).toMatchObject({ name: '/f', holder: { ...held, foreign: false } });
        expect(refused.holder?.heldMs).toBeGreaterThanOrEqual(0);
        expect(Math.abs(Date.now() - (refused.holder?.acquiredAtMs ?? 0))).toBeLessThan(5_000);
      });

      it('is free for others once it is released', async () => {
        const held = a.claim('/f');
        await granted(one, held);
        expect(await one.release(held)).toBe(true);
        expect(await granted(two, b.claim('/f'))).toMatchObject({ overtaken: [], reclaimed: 0 });
      });

      it('stays the same when it is asked for again', async () => {
        const held = a.claim('/f', '/g');
        await granted(one, held);
        await granted(one, held);
        expect(await listed(one)).toMatchObject([{ id: held.id, names: ['/f', '/g'] }]);
        expect(await one.release(held)).toBe(true);
        expect(await listed(one)).toEqual([]);
      });

      it('takes all names or none', async () => {
        const held = a.claim('/g');
        await granted(one, held);
        expect(await busy(two, b.claim('/f', '/g', '/h'))).toMatchObject({ name: '/g', holder: { id: held.id } });
        await granted(one, a.claim('/f'));
        await granted(one, a.claim('/h'));
      });

      it('L5 is not freed by an old id', async () => {
        const old = a.claim('/f');
        await granted(one, old);
        await one.release(old);
        const held = b.claim('/f');
        await granted(two, held);
        expect(await one.release(old)).toBe(false);
        await one.leave(old);
        expect(await one.renew([old])).toEqual(one.ttlMs === null ? [] : [old.id]);
        expect(await listed(one)).toMatchObject([{ id: held.id }]);
      });

      it('keeps names apart that look like patterns, tags or fields', async () => {
        const names = [
          '/*',
          '/[a]',
          '/a?',
          '/{a}',
          '/{a}b',
          '/{}',
          '/"',
          '/\\',
          '/é',
          '/é\u{1f600}',
          '/a b',
          '/a\tb',
          '/callfs:lock:/a',
        ];
        const held = names.map((name) => a.claim(name));
        for (const claim of held) await granted(one, claim);
        for (const [index, name] of names.entries()) {
          expect((await busy(two, b.claim(name))).holder?.id).toBe(held[index]?.id);
          expect((await listed(two, name)).map((lease) => lease.names)).toEqual(
            [[name]].concat(name === '/{a}' ? [['/{a}b']] : name === '/é' ? [['/é\u{1f600}']] : []),
          );
        }
        for (const claim of held) expect(await one.release(claim)).toBe(true);
        expect(await listed(one)).toEqual([]);
      });
    });

    describe('a queue', () => {
      it('lets nobody pass who came later', async () => {
        const [held, first, second, late] = [a.claim('/f'), b.claim('/f'), a.claim('/f'), b.claim('/f')];
        await granted(one, held);
        await busy(two, first, true);
        await busy(one, second, true);
        await one.release(held);
        expect(await busy(two, late)).toMatchObject({ name: '/f', holder: undefined });
        await busy(one, second, true);
        await granted(two, first);
        await two.release(first);
        await granted(one, second);
      });

      it('wakes the next when a lease is released', async () => {
        const [held, next] = [a.claim('/f'), b.claim('/f')];
        await granted(one, held);
        const waiting = two.acquire(next, true);
        const refused = await waiting;
        if (refused.granted) throw new Error('granted');
        const turn = two.turn(next, refused, 60_000);
        await one.release(held);
        await turn;
        await granted(two, next);
      });

      it('L7 serves 50 in the order in which they came', async () => {
        const held = a.claim('/f');
        await granted(one, held);
        const order: number[] = [];
        const waiting: Promise<void>[] = [];
        for (let index = 0; index < 50; index++) {
          const [store, node] = index % 2 === 0 ? ([one, a] as const) : ([two, b] as const);
          const claim = node.claim('/f');
          await busy(store, claim, true);
          waiting.push(
            queued(store, claim).then(async () => {
              order.push(index);
              await store.release(claim);
            }),
          );
        }
        await one.release(held);
        await Promise.all(waiting);
        expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index));
      });

      it('goes on when the next gives up', async () => {
        const [held, first, second] = [a.claim('/f'), b.claim('/f'), a.claim('/f')];
        await granted(one, held);
        await busy(two, first, true);
        const waiting = queued(one, second);
        await one.release(held);
        await two.leave(first);
        await waiting;
      });

      it('for several names is a place for each of them', async () => {
        const [held, both, late] = [a.claim('/g'), b.claim('/f', '/g'), a.claim('/f')];
        await granted(one, held);
        await busy(two, both, true);
        // /f is free, but whoever takes it now might take it for ever.
        expect(await busy(one, late)).toMatchObject({ name: '/f', holder: undefined });
        await one.release(held);
        await granted(two, both);
      });

      it('sleeps no longer than it is told to, nor after an abort', async () => {
        const [held, next] = [a.claim('/f'), b.claim('/f')];
        await granted(one, held);
        const refused = await busy(two, next, true);
        await two.turn(next, refused, 1);
        await two.turn(next, refused, 60_000, AbortSignal.abort());
        const controller = new AbortController();
        const turn = two.turn(next, refused, 60_000, controller.signal);
        controller.abort();
        await turn;
      });
    });

    describe('an administrator', () => {
      it('lists leases with who holds them and why', async () => {
        const [f, g] = [a.claim('/a/f'), b.claim('/b/g', '/b/h')];
        await granted(one, f);
        await granted(two, g);
        const all = await listed(one);
        expect(all.sort((left) => (left.id === f.id ? -1 : 1))).toMatchObject([f, g]);
        expect(await listed(two, '/b/h')).toMatchObject([g]);
        expect(await listed(two, '/c')).toEqual([]);
      });

      it('clears a lease, and its place is taken by the next', async () => {
        const [held, next] = [a.claim('/f', '/g'), b.claim('/g')];
        await granted(one, held);
        const waiting = queued(two, next);
        const cleared = new Promise((resolve) => one.onCleared(resolve));
        const [lease] = await listed(two);
        if (!lease) throw new Error('nothing listed');
        expect(await two.clear([lease], { upTo: 7, floor: 9 })).toEqual(['cleared']);
        expect(await cleared).toBe(held.id);
        expect((await waiting).fenceFloor).toBe(9);
        expect(await one.release(held)).toBe(false);
        expect(await one.confirm(held, 10)).toBe(false);
        expect(await listed(one)).toMatchObject([next]);
      });

      it('clears neither what is gone nor what another holds by now', async () => {
        const [gone, changed] = [a.claim('/f'), a.claim('/g')];
        await granted(one, gone);
        await granted(one, changed);
        const leases = await listed(one);
        const inOrder = [gone, changed].flatMap(({ id }) => leases.filter((lease) => lease.id === id));
        await one.release(gone);
        await one.release(changed);
        const held = b.claim('/g');
        await granted(two, held);
        expect(await one.clear(inOrder, ANY_FENCE)).toEqual(['gone', 'changed']);
        expect(await listed(one)).toMatchObject([held]);
      });

      it('does not clear a lease that got its fence after the look at it', async () => {
        const held = a.claim('/f');
        await granted(one, held);
        const leases = await listed(two);
        expect(await one.confirm(held, 12)).toBe(true);
        expect(await listed(two)).toMatchObject([{ id: held.id, fence: 12 }]);
        expect(await two.clear(leases, { upTo: 11, floor: 13 })).toEqual(['changed']);
        expect(await two.clear(leases, { upTo: 12, floor: 14 })).toEqual(['cleared']);
        expect(await granted(two, b.claim('/f'))).toMatchObject({ fenceFloor: 14 });
      });
    });

    it('answers', async () => {
      await one.ping();
      await two.ping();
    });
  });
}
