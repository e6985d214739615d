import { CallfsError } from '@callfs/core';
import type { Principal, PrincipalRequest } from '../principal';
import type { Statements } from './statement-cache';

/** Numbers below are for the system's own, as on Linux. */
const FIRST_FREE_ID = 1000;

export function ensurePrincipals(sql: Statements, wanted: readonly PrincipalRequest[]): Principal[] {
  // Numbers that are asked for come first, so that no chosen one stands in their way.
  const ordered = [...wanted].sort((a, b) => Number(a.id === undefined) - Number(b.id === undefined));
  for (const { kind, name, id } of ordered) {
    const known = sql.get<Principal>('SELECT kind, id, name FROM principal WHERE kind = ? AND name = ?', kind, name);
    if (known && (id === undefined || known.id === id)) continue;
    if (known) throw taken(`The ${kind} ${name} has the number ${known.id} already, not ${id}`);
    const holder =
      id === undefined
        ? undefined
        : sql.get<Principal>('SELECT kind, id, name FROM principal WHERE kind = ? AND id = ?', kind, id);
    if (holder) throw taken(`The number ${id} belongs to the ${kind} ${holder.name}, so ${name} cannot have it`);
    sql.run('INSERT INTO principal (kind, id, name) VALUES (?, ?, ?)', kind, id ?? nextId(sql), name);
  }
  return sql.all<Principal>('SELECT kind, id, name FROM principal ORDER BY kind, id');
}

/** One number for users and groups alike, so that a user's own group can have the same. */
function nextId(sql: Statements): number {
  const highest = sql.get<{ id: number | null }>('SELECT max(id) AS id FROM principal WHERE id < 2147483647')?.id ?? 0;
  return Math.max(FIRST_FREE_ID, highest + 1);
}

function taken(reason: string): CallfsError {
  return new CallfsError('INVALID_REQUEST', `${reason}; choose another.`);
}
