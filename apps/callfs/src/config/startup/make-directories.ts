import { dirname } from 'node:path';
import { makeDurableDirectory } from '@callfs/core';
import type { CallfsConfig } from '../config';

/**
 * Makes the directories that the engines will want, so that one that cannot be made is told before anything is open.
 * Throws the system's error, with the path.
 */
export function makeDirectories({ metadataStore, backend }: CallfsConfig): void {
  makeDurableDirectory(backend.localfsRootPath);
  if (metadataStore.type === 'sqlite') makeDurableDirectory(dirname(metadataStore.sqlitePath));
}
