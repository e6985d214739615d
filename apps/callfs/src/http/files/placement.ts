import type { Inode } from '@callfs/core';

export interface Place {
  readonly backend: string;
  readonly instanceId: string;
}

/** Where an inode is said to be: a file where its content belongs, anything else with the node that answers. */
export class Placement {
  constructor(private readonly here: Place) {}

  of(inode: Inode): Place {
    return inode.content ?? this.here;
  }

  get local(): Place {
    return this.here;
  }
}
