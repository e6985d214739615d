import type { ContentId, Inode, InodeId } from '@callfs/core';
import { LRUCache } from 'lru-cache';
import type { Change } from './changed';

export interface CacheSizes {
  /** Names and inodes, each. */
  readonly entries: number;
  /** Bytes of inline contents. */
  readonly bytes: number;
}

/** What a name leads to when nothing stands there. */
export const NOTHING: InodeId = 0;

/**
 * What the tree looks like, as far as it was read. Exact: this process is the only writer, and every commit says what
 * it changed before anybody is told that it happened. A row is read and put here in one turn, so an old one cannot be
 * put here after its change was announced. But a change may be announced after a read has seen it or a later one, and
 * must not undo that: so names are only ever dropped, and an inode only gives way to a later version of itself.
 */
export class TreeCache {
  private readonly names: LRUCache<string, InodeId>;
  private readonly inodes: LRUCache<InodeId, Inode>;
  private readonly data: LRUCache<ContentId, Buffer>;

  constructor({ entries, bytes }: CacheSizes) {
    this.names = new LRUCache({ max: entries });
    this.inodes = new LRUCache({ max: entries });
    this.data = new LRUCache({ maxSize: bytes, sizeCalculation: (buffer) => buffer.length + 64 });
  }

  inode(id: InodeId): Inode | undefined {
    return this.inodes.get(id);
  }

  /** `NOTHING` when nothing stands there, `undefined` when that is not known. */
  child(parent: InodeId, name: string): InodeId | undefined {
    return this.names.get(keyOf(parent, name));
  }

  dataOf(content: ContentId): Buffer | undefined {
    return this.data.get(content);
  }

  keepName(parent: InodeId, name: string, id: InodeId): void {
    this.names.set(keyOf(parent, name), id);
  }

  keepInode(inode: Inode): void {
    this.inodes.set(inode.id, inode);
  }

  keepData(content: ContentId, data: Buffer): void {
    this.data.set(content, data);
  }

  dropInode(id: InodeId): void {
    this.inodes.delete(id);
  }

  apply(changes: readonly Change[]): void {
    const moved = new Set<ContentId>();
    for (const change of changes) {
      switch (change[0]) {
        case 'name':
          this.names.delete(keyOf(change[1], change[2]));
          break;
        case 'inode':
          this.refresh(change[1]);
          break;
        case 'touched': {
          const [, id, version, nlink, time] = change;
          const known = this.inodes.peek(id);
          if (known?.version === version - 1) this.inodes.set(id, { ...known, version, nlink, mtimeNs: time, ctimeNs: time });
          else if (known && known.version < version) this.inodes.delete(id);
          break;
        }
        case 'gone':
          this.inodes.delete(change[1]);
          break;
        case 'content gone':
          this.data.delete(change[1]);
          break;
        case 'anything':
          this.clear();
          break;
        case 'content moved':
          moved.add(change[1]);
          break;
      }
    }
    if (moved.size > 0) this.dropHolders(moved);
  }

  /** When what was committed cannot be known, or is more than can be told. */
  clear(): void {
    this.names.clear();
    this.inodes.clear();
    this.data.clear();
  }

  /** Rare, so which inodes have a content is searched for and not kept. */
  private dropHolders(contents: ReadonlySet<ContentId>): void {
    for (const [id, { content }] of [...this.inodes.entries()]) if (content && contents.has(content.id)) this.inodes.delete(id);
  }

  private refresh(inode: Inode): void {
    const known = this.inodes.peek(inode.id);
    if (known && known.version < inode.version) this.inodes.set(inode.id, inode);
  }
}

function keyOf(parent: InodeId, name: string): string {
  return `${parent}/${name}`;
}
