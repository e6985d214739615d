import { CallfsError } from '@callfs/core';

/** On a write, a file in the middle of the path is a conflict with what stands there (409), not a missing path (404). */
export function parentNotADirectory(error: unknown): never {
  if (CallfsError.is(error, 'NOT_A_DIRECTORY')) {
    throw new CallfsError('PARENT_NOT_A_DIRECTORY', error.message, { cause: error, details: error.details });
  }
  throw error;
}
