import type { InodeId } from '@callfs/core';

/** What a transaction touched, for the cache of the other thread to forget. */
export class Changed {
  readonly inodes: InodeId[] = [];
  /** Directory and name, in turns. */
  readonly names: (InodeId | string)[] = [];

  inode(id: InodeId): void {
    this.inodes.push(id);
  }

  name(parent: InodeId, name: string): void {
    this.names.push(parent, name);
  }
}
