import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { patience } from './patience';

const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

it('is over after its time', async () => {
  const startMs = performance.now();
  await new Promise<void>((expired) => patience(50, expired));
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(49);
});

it('begins anew, once, when the process stood still', async () => {
  let endMs: number | undefined;
  const over = new Promise<void>((done) => {
    patience(300, () => {
      endMs = performance.now();
      done();
    });
  });
  standStill(500);
  const goesOnMs = performance.now();
  for (let turns = 0; turns < 3; turns++) await turn();
  expect(endMs).toBeUndefined();
  await over;
  expect((endMs ?? 0) - goesOnMs).toBeGreaterThanOrEqual(299);
});

it('is not heard of again once it was ended', async () => {
  let isExpired = false;
  const stop = patience(1, () => (isExpired = true));
  stop();
  await new Promise((later) => setTimeout(later, 5));
  await turn();
  expect(isExpired).toBe(false);
});
