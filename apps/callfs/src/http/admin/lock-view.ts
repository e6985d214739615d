import type { ClearedLock, LockCheck, LockRecord } from '@callfs/locking';

/** A lock as the API shows it. */
export interface LockView {
  readonly id: string;
  readonly paths: readonly string[];
  readonly instance_id: string;
  readonly boot_id: string;
  readonly operation: string;
  readonly user: string;
  readonly request_id: string;
  readonly acquired_at: string;
  readonly age_ms: number;
  /** null: not by itself. */
  readonly expires_in_ms: number | null;
  readonly fence: number;
  readonly stale: boolean;
  readonly foreign: boolean;
}

export interface ClearedLockView {
  readonly id: string;
  readonly outcome: ClearedLock['outcome'];
  readonly lock?: LockView;
}

export interface LockCheckView {
  readonly store: string;
  readonly latency_ms: number;
  readonly leases: number;
  readonly stale: number;
  readonly foreign: number;
}

export function lockView(lock: LockRecord): LockView {
  return {
    id: lock.id,
    paths: lock.names,
    instance_id: lock.instanceId,
    boot_id: lock.bootId,
    operation: lock.operation,
    user: lock.user,
    request_id: lock.requestId,
    acquired_at: new Date(lock.acquiredAtMs).toISOString(),
    age_ms: Math.round(lock.heldMs),
    expires_in_ms: lock.remainingMs === null ? null : Math.round(lock.remainingMs),
    fence: lock.fence,
    stale: lock.stale,
    foreign: lock.foreign,
  };
}

export function clearedLockView({ id, outcome, lock }: ClearedLock): ClearedLockView {
  return { id, outcome, ...(lock && { lock: lockView(lock) }) };
}

export function lockCheckView({ store, latencyMs, leases, stale, foreign }: LockCheck): LockCheckView {
  return { store, latency_ms: Math.round(latencyMs * 1000) / 1000, leases, stale, foreign };
}

const text = { type: 'string' } as const;
const count = { type: 'integer' } as const;

export const LOCK_SCHEMA = {
  type: 'object',
  properties: {
    id: { type: 'string', description: 'Of this one acquisition' },
    paths: { type: 'array', items: text },
    instance_id: text,
    boot_id: { type: 'string', description: 'Which run of the instance' },
    operation: text,
    user: text,
    request_id: text,
    acquired_at: { type: 'string', format: 'date-time' },
    age_ms: count,
    expires_in_ms: { type: 'integer', nullable: true, description: 'Unless it is renewed; null: not by itself' },
    fence: count,
    stale: { type: 'boolean', description: 'Its holder is gone' },
    foreign: { type: 'boolean', description: 'Not written by CallFS' },
  },
};

export const CLEARED_SCHEMA = {
  type: 'object',
  properties: {
    id: text,
    outcome: { type: 'string', enum: ['cleared', 'gone', 'changed', 'refused'] },
    lock: LOCK_SCHEMA,
  },
};

export const LOCK_CHECK_SCHEMA = {
  type: 'object',
  properties: { store: text, latency_ms: { type: 'number' }, leases: count, stale: count, foreign: count },
};
