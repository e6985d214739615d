import { CallfsError } from '@callfs/core';
import { isADirectory } from './existing-errors';
import type { Located } from './located';

/**
 * As mkdir(2) and open(2): a link that leads nowhere is in the way of a directory of its name (`PARENT_NOT_A_DIRECTORY`),
 * and a file can be made where it leads only if the directory there exists (`FILE_NOT_FOUND`) and its target is not
 * written as a directory's (`IS_A_DIRECTORY`).
 */
export function refuseDanglingLink({ path, missing, ownMissing, saysDirectory }: Located): void {
  if (missing.length === 1 && saysDirectory) throw isADirectory(path);
  if (missing.length === 1 || ownMissing === missing.length) return;
  const text = path.toString();
  const message = `A symbolic link on the way to ${text} leads to a directory that does not exist; make that first.`;
  throw new CallfsError(ownMissing > 0 ? 'PARENT_NOT_A_DIRECTORY' : 'FILE_NOT_FOUND', message, { details: { path: text } });
}
