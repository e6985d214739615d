import type { Client } from 'pg';
import { CallfsError } from '@callfs/core';
import { LOCK_TIMED_OUT, stateOf } from './postgres-errors';
import { MIGRATION_LOCK } from './tree-functions';

/** Whoever waits for so long is told why, and then again from time to time. */
const FIRST_TOLD_MS = 2_000;
const TOLD_EVERY_MS = 10_000;

/** What a role or database may be set to end sessions by; whichever of them the server knows. */
const UNBOUND = `SELECT set_config(name, '0', false) FROM pg_settings
  WHERE name IN ('statement_timeout', 'idle_session_timeout', 'transaction_timeout')`;

interface Holder {
  readonly pid: number;
  readonly address: string;
  readonly seconds: number;
}

/**
 * Takes the lock of the schema for as long as `client` is connected. One node at a time has it, and only for as long as its
 * migrations take: after `limitMs` it is `METADATA_UNAVAILABLE`, with whose session is in the way and what to do about it. No other
 * bound ends the wait or the session, whatever the role of the database has.
 */
export async function takeMigrationTurn(client: Client, limitMs: number, tell: (message: string) => void): Promise<void> {
  const deadline = performance.now() + limitMs;
  await client.query(UNBOUND);
  for (let pauseMs = FIRST_TOLD_MS; ; pauseMs = TOLD_EVERY_MS) {
    try {
      const patienceMs = Math.max(1, Math.floor(Math.min(pauseMs, deadline - performance.now())));
      await client.query(`SET lock_timeout = ${patienceMs}`);
      await client.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
      return;
    } catch (error) {
      if (stateOf(error) !== LOCK_TIMED_OUT) throw error;
      const holder = await holderOf(client);
      if (performance.now() >= deadline) throw tooLong(limitMs, holder, error);
      tell(`Another node is bringing the schema of the metadata up to date; this one waits for it. ${described(holder)}`);
    }
  }
}

/** `undefined`: it has let go meanwhile. */
async function holderOf(client: Client): Promise<Holder | undefined> {
  const { rows } = await client.query<Holder>(
    `SELECT a.pid, coalesce(host(a.client_addr), 'a local socket') AS address,
       floor(extract(epoch FROM clock_timestamp() - a.backend_start))::int AS seconds
     FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
     JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
       AND (l.classid::bigint << 32) + l.objid::bigint = ${MIGRATION_LOCK}`,
  );
  return rows[0];
}

function described(holder: Holder | undefined): string {
  return holder ? `PostgreSQL's process ${holder.pid} is its session, from ${holder.address}, for ${holder.seconds} s.` : '';
}

function tooLong(limitMs: number, holder: Holder | undefined, cause: unknown): CallfsError {
  const next = holder
    ? ` If that node still works on it, start this one again later; if it hangs, stop it, or end its session: SELECT pg_terminate_backend(${holder.pid});`
    : ' Start again.';
  const message = `metadata_store.dsn: another node has not brought the schema up to date within ${limitMs / 1000} s. ${described(holder)}${next}`;
  return new CallfsError('METADATA_UNAVAILABLE', message, { cause });
}
