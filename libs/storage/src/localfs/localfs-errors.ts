import { CallfsError, type StorageKey } from '@callfs/core';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** What a failed system call means to the caller. The path stays in `cause`, for the log. */
export function storageFailure(doing: string, cause: unknown): CallfsError {
  if (errnoOf(cause) !== undefined && FULL.has(errnoOf(cause) ?? ''))
    return new CallfsError('INSUFFICIENT_STORAGE', 'The storage is full. Remove files or ask the operator for more space.', {
      cause,
    });
  return new CallfsError('BACKEND_UNAVAILABLE', `The storage failed to ${doing}. Try again later.`, { cause });
}

/** `ENOENT` and its like; undefined for anything that did not come from the system. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

export function noSuchBlob(key: StorageKey, cause?: unknown): CallfsError {
  return new CallfsError('FILE_NOT_FOUND', 'The storage does not have this content.', {
    cause: cause ?? new Error(`no blob ${key}`),
  });
}

/** The bytes on the disk are not those that were written. */
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
