import { existsSync } from 'node:fs';
import type { CallfsConfig } from '../../config/config';
import { CommandFailure, EXIT } from '../exit-codes';

/**
 * For commands that look at what is there. Where there is no file of SQLite, opening it would make one, and of an empty
 * store all is well and everything is saved.
 */
export function expectMetadata({ metadataStore }: CallfsConfig): void {
  if (metadataStore.type !== 'sqlite' || existsSync(metadataStore.sqlitePath)) return;
  throw new CommandFailure(
    `there is no metadata at ${metadataStore.sqlitePath}. Name the node's configuration with --config, or go to its directory.`,
    EXIT.failed,
  );
}
