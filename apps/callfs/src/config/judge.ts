import type { z } from 'zod';
import type { ValuePath } from './config-file';
import { definitionOf, type KeyName } from './keys';
import { nearest } from './nearest';
import { printable } from './problem';

/** What is wrong inside a value: where, counted from the value itself, and what was expected. */
export interface Flaw {
  readonly path: ValuePath;
  readonly message: string;
}

/** The value of a key as its type reads it, or everything that is wrong with it. */
export function judge(name: KeyName, value: unknown): { value: unknown } | { flaws: Flaw[] } {
  const { type } = definitionOf(name);
  const judged = type.schema.safeParse(value);
  if (judged.success) return { value: judged.data };
  return { flaws: judged.error.issues.flatMap((issue) => flawsOf(issue, type.names ?? [], type.expects)) };
}

function flawsOf(issue: z.core.$ZodIssue, names: readonly string[], expects: string): Flaw[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((unknown) => {
      const known = nearest(unknown, names);
      const hint = known === undefined ? `; expected one of ${names.join(', ')}` : `; did you mean ${known}?`;
      return { path: [...path, unknown], message: `there is no such key${hint}` };
    });
  }
  const ours = issue.code === 'custom' || /^expected /.test(issue.message);
  return [{ path, message: ours ? issue.message : `expected ${expects}` }];
}

/** As short as a key or secret may be: a longer name in a map of secrets may be one that was put on the wrong side. */
const SHORTEST_SECRET = 16;

/** `auth.users[0].keys[1]`. */
export function nameOf(name: KeyName, path: ValuePath): string {
  const { secret } = definitionOf(name);
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return `${text}.${secret && step.length >= SHORTEST_SECRET ? '***' : printable(step)}`;
  }, name);
}
