import { Injectable } from '@nestjs/common';
import { UnixAuthorizer } from '@callfs/auth';
import { CallfsError, VirtualPath, type FileType, type Inode } from '@callfs/core';
import { MetadataStore } from '@callfs/metadata';
import type { Caller } from './caller';
import { DirectoriesService, type DirectoryOrder } from './directories.service';
import { compileGlob } from './glob';
import { decodeCursor, encodeCursor, type Cursor } from './list-cursor';
import type { Existing } from './located';
import { TreeWalk, type WalkedEntry } from './tree-walk';

export interface ListingOptions extends DirectoryOrder {
  readonly recursive: boolean;
  /** Levels below the immediate children; 0: these alone. */
  readonly maxDepth: number;
  readonly type?: FileType;
  /** Matched against the name. */
  readonly glob?: string;
}

export interface ListedEntry {
  readonly path: VirtualPath;
  readonly inode: Inode;
}

export interface ListingPage {
  readonly directory: Existing;
  readonly items: readonly ListedEntry[];
  readonly nextCursor?: string;
  /** Directories below that the caller may not read. Each counts on one page, so that those of all pages can be added up. */
  readonly skipped: number;
}

export interface ListingStream {
  readonly pieces: AsyncIterable<ListedEntry[]>;
  /** Directories below that the caller may not read: as many as have come by until now. */
  readonly skipped: () => number;
}

/** Lists directories and trees: filtered, sorted, in pages or as a stream, in memory bounded by the page. */
@Injectable()
export class ListingService {
  constructor(
    private readonly directories: DirectoriesService,
    private readonly store: MetadataStore,
    private readonly authorizer: UnixAuthorizer,
  ) {}

  /** One page of at most `limit` entries. `INVALID_REQUEST` for a cursor that is not one of this listing's. */
  async page(caller: Caller, path: VirtualPath, options: ListingOptions, limit: number, cursor?: string): Promise<ListingPage> {
    const directory = await this.directories.open(caller, path);
    const after = cursor === undefined ? undefined : decodeCursor(cursor, directory.inode.id, options);
    const walk = await this.walk(caller, directory, options, after);
    const sortsWholeTree = options.recursive && options.sort !== 'name';
    const items = sortsWholeTree ? await smallest(walk, options, limit + 1, after) : await firstOf(walk, limit + 1);
    const page = items.slice(0, limit);
    const last = page[page.length - 1];
    const more = items.length > limit && last;
    // A page of a sorted tree has gone through all of it; any other has looked further than it tells.
    const passed = sortsWholeTree ? (after ? 0 : walk.skipped) : more ? last.skipped : walk.skipped;
    return {
      directory,
      items: page,
      nextCursor: more ? encodeCursor(positionIn(directory, last, options), directory.inode.id, options) : undefined,
      skipped: passed,
    };
  }

  /**
   * Every entry, or `limit` of them, in pieces, in constant memory. A tree comes in the order of its names, parents
   * first. `INVALID_REQUEST` for a cursor that is not one of this listing's.
   */
  async stream(
    caller: Caller,
    path: VirtualPath,
    options: ListingOptions,
    { limit, cursor }: { readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<ListingStream> {
    if (options.recursive && options.sort !== 'name') {
      throw new CallfsError(
        'INVALID_REQUEST',
        'A recursive stream comes sorted by name; leave "sort" out, or ask for pages of JSON.',
      );
    }
    const directory = await this.directories.open(caller, path);
    const after = cursor === undefined ? undefined : decodeCursor(cursor, directory.inode.id, options);
    const walk = await this.walk(caller, directory, options, after);
    if (limit === undefined) return { pieces: walk, skipped: () => walk.skipped };
    let passed: number | undefined;
    const pieces = piecesOf(walk, limit, (last) => (passed = last.skipped));
    return { pieces, skipped: () => passed ?? walk.skipped };
  }

  private walk(caller: Caller, directory: Existing, options: ListingOptions, after?: Cursor): Promise<TreeWalk> {
    const glob = options.glob === undefined ? undefined : compileGlob(options.glob);
    const accepts = ({ path, inode }: ListedEntry) =>
      (options.type === undefined || inode.type === options.type) && (!glob || glob.matches(path.name));
    const mayEnter = (inode: Inode) => this.authorizer.mayList(caller.identity, inode);
    const startsInside = options.recursive && options.sort !== 'name' ? undefined : after;
    return TreeWalk.start(directory, { ...options, accepts, mayEnter }, this.directories, this.store, startsInside);
  }
}

async function firstOf(walk: TreeWalk, count: number): Promise<WalkedEntry[]> {
  const items: WalkedEntry[] = [];
  for await (const entries of piecesOf(walk, count)) items.push(...entries);
  return items;
}

/** The first `count` entries, as they come. `ends` is told the last of them when there are so many. */
async function* piecesOf(walk: TreeWalk, count: number, ends?: (last: WalkedEntry) => void): AsyncGenerator<WalkedEntry[]> {
  let left = count;
  for await (const entries of walk) {
    const last = entries[left - 1];
    if (last) ends?.(last);
    yield entries.slice(0, left);
    left -= entries.length;
    if (left <= 0) return;
  }
}

/** The first `count` entries of the whole tree behind the cursor in sorted order, never holding more than twice as many. */
async function smallest(walk: TreeWalk, options: DirectoryOrder, count: number, after?: Cursor): Promise<WalkedEntry[]> {
  const sign = options.order === 'asc' ? 1 : -1;
  const value = ({ inode }: ListedEntry) => (options.sort === 'size' ? BigInt(inode.size) : inode.mtimeNs);
  const compare = (aValue: bigint, aPath: string, bValue: bigint, bPath: string) =>
    sign * (aValue < bValue ? -1 : aValue > bValue ? 1 : aPath < bPath ? -1 : aPath > bPath ? 1 : 0);
  const order = (a: ListedEntry, b: ListedEntry) => compare(value(a), a.path.toString(), value(b), b.path.toString());
  const root = walk.root.path.names;
  const start = after && { value: after.value ?? 0n, path: VirtualPath.ofNames([...root, ...after.names]).toString() };
  let best: WalkedEntry[] = [];
  for await (const entries of walk) {
    for (const entry of entries) {
      if (!start || compare(value(entry), entry.path.toString(), start.value, start.path) > 0) best.push(entry);
    }
    if (best.length >= 2 * count) best = best.sort(order).slice(0, count);
  }
  return best.sort(order).slice(0, count);
}

function positionIn(directory: Existing, { path, inode }: ListedEntry, { sort }: DirectoryOrder): Cursor {
  const names = path.names.slice(directory.path.names.length);
  if (sort === 'name') return { names };
  return { names, value: sort === 'size' ? BigInt(inode.size) : inode.mtimeNs };
}
