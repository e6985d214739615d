import { Injectable } from '@nestjs/common';
import { UnixAuthorizer, type Identity } from '@callfs/auth';
import type { AccessAttributes } from '@callfs/core';
import type { NewName } from '@callfs/metadata';
import { refuseDanglingLink } from './dangling-link';
import { authorised, deepest, type Located } from './located';

/** A name that does not exist yet, with the directories on the way to it that the caller may make. */
export interface PlannedName {
  readonly at: NewName;
  /** What the new inode's directory will be like; its setgid bit and group are inherited. */
  readonly directory: AccessAttributes;
}

/** Plans new names as `mkdir -p` followed by `open(O_CREAT)` would make them, in the caller's name. */
@Injectable()
export class NewNamePlanner {
  constructor(private readonly authorizer: UnixAuthorizer) {}

  /** `located` has at least one missing name: the last becomes the new one. `PERMISSION_DENIED`, and what a dangling link makes of it. */
  plan(identity: Identity, located: Located): PlannedName {
    const { missing, inodes } = located;
    refuseDanglingLink(located);
    let directory: AccessAttributes = deepest(located);
    const path = located.path;
    const depth = inodes.length - 1;
    const made = missing.slice(0, -1).map((name, index) => {
      this.authorizer.create(identity, directory, path.ancestor(depth + index));
      directory = this.authorizer.newDirectoryAttributes(identity, directory);
      return { name, mode: directory.mode, uid: directory.uid, gid: directory.gid };
    });
    this.authorizer.create(identity, directory, path.ancestor(depth + made.length));
    const name = missing[missing.length - 1] as string;
    return { at: { directory: authorised(located), missing: made, name }, directory };
  }
}
