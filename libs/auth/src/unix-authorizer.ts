import {
  CallfsError,
  EXECUTE,
  isInGroup,
  isSuperuser,
  mayAccess,
  PERMISSION_BITS,
  READ,
  SETGID,
  SETUID,
  stickyForbids,
  WRITE,
  type AccessAttributes,
  type Inode,
  type VirtualPath,
} from '@callfs/core';
import type { Identity } from './identity';

/** Names for the numbers in messages. */
export interface OwnerNames {
  userName(uid: number): string;
  groupName(gid: number): string;
}

/** A rename to judge: `inode` leaves `parent` for `directory`, where `replaced` may stand. */
export interface RenameJudgement {
  readonly path: VirtualPath;
  readonly parent: AccessAttributes;
  readonly inode: Inode;
  readonly to: VirtualPath;
  readonly directory: AccessAttributes;
  readonly replaced: Inode | null;
  readonly sameDirectory: boolean;
}

const NEW_FILE_MODE = 0o666;
const NEW_DIRECTORY_MODE = 0o777;
const SYMLINK_MODE = 0o777;
const GROUP_EXECUTE = 0o010;

const RIGHTS: Readonly<Record<number, string>> = {
  [READ]: 'read',
  [WRITE]: 'write',
  [EXECUTE]: 'search',
  [READ | EXECUTE]: 'read and search',
  [WRITE | EXECUTE]: 'write and search',
};

/**
 * Decides as Linux does: path_resolution(7), open(2), unlink(2), rename(2), chmod(2), chown(2), utimensat(2),
 * inode(7). Refuses with `PERMISSION_DENIED` (EACCES and EPERM alike), and works out the attributes that the kernel would
 * give. Knows nothing of HTTP, stores or locks.
 */
export class UnixAuthorizer {
  constructor(private readonly names: OwnerNames) {}

  /** Search on each of `directories`, the first inodes of `path` in order. */
  search(identity: Identity, directories: readonly AccessAttributes[], path: VirtualPath): void {
    if (isSuperuser(identity)) return;
    directories.forEach((directory, depth) => {
      if (!mayAccess(identity, directory, EXECUTE)) this.refuse(identity, directory, path.ancestor(depth), EXECUTE);
    });
  }

  read(identity: Identity, inode: AccessAttributes, path: VirtualPath): void {
    this.require(identity, inode, path, READ);
  }

  write(identity: Identity, inode: AccessAttributes, path: VirtualPath): void {
    this.require(identity, inode, path, WRITE);
  }

  /** The entries of a directory with their attributes: readdir(3) and lstat(2) of each. */
  list(identity: Identity, directory: AccessAttributes, path: VirtualPath): void {
    this.require(identity, directory, path, READ | EXECUTE);
  }

  mayList(identity: Identity, directory: AccessAttributes): boolean {
    return mayAccess(identity, directory, READ | EXECUTE);
  }

  /** A new name in the directory at `path`. */
  create(identity: Identity, directory: AccessAttributes, path: VirtualPath): void {
    this.require(identity, directory, path, WRITE | EXECUTE);
  }

  /** Taking the name at `path` out of `parent`. */
  remove(identity: Identity, parent: AccessAttributes, inode: AccessAttributes, path: VirtualPath): void {
    this.require(identity, parent, path.parent, WRITE | EXECUTE);
    if (!stickyForbids(identity, parent, inode)) return;
    throw this.denied(
      identity,
      parent,
      path.parent,
      `only the owner of ${path.toString()} may remove or rename it, for the directory is sticky`,
    );
  }

  rename(identity: Identity, judgement: RenameJudgement): void {
    const { path, parent, inode, to, directory, replaced, sameDirectory } = judgement;
    this.remove(identity, parent, inode, path);
    if (replaced) this.remove(identity, directory, replaced, to);
    else this.create(identity, directory, to.parent);
    // Its ".." changes, which is a write to the directory itself.
    if (inode.type === 'directory' && !sameDirectory) this.require(identity, inode, path, WRITE);
  }

  /** The mode that chmod(2) to `mode` leads to. */
  chmod(identity: Identity, inode: AccessAttributes, mode: number, path: VirtualPath): number {
    this.requireOwner(identity, inode, path, 'change its mode');
    return grantedMode(identity, inode.gid, mode & PERMISSION_BITS);
  }

  /** What chown(2) changes; the mode with it when bits are to be cleared. */
  chown(
    identity: Identity,
    inode: Inode,
    to: { uid?: number; gid?: number },
    path: VirtualPath,
  ): { uid?: number; gid?: number; mode?: number } {
    if (!isSuperuser(identity)) {
      this.requireOwner(identity, inode, path, 'change its owner or group');
      if (to.uid !== undefined && to.uid !== inode.uid)
        throw this.denied(identity, inode, path, 'only the superuser gives files away');
      if (to.gid !== undefined && to.gid !== inode.gid && !isInGroup(identity, to.gid)) {
        throw this.denied(identity, inode, path, `${identity.user} is not in the group ${this.names.groupName(to.gid)}`);
      }
    }
    if (inode.type === 'directory') return to;
    const mode = withoutPrivileges(identity, inode);
    return mode === inode.mode ? to : { ...to, mode };
  }

