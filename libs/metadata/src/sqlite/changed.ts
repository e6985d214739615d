import type { ContentId, InodeId } from '@callfs/core';
import type { InodeTuple } from '../inode-row';

/** Something that a commit changed, as far as a cache may hold it. */
export type Change =
  /** The name came, went, or leads elsewhere. */
  | readonly ['name', parent: InodeId, name: string]
  /** The row as it is now. */
  | readonly ['inode', inode: InodeTuple]
  /** A directory whose names changed: the version before was one less, `mtime` and `ctime` are `time`. */
  | readonly ['touched', id: InodeId, version: number, nlink: number, time: bigint]
  | readonly ['gone', id: InodeId]
  | readonly ['content gone', id: ContentId]
  /** Its blobs are elsewhere now, in whatever inodes have it. */
  | readonly ['content moved', id: ContentId]
  /** A repair: rare, and it may have touched anything. */
  | readonly ['anything'];

/** What a transaction changed, for the cache of the other thread. */
export class Changed {
  readonly all: Change[] = [];

  add(change: Change): void {
    this.all.push(change);
  }

  /** For an operation that may be undone alone: call what comes back to undo its part. */
  mark(): () => void {
    const { length } = this.all;
    return () => void this.all.splice(length);
  }
}
