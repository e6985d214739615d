import type { AccessAttributes } from './inode';

/** Whom the kernel would see: effective user, effective group, supplementary groups. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Wanted access, in the bits of `access(2)`; execute is search on a directory. */
export const READ = 4;
export const WRITE = 2;
export const EXECUTE = 1;

export const SETUID = 0o4000;
export const SETGID = 0o2000;
export const STICKY = 0o1000;
export const PERMISSION_BITS = 0o7777;

export function isSuperuser(caller: Credentials): boolean {
  return caller.uid === 0;
}

export function isInGroup(caller: Credentials, gid: number): boolean {
  return caller.gid === gid || caller.groups.includes(gid);
}

/**
 * Whether `caller` has all of `wanted` on what has these attributes, by the class of bits that applies first: owner,
 * group, other (path_resolution(7)). The superuser has read, write and search everywhere.
 */
export function mayAccess(caller: Credentials, attributes: AccessAttributes, wanted: number): boolean {
  if (isSuperuser(caller)) return true;
  const { mode, uid, gid } = attributes;
  const bits = caller.uid === uid ? mode >> 6 : isInGroup(caller, gid) ? mode >> 3 : mode;
  return (bits & wanted) === wanted;
}

/** Whether the sticky bit of `directory` keeps `caller` from removing or renaming `child` in it (unlink(2), EPERM). */
export function stickyForbids(caller: Credentials, directory: AccessAttributes, child: AccessAttributes): boolean {
  return (directory.mode & STICKY) !== 0 && !isSuperuser(caller) && caller.uid !== child.uid && caller.uid !== directory.uid;
}
