import type { Client } from '../support/client';
import { must } from '../support/fixture';

/** One line of what a long piece of work tells. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a line holds is for each test to say
export type Line = any;

/** All lines of an answer, whose last one has to be the summary. */
export async function lines(client: Client, method: string, target: string): Promise<Line[]> {
  const answer = await must(client.request(method, target));
  const told = answer.text
    .trimEnd()
    .split('\n')
    .map((line): Line => JSON.parse(line));
  if (told.at(-1)?.event !== 'summary') throw new Error(`No summary at the end of ${answer.text.slice(-200)}`);
  return told;
}

export async function findings(client: Client, method: string, target: string): Promise<Line[]> {
  return (await lines(client, method, target)).filter(({ event }) => event === 'finding');
}

export async function summary(client: Client, method: string, target: string): Promise<Line> {
  return (await lines(client, method, target)).at(-1);
}
