import { CallfsError } from '@callfs/core';

/** SQLite opens the root's lock, and does not tell why it could not. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL']);
const FORBIDDEN = new Set(['EACCES', 'EPERM', 'EROFS', 'SQLITE_CANTOPEN', 'SQLITE_READONLY']);

/** What a failed system call means to the caller. The path stays in `cause`, for the log. */
export function storageFailure(doing: string, cause: unknown): CallfsError {
  if (FULL.has(errnoOf(cause) ?? ''))
    return new CallfsError('INSUFFICIENT_STORAGE', 'The storage is full. Remove files or ask the operator for more space.', {
      cause,
    });
  return new CallfsError('BACKEND_UNAVAILABLE', `The storage failed to ${doing}. Try again later.`, { cause });
}

/** `ENOENT` and its like; undefined for anything that did not come from the system. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

export function notADirectory(root: string): CallfsError {
  return new CallfsError(
    'BACKEND_UNAVAILABLE',
    `The storage root ${root} is not a directory. Set backend.localfs_root_path to a directory.`,
  );
}

/** For the operator: names the root and the next step; a system error says why. */
export function startFailure(root: string, cause: unknown): CallfsError {
  if (cause instanceof CallfsError) return cause;
  const errno = errnoOf(cause);
  if (errno === 'EEXIST' || errno === 'ENOTDIR') return notADirectory(root);
  if (FORBIDDEN.has(errno ?? ''))
    return new CallfsError(
      'BACKEND_UNAVAILABLE',
      `The storage root ${root} is not writable (${errno}). Give this process's user read, write and search permission on it, or change backend.localfs_root_path.`,
      { cause },
    );
  const { code, message } = storageFailure('start', cause);
  const next = code === 'INSUFFICIENT_STORAGE' ? 'the disk is full. Free some space' : `${errno ?? message}. Check the disk`;
  return new CallfsError(code, `The storage root ${root} cannot be used: ${next}, or change backend.localfs_root_path.`, {
    cause,
  });
}
