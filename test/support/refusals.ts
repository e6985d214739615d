import { expect, it } from 'vitest';
import type { Answer, Client } from './client';
import { snapshot } from './fixture';

export type Attempt = readonly [title: string, act: () => Promise<Answer>, outcome: string];

/** Each attempt fails as it should, says why in the documented form, and leaves everything below `base` as it was. */
export function refusals(world: () => { root: Client; base: string }, attempts: readonly Attempt[]): void {
  it.each(attempts)('%s', async (_, act, outcome) => {
    const { root, base } = world();
    const before = await snapshot(root, base);

    const answer = await act();

    expect(answer.outcome).toBe(outcome);
    if (answer.body.length > 0) {
      expect(answer.header('content-type')).toMatch(/^application\/json/);
      expect(answer.json).toMatchObject({ code: outcome.split(' ')[1], message: expect.any(String) });
      expect(answer.json.request_id).toBe(answer.header('x-request-id'));
    }
    expect(await snapshot(root, base)).toEqual(before);
  });
}
