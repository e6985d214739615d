import {
  EXECUTE,
  isInGroup,
  isSuperuser,
  mayAccess,
  READ,
  SETGID,
  stickyForbids,
  WRITE,
  type AccessAttributes,
  type Inode,
  type VirtualPath,
} from '@callfs/core';
import { chmodResult, copiedFile, newDirectory, newFile, newSymlink, withoutPrivileges } from './granted-attributes';
import type { Identity } from './identity';
import { requireVerb } from './key-scope';
import { accessDenied, ownershipDenied, type OwnerNames } from './permission-denied';

/** A rename to judge: `inode` leaves `parent` for `directory`, where `replaced` may stand. */
export interface RenameJudgement {
  readonly path: VirtualPath;
  readonly parent: AccessAttributes;
  readonly inode: AccessAttributes;
  readonly to: VirtualPath;
  readonly directory: AccessAttributes;
  readonly replaced: AccessAttributes | null;
}

/** What chown(2) may change of an inode. */
export interface OwnerChanges {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Decides as Linux does: path_resolution(7), open(2), unlink(2), rename(2), chmod(2), chown(2), utimensat(2),
 * inode(7). Refuses with `PERMISSION_DENIED` (EACCES and EPERM alike), and works out the attributes that the kernel would
 * give. Before that, a key that is limited to some verbs has to have the one that is needed. Where the kernel makes several checks, the methods are to be called in its order. Knows nothing of HTTP, stores
 * or locks.
 */
export class UnixAuthorizer {
  constructor(private readonly names: OwnerNames) {}

  /** Search on each of `directories`, the first inodes of `path` in order, `/` first. */
  search(identity: Identity, directories: readonly AccessAttributes[], path: VirtualPath): void {
    if (isSuperuser(identity)) return;
    directories.forEach((directory, depth) => {
      if (!mayAccess(identity, directory, EXECUTE)) this.require(identity, directory, path.ancestor(depth), EXECUTE, 'enter');
    });
  }

  /** stat(2) asks nothing of the inode itself. */
  stat(identity: Identity, path: VirtualPath): void {
    requireVerb(identity, ['read', 'list'], path);
  }

  read(identity: Identity, inode: AccessAttributes, path: VirtualPath): void {
    requireVerb(identity, ['read'], path);
    this.require(identity, inode, path, READ, 'read');
  }

  write(identity: Identity, inode: AccessAttributes, path: VirtualPath): void {
    requireVerb(identity, ['write'], path);
    this.require(identity, inode, path, WRITE, 'write to');
  }

  /** The entries of a directory with their attributes: readdir(3) and lstat(2) of each. */
  list(identity: Identity, directory: AccessAttributes, path: VirtualPath): void {
    requireVerb(identity, ['list'], path);
    this.require(identity, directory, path, READ | EXECUTE, 'list');
  }

  /** `cp -r` from a directory. */
  copyTree(identity: Identity, directory: AccessAttributes, path: VirtualPath): void {
    requireVerb(identity, ['read'], path);
    this.list(identity, directory, path);
  }

  mayList(identity: Identity, directory: AccessAttributes): boolean {
    return mayAccess(identity, directory, READ | EXECUTE);
  }

  /** A new name in the directory at `path`. */
  create(identity: Identity, directory: AccessAttributes, path: VirtualPath): void {
    requireVerb(identity, ['write'], path);
    this.require(identity, directory, path, WRITE | EXECUTE, 'create anything in');
  }

  /** Taking the name at `path` out of `parent`. */
  remove(identity: Identity, parent: AccessAttributes, inode: AccessAttributes, path: VirtualPath): void {
    requireVerb(identity, ['delete'], path);
    this.require(identity, parent, path.parent, WRITE | EXECUTE, `remove or rename "${path.name}" in`);
    if (!stickyForbids(identity, parent, inode)) return;
    const refusal = { identity, attributes: parent, path: path.parent, doing: `remove or rename "${path.name}" in` };
    const owner = this.names.userName(inode.uid);
    const rule = `the directory is sticky, so only its owner and the owner of "${path.name}" (${owner}) may`;
    throw ownershipDenied(refusal, rule, [inode.uid, parent.uid], this.names);
  }

  /** rename(2) as far as the two directories decide; for a directory that changes its parent, `reparent` comes after. */
  rename(identity: Identity, { path, parent, inode, to, directory, replaced }: RenameJudgement): void {
    requireVerb(identity, ['write'], to);
    this.remove(identity, parent, inode, path);
    if (replaced) this.remove(identity, directory, replaced, to);
    else this.create(identity, directory, to.parent);
  }

