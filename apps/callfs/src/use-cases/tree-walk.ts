import { VirtualPath, type DirectoryEntry, type Inode } from '@callfs/core';
import type { ListPosition, MetadataStore } from '@callfs/metadata';
import type { DirectoriesService, DirectoryOrder } from './directories.service';
import type { Cursor } from './list-cursor';
import type { ListedEntry, ListingOptions } from './listing.service';
import type { Existing } from './located';

export interface WalkOptions extends ListingOptions {
  /** Which entries come out; others are still walked into. */
  accepts(entry: ListedEntry): boolean;
  /** Whether the caller may list a directory below. */
  mayEnter(inode: Inode): boolean;
}

export interface WalkedEntry extends ListedEntry {
  /** Directories that the caller may not read, up to this entry, which may be one. */
  readonly skipped: number;
}

/** A directory that is being listed: what is left of the page read last, and the pages after it. */
interface Frame {
  readonly path: VirtualPath;
  readonly pages: AsyncGenerator<DirectoryEntry[]>;
  page: readonly DirectoryEntry[];
  next: number;
}

/**
 * Goes through a directory or a tree, depth first, parents before their children, holding one page for each level.
 * With a cursor it goes on behind the entry that the cursor names, also when that is gone by now.
 */
export class TreeWalk implements AsyncIterable<WalkedEntry[]> {
  /** Directories that the caller may not read, so far. */
  skipped = 0;
  private readonly frames: Frame[] = [];

  private constructor(
    readonly root: Existing,
    private readonly options: WalkOptions,
    private readonly directories: DirectoriesService,
  ) {}

  static async start(
    root: Existing,
    options: WalkOptions,
    directories: DirectoriesService,
    store: MetadataStore,
    after?: Cursor,
  ): Promise<TreeWalk> {
    const walk = new TreeWalk(root, options, directories);
    const names = after?.names ?? [];
    walk.enter(root, names[0] === undefined ? undefined : { name: names[0], value: after?.value });
    if (!options.recursive || names.length === 0) return walk;
    const { inodes } = await store.resolve([...root.path.names, ...names]);
    for (let depth = 1; depth <= names.length; depth++) {
      const inode = inodes[root.path.names.length + depth];
      if (inode?.type !== 'directory' || depth > options.maxDepth || !options.mayEnter(inode)) break;
      const path = VirtualPath.ofNames([...root.path.names, ...names.slice(0, depth)]);
      const name = names[depth];
      walk.enter({ ...root, path, inode }, name === undefined ? undefined : { name });
    }
    return walk;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WalkedEntry[]> {
    for (let frame = this.frames.at(-1); frame; frame = this.frames.at(-1)) {
      if (frame.next >= frame.page.length) {
        const result = await frame.pages.next();
        if (result.done) {
          this.frames.pop();
          continue;
        }
        frame.page = result.value;
        frame.next = 0;
      }
      const found = this.takeUntilDirectory(frame);
      if (found.length > 0) yield found;
    }
  }

  /** The entries of the page up to one that has to be entered before the next is due. */
  private takeUntilDirectory(frame: Frame): WalkedEntry[] {
    const { recursive, maxDepth } = this.options;
    const found: WalkedEntry[] = [];
    while (frame.next < frame.page.length) {
      const { name, inode } = frame.page[frame.next++] as DirectoryEntry;
      const entry = { path: VirtualPath.ofNames([...frame.path.names, name]), inode };
      const goesDown = recursive && inode.type === 'directory' && this.frames.length <= maxDepth;
      const mayEnter = goesDown && this.options.mayEnter(inode);
      if (goesDown && !mayEnter) this.skipped++;
      if (this.options.accepts(entry)) found.push({ ...entry, skipped: this.skipped });
      if (!mayEnter) continue;
      this.enter({ ...this.root, path: entry.path, inode });
      break;
    }
    return found;
  }

  private enter(directory: Existing, after?: ListPosition): void {
    const order: DirectoryOrder = this.options.recursive ? { sort: 'name', order: this.nameOrder() } : this.options;
    const pages = this.directories.pages(directory, order, after);
    this.frames.push({ path: directory.path, pages, page: [], next: 0 });
  }

  private nameOrder(): 'asc' | 'desc' {
    return this.options.sort === 'name' ? this.options.order : 'asc';
  }
}
