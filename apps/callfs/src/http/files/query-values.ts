import { CallfsError } from '@callfs/core';
import type { Query } from '../request-target';

/** `true`, `false`, or present without a value, which says yes. `INVALID_REQUEST`. */
export function flag(query: Query, name: string, otherwise = false): boolean {
  const value = query.get(name);
  if (value === undefined) return otherwise;
  if (value === 'true' || value === '' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalidValue(name, 'true or false');
}

/** A whole number from `min` to `max`. `INVALID_REQUEST`. */
export function integer(query: Query, name: string, min: number, max: number, otherwise: number): number {
  const value = query.get(name);
  if (value === undefined) return otherwise;
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw invalidValue(name, `a number from ${min} to ${max}`);
}

/** One of `choices`. `INVALID_REQUEST`. */
export function choice<T extends string, D extends T | undefined>(
  query: Query,
  name: string,
  choices: readonly T[],
  otherwise: D,
): T | D {
  const value = query.get(name);
  if (value === undefined) return otherwise;
  const chosen = choices.find((candidate) => candidate === value);
  if (chosen === undefined) throw invalidValue(name, `one of ${choices.join(', ')}`);
  return chosen;
}

function invalidValue(name: string, expected: string): CallfsError {
  return new CallfsError('INVALID_REQUEST', `The parameter "${name}" is not ${expected}.`, { details: { parameter: name } });
}
