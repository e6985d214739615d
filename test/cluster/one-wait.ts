import { expect } from 'vitest';
import { ANSWER_MS } from '../../apps/callfs/src/cluster/peer-client';

/** N3: a node that does not answer was waited for once, which is less than two seconds, and not twice. */
export function expectOneWait(since: number): void {
  expect(ANSWER_MS).toBeLessThan(2_000);
  // The wait, and a second and a half for a machine that does ten other things.
  expect(performance.now() - since).toBeLessThan(2 * ANSWER_MS);
}
