import * as fs from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory, those above it as well (0700), and syncs the one that each was made in: otherwise a power failure may take
 * the name of a directory away, and all that was synced below it. Throws the system's error, with the path.
 */
export function makeDurableDirectory(path: string): void {
  // Not Node's own recursive mkdir: it never returns below a file system such as /proc, which says ENOENT for every new name.
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(path);
  if (above !== path) makeDurableDirectory(above);
  try {
    fs.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST' && fs.statSync(path).isDirectory();
    if (!isThere) throw error;
  }
  syncIfPossible(above);
}

/** Makes durable which names a directory has (fsync(2)). Throws the system's error. */
export function syncDirectory(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** One may write to a directory that one may not read, and not every file system syncs directories. */
function syncIfPossible(path: string): void {
  try {
    syncDirectory(path);
  } catch (error) {
    if (!['EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
