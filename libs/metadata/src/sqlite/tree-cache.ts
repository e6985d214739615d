import type { ContentId, Inode, InodeId } from '@callfs/core';
import { LRUCache } from 'lru-cache';
import type { WriteReply } from './writer-messages';

export interface CacheSizes {
  /** Names and inodes, each. */
  readonly entries: number;
  /** Bytes of inline contents. */
  readonly bytes: number;
}

/**
 * What the tree looks like, as far as it was read. Exact: this process is the only writer, and every commit says what
 * it touched before anybody is told that it happened. A row is read and put here in one turn, so an old one cannot be
 * put here after its change was announced.
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

  child(parent: InodeId, name: string): Inode | undefined {
    const id = this.names.get(`${parent}/${name}`);
    return id === undefined ? undefined : this.inodes.get(id);
  }

  keep(parent: InodeId, name: string, inode: Inode): void {
    this.names.set(`${parent}/${name}`, inode.id);
    this.inodes.set(inode.id, inode);
  }

  keepInode(inode: Inode): void {
    this.inodes.set(inode.id, inode);
  }

  dataOf(content: ContentId): Buffer | undefined {
    return this.data.get(content);
  }

  keepData(content: ContentId, data: Buffer): void {
    this.data.set(content, data);
  }

  forget({ inodes, names }: Pick<WriteReply, 'inodes' | 'names'>): void {
    for (const id of inodes) this.inodes.delete(id);
    for (let i = 0; i < names.length; i += 2) this.names.delete(`${names[i]}/${names[i + 1]}`);
  }
}
