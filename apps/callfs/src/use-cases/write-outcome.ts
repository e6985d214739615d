import type { Inode, VirtualPath } from '@callfs/core';

/** What a write left behind: the path in its canonical form, the inode as it is now, and whether it is new. */
export interface WriteOutcome {
  readonly path: VirtualPath;
  readonly inode: Inode;
  readonly created: boolean;
}
