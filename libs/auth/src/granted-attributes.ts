import { isInGroup, isSuperuser, PERMISSION_BITS, SETGID, SETUID, type AccessAttributes, type Credentials } from '@callfs/core';

/** Who makes something new, and the bits it is to go without. */
export interface Maker extends Credentials {
  readonly umask: number;
}

const NEW_FILE_MODE = 0o666;
const NEW_DIRECTORY_MODE = 0o777;
/** Of a symbolic link nobody asks its mode; Linux shows this one. */
const SYMLINK_MODE = 0o777;
const PRIVILEGES_AND_STICKY = 0o7000;
const GROUP_EXECUTE = 0o010;

/** The mode that chmod(2) leads to: whoever is not in the file's group cannot give its setgid bit. */
export function chmodResult(caller: Credentials, gid: number, mode: number): number {
  const asked = mode & PERMISSION_BITS;
  return isSuperuser(caller) || isInGroup(caller, gid) ? asked : asked & ~SETGID;
}

/**
 * A file's mode without setuid, and without setgid where that is a privilege: together with group execute, or when the
 * caller is not in the group (`setattr_should_drop_sgid` in the kernel). chown(2) takes them off for everybody, a write
 * for everybody but the superuser (inode(7)).
 */
export function withoutPrivileges(caller: Credentials, { mode, gid }: AccessAttributes): number {
  const keepsSetgid = (mode & GROUP_EXECUTE) === 0 && (isSuperuser(caller) || isInGroup(caller, gid));
  return mode & ~SETUID & (keepsSetgid ? ~0 : ~SETGID);
}

/** open(2) with `O_CREAT`; given `permissions` are what fchmod(2) would then set, without the umask. */
export function newFile(maker: Maker, directory: AccessAttributes, permissions?: number): AccessAttributes {
  const gid = inheritedGroup(maker, directory);
  const mode = permissions === undefined ? NEW_FILE_MODE & ~maker.umask : chmodResult(maker, gid, permissions);
  return { mode, uid: maker.uid, gid };
}

/** mkdir(2), or `mkdir -m` with `permissions`: the setgid bit of the directory goes on to those made in it. */
export function newDirectory(maker: Maker, directory: AccessAttributes, permissions?: number): AccessAttributes {
  const gid = inheritedGroup(maker, directory);
  const mode = permissions === undefined ? NEW_DIRECTORY_MODE & ~maker.umask : chmodResult(maker, gid, permissions);
  return { mode: mode | (directory.mode & SETGID), uid: maker.uid, gid };
}

/** symlink(2). */
export function newSymlink(maker: Maker, directory: AccessAttributes): AccessAttributes {
  return { mode: SYMLINK_MODE, uid: maker.uid, gid: inheritedGroup(maker, directory) };
}

/** What cp(1) opens the new file with: the source's permission bits, no privileges, less the umask. */
export function copiedFile(maker: Maker, directory: AccessAttributes, sourceMode: number): AccessAttributes {
  const mode = sourceMode & ~PRIVILEGES_AND_STICKY & ~maker.umask;
  return { mode, uid: maker.uid, gid: inheritedGroup(maker, directory) };
}

/** In a directory with setgid, what is new belongs to its group (inode(7)). */
function inheritedGroup(maker: Credentials, directory: AccessAttributes): number {
  return (directory.mode & SETGID) === 0 ? maker.gid : directory.gid;
}
