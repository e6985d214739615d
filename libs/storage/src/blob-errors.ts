import { CallfsError, type StorageKey } from '@callfs/core';

/** Why a `CallfsError` says that stored bytes are not those that were written. */
class BlobDamage extends Error {}

export function noSuchBlob(key: StorageKey, cause?: unknown): CallfsError {
  return new CallfsError('FILE_NOT_FOUND', 'The storage does not have this content.', {
    cause: cause ?? new Error(`no blob ${key}`),
  });
}

/** The stored bytes are not those that were written. */
export function damagedBlob(key: StorageKey, what: string): CallfsError {
  return new CallfsError(
    'BACKEND_UNAVAILABLE',
    'The stored content is damaged and is not served. Restore the file from a copy.',
    {
      cause: new BlobDamage(`blob ${key}: ${what}`),
    },
  );
}

/** What is wrong with the stored bytes; undefined for an error that says nothing of them (an outage, a time-out). */
export function damageIn(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof BlobDamage ? cause.message : undefined;
}

export function timedOut(doing: string, timeoutMs: number): CallfsError {
  return new CallfsError('BACKEND_UNAVAILABLE', `The storage did not ${doing} within ${timeoutMs} ms. Try again later.`);
}
