import { describe, expect, it } from 'vitest';
import { ByteBudget } from './byte-budget';

/** Which of `promises` have resolved by now. */
async function settledOf(promises: Promise<unknown>[]): Promise<boolean[]> {
  const settled = promises.map(() => false);
  promises.forEach((promise, index) => void promise.then(() => (settled[index] = true)).catch(() => undefined));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('ByteBudget', () => {
  it('gives what there is, and makes the rest wait in the order they came', async () => {
    const budget = new ByteBudget(10);
    const [first, ...others] = [6, 6, 1].map((bytes) => budget.acquire(bytes));
    expect(await settledOf(others)).toEqual([false, false]);
    (await first)?.release();
    expect(await settledOf(others)).toEqual([true, true]);
  });

  it('one who gives up waiting leaves the place to the next', async () => {
    const budget = new ByteBudget(10);
    await budget.acquire(8);
    const abort = new AbortController();
    const large = budget.acquire(9, abort.signal);
    const small = budget.acquire(2);
    expect(await settledOf([small])).toEqual([false]);
    const reason = new Error('cancelled');
    abort.abort(reason);
    await expect(large).rejects.toBe(reason);
    expect(await settledOf([small])).toEqual([true]);
  });

  it('what was given up is not taken', async () => {
    const budget = new ByteBudget(10);
    const held = await budget.acquire(10);
    const abort = new AbortController();
    const waiting = budget.acquire(10, abort.signal);
    abort.abort(new Error('cancelled'));
    await expect(waiting).rejects.toThrow('cancelled');
    held.release();
    expect(await settledOf([budget.acquire(10)])).toEqual([true]);
  });

  it('what is released twice comes back once', async () => {
    const budget = new ByteBudget(10);
    const [held] = [await budget.acquire(5), await budget.acquire(5)];
    held.release();
    held.release();
    expect(await settledOf([budget.acquire(5), budget.acquire(5)])).toEqual([true, false]);
  });

  it('who comes with an aborted signal gets nothing', async () => {
    const budget = new ByteBudget(10);
    await expect(budget.acquire(1, AbortSignal.abort(new Error('cancelled')))).rejects.toThrow('cancelled');
    expect(await settledOf([budget.acquire(10)])).toEqual([true]);
  });

  it('D1 who does not wait for clients waits for what will return, and for no more than that', async () => {
    const budget = new ByteBudget(10);
    const [one] = [await budget.acquire(6), await budget.acquire(4)];
    expect(await budget.acquireSoon(1)).toBeUndefined();
    one.willReturn();
    one.willReturn();
    const waiting = budget.acquireSoon(4);
    expect(await settledOf([waiting])).toEqual([false]);
    expect(await budget.acquireSoon(3)).toBeUndefined();
    const other = budget.acquireSoon(2);
    one.release();
    expect(await settledOf([waiting, other])).toEqual([true, true]);
    expect(await budget.acquireSoon(1)).toBeUndefined();
  });

  it('what one who gave up was waiting for is there for another', async () => {
    const budget = new ByteBudget(10);
    const held = await budget.acquire(10);
    held.willReturn();
    const abort = new AbortController();
    const waiting = budget.acquireSoon(10, abort.signal);
    expect(await budget.acquireSoon(10)).toBeUndefined();
    abort.abort(new Error('cancelled'));
    await expect(waiting).rejects.toThrow('cancelled');
    const next = budget.acquireSoon(10);
    held.release();
    expect(await settledOf([next])).toEqual([true]);
  });
});
