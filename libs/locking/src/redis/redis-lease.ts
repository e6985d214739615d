import type { Lease } from '../lease-store';

/** A lease as the scripts describe it: a name it is on, its id, Redis's time, what is left of it, its fields. */
export type LeaseReply = readonly [name: string, id: string, nowMs: number, leftMs: number, fields: readonly (string | null)[]];

export function leaseOf([name, id, nowMs, leftMs, fields]: LeaseReply): Lease {
  const remainingMs = leftMs < 0 ? null : leftMs;
  if (fields.length === 0) return { ...NOBODY, id, names: [name], acquiredAtMs: nowMs, heldMs: 0, remainingMs, foreign: true };
  const [names, instanceId, bootId, operation, user, requestId, acquired, fence] = fields.map((field) => field ?? '');
  const acquiredAtMs = Number(acquired);
  return {
    id,
    names: namesOf(names ?? '', name),
    instanceId: instanceId ?? '',
    bootId: bootId ?? '',
    operation: operation ?? '',
    user: user ?? '',
    requestId: requestId ?? '',
    acquiredAtMs,
    heldMs: Math.max(0, nowMs - acquiredAtMs),
    remainingMs,
    fence: Number(fence),
    foreign: false,
  };
}

/** Of what CallFS did not write it is not known whose it is, nor since when it is there. */
const NOBODY = { instanceId: '', bootId: '', operation: '', user: '', requestId: '', fence: 0 };

function namesOf(json: string, name: string): readonly string[] {
  try {
    return JSON.parse(json) as readonly string[];
  } catch {
    // Somebody has written into the hash by hand.
    return [name];
  }
}
