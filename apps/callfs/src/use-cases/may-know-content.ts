import type { Identity } from '@callfs/auth';
import { mayAccess, READ, type Inode } from '@callfs/core';

/** Whether `identity` may learn what tells of a file's bytes: its tag and digest. */
export function mayKnowContent(identity: Identity, inode: Inode): boolean {
  if (inode.type !== 'file') return true;
  return mayAccess(identity, inode, READ) && (!identity.scope || identity.scope.verbs.includes('read'));
}
