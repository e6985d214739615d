import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { requireVerb, UnixAuthorizer } from '@callfs/auth';
import { CallfsError, type DirectoryEntry, type VirtualPath } from '@callfs/core';
import { MetadataStore, type CommitGuard, type ListPosition, type SortKey } from '@callfs/metadata';
import type { Caller } from './caller';
import { CommitRunner, type Plan } from './commit-runner';
import { alreadyExists } from './existing-errors';
import { isExisting, type Existing } from './located';
import { NewNamePlanner, type PlannedName } from './new-name';
import { parentNotADirectory } from './parent-errors';
import { asExisting, PathResolver } from './path-resolver';
import { checkCondition } from './precondition';
import type { WriteCondition } from './write-condition';
import type { WriteOutcome } from './write-outcome';

/** As many entries are read at a time where others do the reading: one sort, or one way to the database, for all of them. */
const PAGE = 1000;
/** As many are handed on in a turn of the event loop, which others wait for; and read, where reading takes the turn itself. */
const PIECE = 200;

export interface DirectoryOrder {
  readonly sort: SortKey;
  readonly order: 'asc' | 'desc';
}

const BY_NAME: DirectoryOrder = { sort: 'name', order: 'asc' };

type MakePlan = Plan & { path: VirtualPath } & ({ existing: Existing; fresh?: never } | { existing?: never; fresh: PlannedName });

/** Directories: making them, and reading their entries in bounded pieces. */
@Injectable()
export class DirectoriesService {
  constructor(
    private readonly store: MetadataStore,
    private readonly resolver: PathResolver,
    private readonly authorizer: UnixAuthorizer,
    private readonly commits: CommitRunner,
    private readonly newNames: NewNamePlanner,
  ) {}

  /** `mkdir -p`: a directory that is there already is no error; anything else there is `FILE_ALREADY_EXISTS`. */
  async make(caller: Caller, path: VirtualPath, permissions?: number, condition?: WriteCondition): Promise<WriteOutcome> {
    const plan = () => this.planMake(caller, path, condition);
    const made = await plan();
    if (made.existing) return { path: made.path, inode: made.existing.inode, created: false };
    const commit = async (planned: MakePlan, guard: CommitGuard): Promise<WriteOutcome> => {
      if (planned.existing) return { path: planned.path, inode: planned.existing.inode, created: false };
      const { at, directory } = planned.fresh;
      const attributes = this.authorizer.newDirectoryAttributes(caller.identity, directory, permissions);
      return { path: planned.path, inode: await this.store.createDirectory(at, attributes, guard), created: true };
    };
    return this.commits.run(caller, { operation: 'mkdir', plan, commit }, made);
  }

  /** Judges the listing of a directory: read and search on it. `FILE_NOT_FOUND`, `NOT_A_DIRECTORY`. */
  async open(caller: Caller, path: VirtualPath): Promise<Existing> {
    requireVerb(caller.identity, ['list'], path);
    const found = await this.resolver.existing(caller.identity, path.withoutTrailingSlash(), { follow: true });
    if (found.inode.type !== 'directory') {
      const message = `${found.path.toString()} is a file, not a directory; GET /v1/files${found.path.toUrl()} reads it.`;
      throw new CallfsError('NOT_A_DIRECTORY', message, { details: { path: found.path.toString() } });
    }
    this.authorizer.list(caller.identity, found.inode, found.path);
    return found;
  }

  /** The entries of what `open` found, a piece at a time, beginning behind `after`. */
  async *pages(directory: Existing, order: DirectoryOrder = BY_NAME, after?: ListPosition): AsyncGenerator<DirectoryEntry[]> {
    const limit = this.store.resolveNow && order.sort === 'name' ? PIECE : PAGE;
    for (let position = after; ;) {
      const page = await this.store.list({ directory: directory.inode.id, ...order, limit, after: position });
      for (let from = 0; from < page.length; from += PIECE) {
        yield page.slice(from, from + PIECE);
        await turn();
      }
      const last = page[page.length - 1];
      if (!last || page.length < limit) return;
      position = positionOf(last, order.sort);
    }
  }

  private async planMake(caller: Caller, path: VirtualPath, condition?: WriteCondition): Promise<MakePlan> {
    const { identity } = caller;
    requireVerb(identity, ['write'], path);
    const located = await this.resolver.resolve(identity, path, { follow: false }).catch(parentNotADirectory);
    const lockNames = [located.path.toString()];
    if (!isExisting(located)) {
      const fresh = this.newNames.plan(identity, located);
      checkCondition(identity, condition, null, located.path);
      return { lockNames, path: located.path, fresh };
    }
    let existing = asExisting(located);
    if (existing.inode.type === 'symlink') {
      // A link to a directory will do; mkdir(2) makes nothing where a dangling one points.
      const target = await this.resolver.resolve(identity, path, { follow: true }).catch(parentNotADirectory);
      if (isExisting(target)) existing = asExisting(target);
    }
    if (existing.inode.type !== 'directory') throw alreadyExists(existing);
    checkCondition(identity, condition, existing.inode, existing.path);
    return { lockNames, path: existing.path, existing };
  }
}

/** Where a page that ends with `entry` ends. */
export function positionOf(entry: DirectoryEntry, sort: SortKey): ListPosition {
  const { name, inode } = entry;
  if (sort === 'name') return { name };
  return { name, value: sort === 'size' ? BigInt(inode.size) : inode.mtimeNs };
}
