import { CallfsError } from '@callfs/core';
import type { Principal, PrincipalRequest } from '../principal';
import type { TransactionClient } from './sessions';

/** Numbers below are for the system's own, as on Linux. */
const FIRST_FREE_ID = 1000;

/** As `sqlite/principal-rows.ts`; one at a time, since nodes that start together want the same names. */
export async function ensurePrincipals(client: TransactionClient, wanted: readonly PrincipalRequest[]): Promise<Principal[]> {
  await client.rows('LOCK TABLE principal IN SHARE ROW EXCLUSIVE MODE');
  const ordered = [...wanted].sort((a, b) => Number(a.id === undefined) - Number(b.id === undefined));
  for (const request of ordered) await ensure(client, request);
  return client.rows<Principal>('SELECT kind, id, name FROM principal ORDER BY kind, id');
}

async function ensure(client: TransactionClient, { kind, name, id }: PrincipalRequest): Promise<void> {
  const [known] = await client.rows<Principal>('SELECT kind, id, name FROM principal WHERE kind = $1 AND name = $2', kind, name);
  if (known && (id === undefined || known.id === id)) return;
  if (known) throw taken(`The ${kind} ${name} has the number ${known.id} already, not ${id}`);
  if (id !== undefined) {
    const [holder] = await client.rows<Principal>('SELECT kind, id, name FROM principal WHERE kind = $1 AND id = $2', kind, id);
    if (holder) throw taken(`The number ${id} belongs to the ${kind} ${holder.name}, so ${name} cannot have it`);
  }
  // One number for users and groups alike, so that a user's own group can have the same.
  await client.rows(
    `INSERT INTO principal (kind, id, name)
     SELECT $1, coalesce($2::bigint, greatest(${FIRST_FREE_ID}, (SELECT max(id) + 1 FROM principal WHERE id < 2147483647))), $3`,
    ...[kind, id ?? null, name],
  );
}

function taken(reason: string): CallfsError {
  return new CallfsError('INVALID_REQUEST', `${reason}; choose another.`);
}
