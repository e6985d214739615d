import { expect, it } from 'vitest';
import { together } from './together';

async function* numbers(from: number, to: number, ended: string[] = []): AsyncGenerator<number> {
  try {
    for (let number = from; number < to; number++) yield number;
  } finally {
    ended.push(`${from}`);
  }
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const told: T[] = [];
  for await (const item of source) told.push(item);
  return told;
}

it('tells everything of all, each in its order', async () => {
  const told = await all(together([numbers(0, 5), numbers(10, 13), numbers(20, 20)]));
  expect(told.filter((number) => number < 10)).toEqual([0, 1, 2, 3, 4]);
  expect(told.filter((number) => number >= 10)).toEqual([10, 11, 12]);
  expect(await all(together([]))).toEqual([]);
});

it('waits for none while another has something to tell', async () => {
  const stuck = async function* (): AsyncGenerator<number> {
    await new Promise(() => undefined);
    yield 0;
  };
  const source = together([stuck(), numbers(1, 4)]);
  const told: unknown[] = [];
  for (let i = 0; i < 3; i++) told.push((await source.next()).value);
  expect(told).toEqual([1, 2, 3]);
});

it('holds one item of each at most', async () => {
  let made = 0;
  const counting = async function* (): AsyncGenerator<number> {
    for (;;) yield made++;
  };
  const source = together([counting(), numbers(0, 1)]);
  await source.next();
  await source.next();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  expect(made).toBeLessThanOrEqual(3);
  await source.return(undefined);
});

it('ends all when it is left, and when one fails', async () => {
  const ended: string[] = [];
  for await (const number of together([numbers(0, 9, ended), numbers(10, 19, ended)])) if (number === 10) break;
  expect(ended.sort()).toEqual(['0', '10']);
  const failing = async function* (): AsyncGenerator<number> {
    yield 1;
    throw new Error('as it may');
  };
  ended.length = 0;
  await expect(all(together([failing(), numbers(0, 1_000, ended)]))).rejects.toThrow('as it may');
  expect(ended).toEqual(['0']);
});
