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
    const asked = [6, 6, 1].map((bytes) => budget.acquire(bytes));
    expect(await settledOf(asked)).toEqual([true, false, false]);
    budget.release(6);
    expect(await settledOf(asked)).toEqual([true, true, true]);
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
    await budget.acquire(10);
    const abort = new AbortController();
    const waiting = budget.acquire(10, abort.signal);
    abort.abort(new Error('cancelled'));
    await expect(waiting).rejects.toThrow('cancelled');
    budget.release(10);
    expect(await settledOf([budget.acquire(10)])).toEqual([true]);
  });

  it('who comes with an aborted signal gets nothing', async () => {
    const budget = new ByteBudget(10);
    await expect(budget.acquire(1, AbortSignal.abort(new Error('cancelled')))).rejects.toThrow('cancelled');
    expect(await settledOf([budget.acquire(10)])).toEqual([true]);
  });
});