  /** utimensat(2) with a time of the caller's choice. */
  utimes(identity: Identity, inode: AccessAttributes, path: VirtualPath): void {
    this.requireOwner(identity, inode, path, 'set its times');
  }

  /** utimensat(2) with the time that it is. */
  touch(identity: Identity, inode: AccessAttributes, path: VirtualPath): void {
    if (identity.uid !== inode.uid) this.require(identity, inode, path, WRITE);
  }

  /** The mode a file has after its content was replaced: a writer other than the superuser takes privileges off. */
  modeAfterWrite(identity: Identity, inode: AccessAttributes): number {
    return isSuperuser(identity) ? inode.mode : withoutPrivileges(identity, inode);
  }

  /** `permissions` are taken as they are, as chmod(2) after open(2) would; without them the umask applies. */
  newFileAttributes(identity: Identity, directory: AccessAttributes, permissions?: number): AccessAttributes {
    const gid = inheritedGroup(identity, directory);
    const mode = permissions === undefined ? NEW_FILE_MODE & ~identity.umask : grantedMode(identity, gid, permissions);
    return { mode, uid: identity.uid, gid };
  }

  /** The setgid bit of the directory goes on to the directories made in it. */
  newDirectoryAttributes(identity: Identity, directory: AccessAttributes, permissions?: number): AccessAttributes {
    const gid = inheritedGroup(identity, directory);
    const mode = permissions === undefined ? NEW_DIRECTORY_MODE & ~identity.umask : grantedMode(identity, gid, permissions);
    return { mode: mode | (directory.mode & SETGID), uid: identity.uid, gid };
  }

  newSymlinkAttributes(identity: Identity, directory: AccessAttributes): AccessAttributes {
    return { mode: SYMLINK_MODE, uid: identity.uid, gid: inheritedGroup(identity, directory) };
  }

  /** cp(1): the source's permission bits without the umask, and no privileges. */
  copiedFileAttributes(identity: Identity, directory: AccessAttributes, sourceMode: number): AccessAttributes {
    return { mode: sourceMode & 0o777 & ~identity.umask, uid: identity.uid, gid: inheritedGroup(identity, directory) };
  }

  /** `cp -r`: how each inode of a copied tree is owned. */
  copyAttributes(
    identity: Identity,
    directory: AccessAttributes,
  ): { uid: number; gid: number; umask: number; directoryBits: number } {
    const gid = inheritedGroup(identity, directory);
    return { uid: identity.uid, gid, umask: identity.umask, directoryBits: directory.mode & SETGID };
  }

  private require(identity: Identity, attributes: AccessAttributes, path: VirtualPath, wanted: number): void {
    if (!mayAccess(identity, attributes, wanted)) this.refuse(identity, attributes, path, wanted);
  }

  private requireOwner(identity: Identity, attributes: AccessAttributes, path: VirtualPath, what: string): void {
    if (isSuperuser(identity) || identity.uid === attributes.uid) return;
    throw this.denied(identity, attributes, path, `only its owner and the superuser may ${what}`);
  }

  private refuse(identity: Identity, attributes: AccessAttributes, path: VirtualPath, wanted: number): never {
    const right = RIGHTS[wanted] ?? 'access';
    throw this.denied(identity, attributes, path, `${right} permission is missing`);
  }

  private denied(identity: Identity, attributes: AccessAttributes, path: VirtualPath, reason: string): CallfsError {
    const mode = attributes.mode.toString(8).padStart(4, '0');
    const owner = this.names.userName(attributes.uid);
    const group = this.names.groupName(attributes.gid);
    const message =
      `${identity.user} may not do this at ${path.toString()} (mode ${mode}, owner ${owner}, group ${group}): ${reason}. ` +
      `Ask ${owner} to change it with PATCH {"mode":…} or {"group":…}, or use a key of ${owner}.`;
    return new CallfsError('PERMISSION_DENIED', message, { details: { path: path.toString(), mode, owner, group } });
  }
}

function inheritedGroup(identity: Identity, directory: AccessAttributes): number {
  return (directory.mode & SETGID) === 0 ? identity.gid : directory.gid;
}

/** The setgid bit is not given by whoever is not in the group. */
function grantedMode(identity: Identity, gid: number, mode: number): number {
  return isSuperuser(identity) || isInGroup(identity, gid) ? mode : mode & ~SETGID;
}

/** Without setuid, and without setgid where it is a privilege: with group execute, or set by somebody outside the group. */
function withoutPrivileges(identity: Identity, { mode, gid }: AccessAttributes): number {
  const keepsSetgid = (mode & GROUP_EXECUTE) === 0 && (isSuperuser(identity) || isInGroup(identity, gid));
  return mode & ~SETUID & (keepsSetgid ? ~0 : ~SETGID);
}
