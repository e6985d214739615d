import { CallfsError } from '@callfs/core';
import type { ClearOptions, LockFilter } from '@callfs/locking';
import { z } from 'zod';
import { parseDuration } from '../../config/value-types';
import { flag } from '../files/query-values';
import type { Query } from '../request-target';

/** The filters of a listing. `INVALID_REQUEST`; an empty value is one, for it could be taken for "all". */
export function lockFilter(query: Query): LockFilter {
  const olderThan = named(query, 'older_than');
  const olderThanMs = olderThan === undefined ? undefined : parseDuration(olderThan);
  if (olderThan !== undefined && olderThanMs === undefined)
    throw new CallfsError('INVALID_REQUEST', 'The parameter "older_than" is not a duration such as 30s, 10m or 1h.');
  return {
    prefix: named(query, 'prefix'),
    stale: query.get('stale') === undefined ? undefined : flag(query, 'stale'),
    olderThanMs,
    owner: named(query, 'owner'),
    node: named(query, 'node'),
    operation: named(query, 'op'),
  };
}

function named(query: Query, name: string): string | undefined {
  const value = query.get(name);
  if (value === '')
    throw new CallfsError('INVALID_REQUEST', `The parameter "${name}" is empty. Leave it out, or give it a value.`);
  return value;
}

const clearOptions = { force: z.boolean().optional(), reason: z.string().max(1_000).optional() };
const clearOne = z.strictObject(clearOptions).optional();
const clearMany = z.strictObject({ ids: z.array(z.string().min(1).max(200)).min(1), ...clearOptions });

/** What is said of clearing one lock, in the query or the body. `INVALID_REQUEST`. */
export function clearOptionsOf(query: Query, body: unknown): ClearOptions {
  const { force, reason } = parsed(clearOne, body) ?? {};
  return { force: flag(query, 'force', force ?? false), reason: query.get('reason') ?? reason };
}

/** `INVALID_REQUEST`. */
export function clearRequestOf(body: unknown): ClearOptions & { readonly ids: readonly string[] } {
  return parsed(clearMany, body);
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const [issue] = error.issues;
  const where = issue?.path.join('.') || 'The body';
  throw new CallfsError('INVALID_REQUEST', `${where}: ${issue?.message ?? 'is not what is expected'}.`);
}
