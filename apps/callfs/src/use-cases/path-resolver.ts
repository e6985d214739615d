import { Injectable } from '@nestjs/common';
import { CallfsError, VirtualPath, type Inode } from '@callfs/core';
import { requireWithin, UnixAuthorizer, type Identity } from '@callfs/auth';
import { MetadataStore } from '@callfs/metadata';
import { deepest, isExisting, type Existing, type Located } from './located';

/** As many symbolic links may be met on one path; `MAXSYMLINKS` of Linux (path_resolution(7)). */
const MAX_SYMLINKS = 40;

export interface ResolveOptions {
  /** Whether a symbolic link at the very end is followed too; links on the way always are. */
  readonly follow: boolean;
  /** Bring an inline content's bytes along. */
  readonly data?: boolean;
}

/**
 * Finds what a path leads to, as path_resolution(7) does: one round trip for as long as no symbolic link is met, one
 * more for each link. `PERMISSION_DENIED` where the caller may not search and where the path, or a link on it, leaves
 * what the caller's key is limited to; `ELOOP`; `NOT_A_DIRECTORY` where a file is used as a directory.
 */
@Injectable()
export class PathResolver {
  constructor(
    private readonly store: MetadataStore,
    private readonly authorizer: UnixAuthorizer,
  ) {}

  async resolve(identity: Identity, path: VirtualPath, options: ResolveOptions): Promise<Located> {
    let pending = path.names;
    let links = 0;
    /** How many names at the end are the caller's own; those before came out of links. */
    let own = pending.length;
    /** A link at the end is written with a trailing slash. */
    let saysDirectory = false;
    let physical: readonly string[] = [];
    for (;;) {
      // A ".." only comes from a link's target and counts from where the names before it really lead.
      const up = pending.indexOf('..');
      const names = [...physical, ...(up === -1 ? pending : pending.slice(0, up))];
      const rest = up === -1 ? [] : pending.slice(up + 1);
      if (identity.scope) refuseOutside(identity, names, up !== -1);
      const { inodes, data } = await this.store.resolve(names, options.data ? { data: true } : undefined);
      this.authorizer.search(identity, directoriesPassed(inodes, names), VirtualPath.ofNames(names));
      const last = inodes[inodes.length - 1] as Inode;
      const complete = inodes.length === names.length + 1;

      if (last.type === 'symlink' && (!complete || up !== -1 || options.follow)) {
        if (++links > MAX_SYMLINKS) throw tooManyLinks(path);
        const target = last.target ?? '';
        const after = names.slice(inodes.length - 1);
        own = Math.min(own, after.length + (up === -1 ? 0 : 1 + rest.length));
        saysDirectory ||= after.length === 0 && up === -1 && /\/\.?$/.test(target);
        physical = target.startsWith('/') ? [] : names.slice(0, inodes.length - 2);
        pending = [
          ...target.split('/').filter((name) => name !== '' && name !== '.'),
          ...after,
          ...(up === -1 ? [] : ['..', ...rest]),
        ];
        continue;
      }
      if (!complete && last.type !== 'directory') throw notADirectory(VirtualPath.ofNames(names.slice(0, inodes.length - 1)));
      if (up === -1) {
        if (saysDirectory && complete && last.type !== 'directory') throw notADirectory(VirtualPath.ofNames(names));
        const missing = names.slice(inodes.length - 1);
        const ownMissing = Math.min(own, missing.length);
        return { path: links === 0 ? path : VirtualPath.ofNames(names), inodes, missing, ownMissing, saysDirectory, data };
      }
      // Nothing is ever made there (see refuseDanglingLink), so that the path is the one asked for does no harm.
      if (!complete) {
        const missing = [...names.slice(inodes.length - 1), '..', ...rest];
        return { path, inodes, missing, ownMissing: own, saysDirectory, data };
      }
      if (last.type !== 'directory') throw notADirectory(VirtualPath.ofNames(names));
      this.authorizer.search(identity, inodes, VirtualPath.ofNames(names));
      physical = names.slice(0, -1);
      pending = rest;
    }
  }

  /** As `resolve`, for what must be there in the end: `FILE_NOT_FOUND` where a file is used as a directory. */
  async lookUp(identity: Identity, path: VirtualPath, options: ResolveOptions): Promise<Located> {
    try {
      return await this.resolve(identity, path, options);
    } catch (error) {
      if (CallfsError.is(error, 'NOT_A_DIRECTORY')) throw notFound(path, error.message);
      throw error;
    }
  }

  /** What must be there: `FILE_NOT_FOUND`, also for a file whose path was written with a trailing `/` or used as a directory. */
  async existing(identity: Identity, path: VirtualPath, options: ResolveOptions): Promise<Existing> {
    return asFound(await this.lookUp(identity, path, options), path);
  }
}

/** A trailing slash means the directory that a link at the end leads to, also where links are not to be followed (path_resolution(7)). */
export function followsAtEnd(path: VirtualPath, { follow }: { follow: boolean }): boolean {
  return follow || path.saysDirectory;
}

/** What `path` led to; `FILE_NOT_FOUND` when it led to nothing, or not to a directory though it ends in `/`. */
export function asFound(located: Located, path: VirtualPath): Existing {
  if (!isExisting(located)) throw notFound(path);
  const existing = asExisting(located);
  if (path.saysDirectory && existing.inode.type !== 'directory') throw spelledAsDirectory(path);
  return existing;
}

/** `located` with its end named; only for one without missing names. */
export function asExisting(located: Located): Existing {
  const { inodes } = located;
  return { ...located, inode: deepest(located), parent: inodes[Math.max(0, inodes.length - 2)] as Inode };
}

function spelledAsDirectory(path: VirtualPath): CallfsError {
  const text = path.toString();
  const message = `${text}/ does not exist: ${text} is a file; leave out the "/" at its end.`;
  return new CallfsError('FILE_NOT_FOUND', message, { details: { path: text } });
}

export function notFound(path: VirtualPath, reason = ''): CallfsError {
  const message = reason === '' ? `${path.toString()} does not exist.` : `${path.toString()} does not exist: ${reason}`;
  return new CallfsError('FILE_NOT_FOUND', message, { details: { path: path.toString() } });
}

/** A ".." may climb to above the limit of a key when what comes after it leads back down. */
function refuseOutside(identity: Identity, names: readonly string[], climbs: boolean): void {
  const path = VirtualPath.ofNames(names);
  if (!climbs || !identity.scope?.path.isWithin(path)) requireWithin(identity, path);
}

/** The directories in which a name was looked up: all but the last inode, and the last too when the next name is missing in it. */
function directoriesPassed(inodes: readonly Inode[], names: readonly string[]): readonly Inode[] {
  const last = inodes[inodes.length - 1];
  const lookedUpInLast = inodes.length <= names.length && last?.type === 'directory';
  return lookedUpInLast ? inodes : inodes.slice(0, -1);
}

function notADirectory(path: VirtualPath): CallfsError {
  const message = `${path.toString()} is a file, so nothing can be below it.`;
  return new CallfsError('NOT_A_DIRECTORY', message, { details: { path: path.toString() } });
}

function tooManyLinks(path: VirtualPath): CallfsError {
  const message = `More than ${MAX_SYMLINKS} symbolic links on the way to ${path.toString()}; some of them lead in a circle.`;
  return new CallfsError('ELOOP', message, { details: { path: path.toString() } });
}
