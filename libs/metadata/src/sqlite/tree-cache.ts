import type { ContentId, Inode, InodeId } from '@callfs/core';
import { LRUCache } from 'lru-cache';
import { inodeOfTuple, type InodeTuple } from '../inode-row';
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
  /** Which of the inodes here have a content: nearly always one. */
  private readonly holders = new Map<ContentId, InodeId | Set<InodeId>>();

  constructor({ entries, bytes }: CacheSizes) {
    this.names = new LRUCache({ max: entries });
    this.inodes = new LRUCache({ max: entries, dispose: (inode, id) => this.releases(inode, id) });
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
    if (inode.content) this.holds(inode.content.id, inode.id);
  }

  keepData(content: ContentId, data: Buffer): void {
    this.data.set(content, data);
  }

  dropInode(id: InodeId): void {
    this.inodes.delete(id);
  }

  apply(changes: readonly Change[]): void {
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
          if (known?.version === version - 1) this.keepInode({ ...known, version, nlink, mtimeNs: time, ctimeNs: time });
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
          this.dropHolders(change[1]);
          break;
      }
    }
  }

  /** When what was committed cannot be known, or is more than can be told. */
  clear(): void {
    this.names.clear();
    this.inodes.clear();
    this.data.clear();
  }

  private dropHolders(content: ContentId): void {
    const holders = this.holders.get(content);
    if (holders === undefined) return;
    for (const id of typeof holders === 'number' ? [holders] : [...holders]) this.inodes.delete(id);
  }

  private holds(content: ContentId, id: InodeId): void {
    const holders = this.holders.get(content);
    if (holders === undefined) this.holders.set(content, id);
    else if (typeof holders !== 'number') holders.add(id);
    else if (holders !== id) this.holders.set(content, new Set([holders, id]));
  }

  /** Told of every inode that leaves, or makes room for a newer state of itself. */
  private releases({ content }: Inode, id: InodeId): void {
    if (!content) return;
    const holders = this.holders.get(content.id);
    if (holders === id) this.holders.delete(content.id);
    else if (holders instanceof Set && holders.delete(id) && holders.size === 0) this.holders.delete(content.id);
  }

  private refresh(row: InodeTuple): void {
    const known = this.inodes.peek(row[0]);
    if (!known) return;
    const inode = inodeOfTuple(row);
    if (known.version < inode.version) this.keepInode(inode);
  }
}

function keyOf(parent: InodeId, name: string): string {
  return `${parent}/${name}`;
}
