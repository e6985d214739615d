import {
  CallfsError,
  EXECUTE,
  mayAccess,
  READ,
  stickyForbids,
  WRITE,
  type AccessAttributes,
  type Credentials,
  type FileType,
} from '@callfs/core';

/** Attributes that inodes of a tree have; a tree of any size has few combinations of them, so each is judged once. */
export interface AttributesRow extends AccessAttributes {
  readonly type: FileType;
}

/** A sticky directory, and an owner of something in it. */
export interface StickyRow extends AccessAttributes {
  readonly child_uid: number;
}

/** The first of a tree's directories and files that the caller may not copy. */
export function notToBeCopied(caller: Credentials, inodes: readonly AttributesRow[]): AttributesRow | undefined {
  return inodes.find((inode) => !mayAccess(caller, inode, inode.type === 'directory' ? READ | EXECUTE : READ));
}

/** The first of a tree's directories that hold something and that the caller may not empty: `rm -r` reads it to know what to remove. */
export function notToBeEmptied(caller: Credentials, directories: readonly AttributesRow[]): AttributesRow | undefined {
  return directories.find((directory) => !mayAccess(caller, directory, READ | WRITE | EXECUTE));
}

/** The first of a tree's sticky directories that keeps something from the caller. */
export function keptBySticky(caller: Credentials, rows: readonly StickyRow[]): StickyRow | undefined {
  return rows.find((row) => stickyForbids(caller, row, { mode: 0, uid: row.child_uid, gid: 0 }));
}

/** Of what was moved away before it could be told. */
const GONE: AccessAttributes = { mode: 0, uid: 0, gid: 0 };

/** What a path of the tree leads past, the root first and what is to blame last. */
export type Chain = readonly AttributesRow[];

/**
 * `PERMISSION_DENIED` for what is at the end of `path`, or for the first directory on the way there that the caller may not
 * list: what is in that is not told, and it alone is reason enough.
 */
export function visibleRefusal(what: 'copied' | 'removed', caller: Credentials, path: string, chain: Chain): CallfsError {
  const names = path === '' ? [] : path.split('/');
  const closed = chain.findIndex((row) => row.type === 'directory' && !mayAccess(caller, row, READ | EXECUTE));
  // As far as it is still there: others may have moved what was found.
  const depth = closed === -1 ? chain.length - 1 : closed;
  return treeRefusal(what, names.slice(0, Math.max(0, depth)).join('/'), chain[depth] ?? GONE);
}

/** `path` leads from the root of the tree to what does not allow it. */
function treeRefusal(what: 'copied' | 'removed', path: string, { mode, uid, gid }: AccessAttributes): CallfsError {
  const text = mode.toString(8).padStart(4, '0');
  const where = path === '' ? 'The directory' : `"${path}" in the directory`;
  return new CallfsError(
    'PERMISSION_DENIED',
    `Nothing was ${what}: ${where} has mode ${text}, uid ${uid} and gid ${gid}, so you may not have it ${what}.`,
    { details: { path, mode: text, uid, gid } },
  );
}
