import { Injectable } from '@nestjs/common';
import { requireVerb, UnixAuthorizer, type Identity } from '@callfs/auth';
import { CallfsError, nowNs, type EpochNs, type Inode, type VirtualPath } from '@callfs/core';
import { MetadataStore, type AttributeChanges, type CommitGuard } from '@callfs/metadata';
import type { Caller } from './caller';
import { CommitRunner, type Plan } from './commit-runner';
import { authorised, type Existing } from './located';
import { followsAtEnd, PathResolver } from './path-resolver';
import { PrincipalNames } from './principal-names';
import { checkCondition } from './precondition';
import type { WriteCondition } from './write-condition';
import type { WriteOutcome } from './write-outcome';

/** A user or group as a caller writes it: a name, or a number. */
export type PrincipalReference = string | number;

export interface AttributeRequest {
  readonly mode?: number;
  readonly owner?: PrincipalReference;
  readonly group?: PrincipalReference;
  /** `now` needs write permission only, a time needs the owner (utimensat(2)). */
  readonly mtime?: EpochNs | 'now';
  readonly atime?: EpochNs | 'now';
  /** Whether a symbolic link at the end stands for what it leads to. */
  readonly follow: boolean;
  readonly condition?: WriteCondition;
}

type AttributesPlan = Plan & { existing: Existing; changes: AttributeChanges };

/** chmod(2), chown(2), chgrp and utimensat(2), by the rules of Linux. */
@Injectable()
export class AttributesService {
  constructor(
    private readonly store: MetadataStore,
    private readonly resolver: PathResolver,
    private readonly authorizer: UnixAuthorizer,
    private readonly principals: PrincipalNames,
    private readonly commits: CommitRunner,
  ) {}

  /** All of the changes or none. Owner and group change first, so that a mode in the same request is what stays. */
  async change(caller: Caller, path: VirtualPath, request: AttributeRequest): Promise<WriteOutcome> {
    requireVerb(caller.identity, ['write'], path);
    const uid = request.owner === undefined ? undefined : await this.principals.idOf('user', request.owner);
    const gid = request.group === undefined ? undefined : await this.principals.idOf('group', request.group);
    const plan = async (): Promise<AttributesPlan> => {
      const existing = await this.resolver.existing(caller.identity, path, { follow: followsAtEnd(path, request) });
      const changes = this.judge(caller.identity, existing, request, uid, gid);
      checkCondition(caller.identity, request.condition, existing.inode, existing.path);
      return { lockNames: [existing.path.toString()], existing, changes };
    };
    const commit = async ({ existing, changes }: AttributesPlan, guard: CommitGuard): Promise<WriteOutcome> => {
      const target = { path: authorised(existing), version: existing.inode.version };
      return { path: existing.path, inode: await this.store.setAttributes(target, changes, guard), created: false };
    };
    return this.commits.run(caller, { operation: 'attributes', plan, commit });
  }

  private judge(
    identity: Identity,
    { inode, path }: Existing,
    request: AttributeRequest,
    uid?: number,
    gid?: number,
  ): AttributeChanges {
    let changes: AttributeChanges = {};
    let after: Inode = inode;
    if (uid !== undefined || gid !== undefined) {
      changes = this.authorizer.chown(identity, inode, { uid, gid }, path);
      after = { ...inode, uid: changes.uid ?? inode.uid, gid: changes.gid ?? inode.gid, mode: changes.mode ?? inode.mode };
    }
    if (request.mode !== undefined) {
      if (inode.type === 'symlink') throw new CallfsError('INVALID_REQUEST', 'A symbolic link has no mode of its own.');
      changes = { ...changes, mode: this.authorizer.chmod(identity, after, request.mode, path) };
    }
    return { ...changes, ...this.times(identity, inode, path, request) };
  }

  private times(identity: Identity, inode: Inode, path: VirtualPath, { mtime, atime }: AttributeRequest): AttributeChanges {
    if (mtime === undefined && atime === undefined) return {};
    const bothNow = mtime === 'now' && atime === 'now';
    if (bothNow) this.authorizer.touch(identity, inode, path);
    else this.authorizer.utimes(identity, inode, path);
    const now = nowNs();
    return { mtimeNs: mtime === 'now' ? now : mtime, atimeNs: atime === 'now' ? now : atime };
  }
}
