import { CallfsError, type StorageKey } from '@callfs/core';

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
      cause: new Error(`blob ${key}: ${what}`),
    },
  );
}

export function timedOut(doing: string, timeoutMs: number): CallfsError {
  return new CallfsError('BACKEND_UNAVAILABLE', `The storage did not ${doing} within ${timeoutMs} ms. Try again later.`);
}
