import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CallfsConfig } from '../config';

/**
 * Makes the directories that the engines will want, so that one that cannot be made is told before anything is open.
 * Throws the system's error, with the path.
 */
export function makeDirectories({ metadataStore, backend }: CallfsConfig): void {
  makeDirectory(backend.localfsRootPath);
  if (metadataStore.type === 'sqlite') makeDirectory(dirname(metadataStore.sqlitePath));
}

/** Node's own recursive mkdir never returns below a file system such as /proc, which says ENOENT for every new name. */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) makeDirectory(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST' && statSync(path).isDirectory();
    if (!isThere) throw error;
  }
}