  /** A directory that gets another parent has its ".." rewritten, which is a write to the directory itself. */
  reparent(identity: Identity, directory: AccessAttributes, path: VirtualPath): void {
    this.require(identity, directory, path, WRITE, 'move into another directory');
  }

  /** The mode that chmod(2) to `mode` leads to. */
  chmod(identity: Identity, inode: AccessAttributes, mode: number, path: VirtualPath): number {
    requireVerb(identity, ['write'], path);
    this.requireOwner(identity, inode, path, 'change the mode of');
    return chmodResult(identity, inode.gid, mode);
  }

  /** What chown(2) changes; the mode with it when bits are to be cleared. */
  chown(identity: Identity, inode: Inode, to: OwnerChanges, path: VirtualPath): OwnerChanges & { mode?: number } {
    requireVerb(identity, ['write'], path);
    if (!isSuperuser(identity)) {
      if (to.uid !== undefined && to.uid !== inode.uid) {
        const refusal = { identity, attributes: inode, path, doing: 'change the owner of' };
        throw ownershipDenied(refusal, 'only the superuser gives what there is to another owner', [], this.names);
      }
      this.requireOwner(identity, inode, path, 'change the group of');
      if (to.gid !== undefined && to.gid !== inode.gid && !isInGroup(identity, to.gid)) {
        const refusal = { identity, attributes: inode, path, doing: 'change the group of' };
        const group = this.names.groupName(to.gid);
        throw ownershipDenied(refusal, `${identity.user} is not in the group ${group}`, [], this.names);
      }
    }
    if (inode.type === 'directory') return to;
    const mode = withoutPrivileges(identity, inode);
    return mode === inode.mode ? to : { ...to, mode };
  }

  /** utimensat(2) with a time of the caller's choice. */
  utimes(identity: Identity, inode: AccessAttributes, path: VirtualPath): void {
    requireVerb(identity, ['write'], path);
    this.requireOwner(identity, inode, path, 'set the times of');
  }

  /** utimensat(2) with the time that it is. */
  touch(identity: Identity, inode: AccessAttributes, path: VirtualPath): void {
    requireVerb(identity, ['write'], path);
    if (identity.uid !== inode.uid) this.require(identity, inode, path, WRITE, 'touch');
  }

  /** The mode a file has after its content was replaced: a writer other than the superuser takes privileges off. */
  modeAfterWrite(identity: Identity, inode: AccessAttributes): number {
    return isSuperuser(identity) ? inode.mode : withoutPrivileges(identity, inode);
  }

  /** Of a file made in `directory`. `permissions` are taken as they are; without them the umask applies. */
  newFileAttributes(identity: Identity, directory: AccessAttributes, permissions?: number): AccessAttributes {
    return newFile(identity, directory, permissions);
  }

  /** Of a directory made in `directory`, whose setgid bit goes on to it. */
  newDirectoryAttributes(identity: Identity, directory: AccessAttributes, permissions?: number): AccessAttributes {
    return newDirectory(identity, directory, permissions);
  }

  newSymlinkAttributes(identity: Identity, directory: AccessAttributes): AccessAttributes {
    return newSymlink(identity, directory);
  }

  /** cp(1): the source's permission bits without the umask, and no privileges. */
  copiedFileAttributes(identity: Identity, directory: AccessAttributes, sourceMode: number): AccessAttributes {
    return copiedFile(identity, directory, sourceMode);
  }

  /** `cp -r`: how each inode of a copied tree is owned. */
  copyAttributes(
    identity: Identity,
    directory: AccessAttributes,
  ): { uid: number; gid: number; umask: number; directoryBits: number } {
    const { uid, gid } = newDirectory(identity, directory);
    return { uid, gid, umask: identity.umask, directoryBits: directory.mode & SETGID };
  }

  private require(identity: Identity, attributes: AccessAttributes, path: VirtualPath, wanted: number, doing: string): void {
    if (mayAccess(identity, attributes, wanted)) return;
    throw accessDenied({ identity, attributes, path, doing }, wanted, this.names);
  }

  private requireOwner(identity: Identity, attributes: AccessAttributes, path: VirtualPath, doing: string): void {
    if (isSuperuser(identity) || identity.uid === attributes.uid) return;
    throw ownershipDenied(
      { identity, attributes, path, doing },
      'only its owner and the superuser may',
      [attributes.uid],
      this.names,
    );
  }
}
