import type { VirtualPath } from '@callfs/core';
import { type Inode } from '@callfs/core';
import type { AuthorisedPath } from '@callfs/metadata';

/** Where a path led: symbolic links on the way are gone from `path`, search permission was given all along it. */
export interface Located {
  /** The canonical path of what was asked for, `missing` names included. */
  readonly path: VirtualPath;
  /** What exists of it, from `/` on. */
  readonly inodes: readonly Inode[];
  /** The names below the last of `inodes`, a directory then, that do not exist; a `..` among them comes from a link's target. */
  readonly missing: readonly string[];
  /** How many of `missing`, at the end, the caller named; those before come from the target of a symbolic link. */
  readonly ownMissing: number;
  /** A symbolic link at the end was followed whose target ends in a slash: only a directory can be there. */
  readonly saysDirectory: boolean;
  /** The bytes of an inline content, when they were asked for and came along. */
  readonly data: Buffer | null;
}

/** What exists at the end of a path, and the directory it is in (`/` is its own). */
export interface Existing extends Located {
  readonly inode: Inode;
  readonly parent: Inode;
}

export function isExisting(located: Located): located is Existing {
  return located.missing.length === 0;
}

/** The last inode that exists. */
export function deepest(located: Located): Inode {
  const inode = located.inodes[located.inodes.length - 1];
  if (!inode) throw new TypeError('a located path has at least the root');
  return inode;
}

/** The part of the path that exists, as the commit has to find it again. */
export function authorised(located: Located): AuthorisedPath {
  return stepsOf(located, located.inodes.length);
}

/** The directory that holds the last name, as the commit has to find it again. */
export function authorisedParent(existing: Existing): AuthorisedPath {
  return stepsOf(existing, existing.inodes.length - 1);
}

function stepsOf(located: Located, count: number): AuthorisedPath {
  return { names: located.path.names.slice(0, count - 1), steps: located.inodes.slice(0, count).map(step) };
}

function step({ id, mode, uid, gid }: Inode): AuthorisedPath['steps'][number] {
  return { id, mode, uid, gid };
}
