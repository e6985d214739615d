import { ROOT_INODE, type ContentId, type Inode, type InodeId } from '@callfs/core';
import { inodeOfTuple, type InodeTuple } from '../inode-row';
import type { Resolution } from '../metadata-store';
import { INODE_BY_ID, RESOLVE, RESOLVE_CHILD } from './sqlite-statements';
import type { Statements } from './statement-cache';
import { NOTHING, type TreeCache } from './tree-cache';

type FoundRow = readonly [...InodeTuple, data: Buffer | null];

/** Resolves names out of the cache as far as it knows them, and the rest with one statement. */
export class PathWalk {
  constructor(
    private readonly sql: Statements,
    private readonly cache: TreeCache,
    /** Runs what asks the engine. */
    private readonly query: <T>(work: () => T) => T,
  ) {}

  resolve(names: readonly string[], wantData: boolean): Resolution {
    const { cache } = this;
    let last = cache.inode(ROOT_INODE) ?? this.readRoot();
    const inodes = [last];
    for (let depth = 0; depth < names.length && last.type === 'directory'; depth++) {
      const id = cache.child(last.id, names[depth] as string);
      if (id === NOTHING) break;
      const inode = id === undefined ? undefined : cache.inode(id);
      if (!inode) return { inodes, data: this.readRest(names, inodes, wantData) };
      inodes.push((last = inode));
    }
    if (!wantData || inodes.length <= names.length || !last.content?.inline) return { inodes, data: null };
    const data = this.inline(last.content.id);
    if (data) return { inodes, data };
    // Replaced by a commit that this thread has not been told of yet.
    cache.dropInode(last.id);
    return this.resolve(names, wantData);
  }

  /** The same out of the cache alone; `undefined` when that does not know all of it. */
  resolveNow(names: readonly string[], wantData: boolean): Resolution | undefined {
    const { cache } = this;
    let last = cache.inode(ROOT_INODE);
    if (!last) return undefined;
    const inodes = [last];
    for (const name of names) {
      const id: InodeId | undefined = last.type === 'directory' ? cache.child(last.id, name) : NOTHING;
      if (id === NOTHING) break;
      last = id === undefined ? undefined : cache.inode(id);
      if (!last) return undefined;
      inodes.push(last);
    }
    if (!wantData || inodes.length <= names.length || !last.content?.inline) return { inodes, data: null };
    const data = cache.dataOf(last.content.id);
    return data && { inodes, data };
  }

  inline(content: ContentId): Buffer | undefined {
    const cached = this.cache.dataOf(content);
    if (cached) return cached;
    const row = this.query(() => this.sql.get<{ data: Buffer | null }>('SELECT data FROM content WHERE id = ?', content));
    if (row?.data) this.cache.keepData(content, row.data);
    return row?.data ?? undefined;
  }

  private readRoot(): Inode {
    const [row] = this.query(() => this.sql.tuples<InodeTuple>(INODE_BY_ID, ROOT_INODE));
    const root = inodeOfTuple(row as InodeTuple);
    this.cache.keepInode(root);
    return root;
  }

  /** Reads what the names after those of `inodes` lead to, adds it to them and to the cache, and returns the bytes. */
  private readRest(names: readonly string[], inodes: Inode[], wantData: boolean): Buffer | null {
    const { cache } = this;
    const rest = names.slice(inodes.length - 1);
    let last = inodes[inodes.length - 1] as Inode;
    let data: Buffer | null = null;
    for (const row of this.query(() => this.rows(last, rest, wantData))) {
      const inode = inodeOfTuple(row);
      data = row[19];
      cache.keepInode(inode);
      cache.keepName(last.id, names[inodes.length - 1] as string, inode.id);
      if (data && inode.content) cache.keepData(inode.content.id, data);
      inodes.push((last = inode));
    }
    const missing = names[inodes.length - 1];
    if (missing === undefined) return data;
    if (last.type === 'directory') cache.keepName(last.id, missing, NOTHING);
    return null;
  }

  private rows({ id }: Inode, rest: readonly string[], wantData: boolean): FoundRow[] {
    const data = wantData ? 1 : 0;
    if (rest.length === 1) return this.sql.tuples<FoundRow>(RESOLVE_CHILD, data, id, rest[0]);
    return this.sql.tuples<FoundRow>(RESOLVE, id, JSON.stringify(rest), rest.length, data, rest.length);
  }
}
