import { CallfsError, VirtualPath } from '@callfs/core';
import { parseMoment } from '../../config/value-types';
import type { AuditFilter, AuditPosition, StoredEntry } from '../../use-cases/audit/audit-rows';
import { choice } from '../files/query-values';
import type { Query } from '../request-target';

/** The filters of a question to the audit log. `INVALID_REQUEST`, `INVALID_PATH`. */
export function auditFilterOf(query: Query, nowMs: number): AuditFilter {
  const path = named(query, 'path');
  return {
    sinceMs: timeOf(query, 'since', nowMs),
    untilMs: timeOf(query, 'until', nowMs),
    user: named(query, 'user'),
    path: path === undefined ? undefined : VirtualPath.fromText(path).toString(),
    operation: named(query, 'operation'),
    order: choice(query, 'order', ['asc', 'desc'], 'desc'),
  };
}

/** Behind `entry`. */
export function auditCursor({ atMs, instanceId, seq }: StoredEntry): string {
  return Buffer.from(JSON.stringify([atMs, instanceId, seq])).toString('base64url');
}

/** `INVALID_REQUEST` for what is no cursor. */
export function auditPositionOf(query: Query): AuditPosition | undefined {
  const cursor = query.get('cursor');
  if (cursor === undefined) return undefined;
  try {
    const [atMs, instanceId, seq] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (Number.isSafeInteger(atMs) && typeof instanceId === 'string' && Number.isSafeInteger(seq))
      return { atMs: atMs as number, instanceId, seq: seq as number };
  } catch {
    // As any other text.
  }
  throw new CallfsError('INVALID_REQUEST', 'The parameter "cursor" is not one of this listing; leave it out to begin again.');
}

function timeOf(query: Query, name: string, nowMs: number): number | undefined {
  const text = named(query, name);
  if (text === undefined) return undefined;
  const ms = parseMoment(text, nowMs);
  if (ms === undefined)
    throw new CallfsError('INVALID_REQUEST', `The parameter "${name}" is neither a duration such as 1h nor an RFC 3339 time.`);
  return ms;
}

function named(query: Query, name: string): string | undefined {
  const value = query.get(name);
  if (value === '')
    throw new CallfsError('INVALID_REQUEST', `The parameter "${name}" is empty. Leave it out, or give it a value.`);
  return value;
}
