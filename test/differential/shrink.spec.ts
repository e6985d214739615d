import { describe, expect, it } from 'vitest';
import { Random } from '../support/random';
import { shrink } from './shrink';

const steps = Array.from({ length: 400 }, (_, index) => index);

describe('shrink', () => {
  it.each([[[7]], [[0, 399]], [[3, 4, 5, 250, 251]], [[]]])(
    'keeps of 400 steps only %j, which it takes to fail',
    async (needed) => {
      const smallest = await shrink(steps, async (left) => needed.every((step) => left.includes(step)));
      expect(smallest).toEqual(needed.length === 0 ? [expect.any(Number)] : needed);
    },
  );

  it('leaves nothing that could be left out, whatever makes it fail', async () => {
    const random = new Random(1);
    for (let i = 0; i < 20; i++) {
      const pairs = Array.from({ length: 3 }, () => [random.below(400), random.below(400)] as const);
      const fails = async (left: readonly number[]) => pairs.some((pair) => pair.every((step) => left.includes(step)));
      const smallest = await shrink(steps, fails);
      expect(await fails(smallest)).toBe(true);
      for (const step of smallest) {
        const without = smallest.filter((other) => other !== step);
        expect(without.length > 0 && (await fails(without))).toBe(false);
      }
    }
  });

  it('asks seldom when little is needed', async () => {
    let asked = 0;
    await shrink(steps, async (left) => {
      asked++;
      return left.includes(200);
    });
    expect(asked).toBeLessThan(40);
  });
});
