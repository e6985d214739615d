import { CallfsError, type ErrorCode } from '@callfs/core';

/** What the functions of the tree refuse with. */
const REFUSALS: Readonly<Record<string, ErrorCode>> = {
  CF001: 'CONFLICT',
  CF002: 'DIRECTORY_NOT_EMPTY',
  CF003: 'STALE_LOCK',
  CF004: 'INVALID_REQUEST',
  CF006: 'BACKEND_UNAVAILABLE',
  '23505': 'CONFLICT',
};

/** A directory changes alone: the change is to be made again under the exclusive lock. */
export const NEEDS_EXCLUSIVE = 'CF005';

/** The wait for a lock was longer than `lock_timeout`. */
export const LOCK_TIMED_OUT = '55P03';

/** A statement took longer than `statement_timeout`, or was cancelled. */
export const TOOK_TOO_LONG = '57014';

/** The SQLSTATE, or the code of the system or the driver; empty when there is none. */
export function stateOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** Serialisation failures and deadlocks: nothing has happened, and it may be tried again at once. */
export function isRetryable(error: unknown): boolean {
  return ['40001', '40P01'].includes(stateOf(error));
}

export function refusal(state: string, message: string): CallfsError {
  const code = REFUSALS[state];
  if (code === undefined)
    return new CallfsError('METADATA_UNAVAILABLE', 'The metadata store failed; try again.', {
      cause: new Error(`${state}: ${message}`),
    });
  return new CallfsError(code, state === '23505' ? 'The path has changed since it was read.' : message);
}

/** What a failure of PostgreSQL means for the caller. `isCommit`: it may have been made all the same. */
export function metadataError(error: unknown, isCommit = false): CallfsError {
  if (CallfsError.is(error)) return error;
  const state = stateOf(error);
  if (state in REFUSALS) return refusal(state, error instanceof Error ? error.message : state);
  if (state === '53100')
    return new CallfsError('INSUFFICIENT_STORAGE', 'The disk of the metadata is full; nothing has changed. Free some space.', {
      cause: error,
    });
  if (state === TOOK_TOO_LONG)
    return new CallfsError(
      'METADATA_UNAVAILABLE',
      'The metadata store took longer than server.metadata_op_timeout; nothing has changed. Try again.',
      { cause: error },
    );
  // Of five letters are codes of the system as well (EPIPE). No class of PostgreSQL begins with an E.
  const isKnown = !isCommit || (/^[0-9A-Z]{5}$/.test(state) && !/^(57P|08|E)/.test(state));
  const message = isKnown
    ? 'The metadata store failed; try again.'
    : 'The metadata store has gone away; whether the change was made is not known. Read again and try again.';
  return new CallfsError('METADATA_UNAVAILABLE', message, { cause: error });
}
