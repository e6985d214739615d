import type Database from 'better-sqlite3';
import type { DataSource } from 'typeorm';
import {
  CallfsError,
  ROOT_INODE,
  type ContentId,
  type DirectoryEntry,
  type EpochNs,
  type Inode,
  type InodeId,
  type Replica,
} from '@callfs/core';
import { inodeOf, type InodeRow } from '../inode-row';
import {
  MetadataStore,
  type AttributeChanges,
  type CollectableContent,
  type CommitGuard,
  type CopyAttributes,
  type ListQuery,
  type MetadataStatistics,
  type NewAttributes,
  type NewContent,
  type NewName,
  type QueryObserver,
  type Resolution,
  type SharedContent,
  type Target,
  type TreeAccess,
} from '../metadata-store';
import type { Principal, PrincipalRequest } from '../principal';
import { listStatement } from './list-statement';
import type { DatabaseClaim } from './database-claim';
import { metadataError } from './sqlite-errors';
import { INODE_BY_ID, RESOLVE } from './sqlite-statements';
import { Statements } from './statement-cache';
import type { TreeCache } from './tree-cache';
import type { WriterClient } from './writer-client';

/**
 * The tree in an SQLite file that this process owns. Reads run here, synchronously, from the cache or the file; changes
 * go to the writer thread. It is longer than most files because the contract is: each method is one line of substance.
 */
export class SqliteMetadataStore extends MetadataStore {
  override readonly name = 'sqlite';
  private readonly sql: Statements;
  private fence: number;

  constructor(
    private readonly dataSource: DataSource,
    database: Database.Database,
    private readonly writer: WriterClient,
    private readonly cache: TreeCache,
    private readonly claim: DatabaseClaim,
    private readonly observe: QueryObserver = () => undefined,
  ) {
    super();
    this.sql = new Statements(database);
    this.fence = writer.highestFence;
  }

  /** Transactions so far; group commit makes them fewer than the changes. */
  get commits(): number {
    return this.writer.commits;
  }

  override async resolve(names: readonly string[], options?: { data?: boolean }): Promise<Resolution> {
    let last = this.cache.inode(ROOT_INODE) ?? this.root();
    const inodes = [last];
    for (const name of names) {
      if (last.type !== 'directory') break;
      const child = this.cache.child(last.id, name);
      if (!child) return this.resolveRest(names, inodes, options);
      inodes.push((last = child));
    }
    return { inodes, data: this.dataOf(names, inodes, options) };
  }

  override async readInline(content: ContentId): Promise<Buffer> {
    const data = this.inline(content);
    if (data) return data;
    throw new CallfsError('FILE_NOT_FOUND', 'The content has been replaced and collected; read the file again.');
  }

  override async list(query: ListQuery): Promise<DirectoryEntry[]> {
    const { sql, parameters } = listStatement(query);
    const rows = this.read('list', () => this.sql.all<InodeRow & { name: string }>(sql, ...parameters));
    return rows.map((row) => ({ name: row.name, inode: inodeOf(row) }));
  }

  override async createFile(
    at: NewName,
    attributes: NewAttributes,
    content: NewContent | SharedContent,
    contentType: string | null,
    guard?: CommitGuard,
  ): Promise<Inode> {
    return this.keepData(await this.change<Inode>('createFile', at, attributes, exact(content), contentType, guard), content);
  }

  override createDirectory(at: NewName, attributes: NewAttributes, guard?: CommitGuard): Promise<Inode> {
    return this.change('createDirectory', at, attributes, guard);
  }

  override createSymlink(at: NewName, attributes: NewAttributes, target: string, guard?: CommitGuard): Promise<Inode> {
    return this.change('createSymlink', at, attributes, target, guard);
  }

  override async replaceContent(
    target: Target,
    content: NewContent | SharedContent,
    changes: AttributeChanges,
    guard?: CommitGuard,
  ): Promise<Inode> {
    return this.keepData(await this.change<Inode>('replaceContent', target, exact(content), changes, guard), content);
  }

  override setAttributes(target: Target, changes: AttributeChanges, guard?: CommitGuard): Promise<Inode> {
    return this.change('setAttributes', target, changes, guard);
  }

  override remove(target: Target, guard?: CommitGuard): Promise<void> {
    return this.change('remove', target, guard);
  }

  override removeTree(target: Target, access: TreeAccess | null, guard?: CommitGuard): Promise<void> {
    return this.change('removeTree', target, access, guard);
  }

  override move(
    source: Target,
    to: NewName,
    replaced: { id: InodeId; version: number } | null,
    guard?: CommitGuard,
  ): Promise<Inode> {
    return this.change('move', source, to, replaced, guard);
  }

  override copyTree(
    source: Target,
    to: NewName,
    attributes: CopyAttributes,
    access: TreeAccess | null,
    guard?: CommitGuard,
  ): Promise<Inode> {
    return this.change('copyTree', source, to, attributes, access, guard);
  }

  /** Every holder is in this process, so a counter that begins above all that was raised is enough. */
  override async nextFence(): Promise<number> {
    return ++this.fence;
  }

  override raiseFence(lockNames: readonly string[]): Promise<void> {
    return this.change('raiseFence', lockNames, ++this.fence);
  }

  override reap(limit: number): Promise<number> {
    return this.change('reap', limit);
  }

  override async collectable(now: EpochNs, limit: number): Promise<CollectableContent[]> {
    const replicas = `SELECT backend, instance_id AS instanceId, key FROM replica WHERE content_id = ?`;
    return this.read('collectable', () => {
      const due = 'SELECT content_id AS id FROM collect WHERE not_before <= ? ORDER BY not_before LIMIT ?';
      const ids = this.sql.all<{ id: ContentId }>(due, now, limit);
      return ids.map(({ id }) => ({ contentId: id, replicas: this.sql.all<Replica>(replicas, id) }));
    });
  }

  override forget(contents: readonly ContentId[]): Promise<void> {
    return this.change('forget', contents);
  }

  override async knownKeys(backend: string, instanceId: string, keys: readonly string[]): Promise<Set<string>> {
    const sql = 'SELECT key FROM replica WHERE backend = ? AND instance_id = ? AND key IN (SELECT value FROM json_each(?))';
    const rows = this.read('known_keys', () => this.sql.all<{ key: string }>(sql, backend, instanceId, JSON.stringify(keys)));
    return new Set(rows.map(({ key }) => key));
  }

  override async principals(): Promise<Principal[]> {
    return this.read('principals', () => this.sql.all<Principal>('SELECT kind, id, name FROM principal ORDER BY kind, id'));
  }

  override ensurePrincipals(wanted: readonly PrincipalRequest[]): Promise<Principal[]> {
    return this.change('ensurePrincipals', wanted);
  }

  override async statistics(): Promise<MetadataStatistics> {
    const rows = this.read('statistics', () =>
      this.sql.all<{ name: string; value: number }>('SELECT name, value FROM statistic'),
    );
    const values = new Map(rows.map(({ name, value }) => [name, value]));
    return {
      files: values.get('files') ?? 0,
      directories: values.get('directories') ?? 0,
      inlineBytes: values.get('inline_bytes') ?? 0,
      blobBytes: values.get('blob_bytes') ?? 0,
    };
  }

  override async ping(): Promise<void> {
    this.read('ping', () => this.sql.get('SELECT 1'));
    await this.writer.run('ensurePrincipals', []);
  }

  override async close(): Promise<void> {
    await this.writer.close();
    await this.dataSource.destroy();
    this.claim.release();
  }

  /** The names that the cache does not know, and everything behind them, in one statement. */
  private resolveRest(names: readonly string[], known: readonly Inode[], options?: { data?: boolean }): Resolution {
    const rows = this.read('resolve', () => this.sql.all<InodeRow>(RESOLVE, JSON.stringify(names), names.length));
    const inodes = rows.map((row, depth) => known[depth] ?? inodeOf(row));
    inodes.forEach((inode, depth) => {
      const parent = inodes[depth - 1];
      if (parent) this.cache.keep(parent.id, names[depth - 1] as string, inode);
    });
    return { inodes, data: this.dataOf(names, inodes, options) };
  }

  private root(): Inode {
    const inode = inodeOf(this.read('resolve', () => this.sql.get<InodeRow>(INODE_BY_ID, ROOT_INODE)) as InodeRow);
    this.cache.keepInode(inode);
    return inode;
  }

  private dataOf(names: readonly string[], inodes: readonly Inode[], options?: { data?: boolean }): Buffer | null {
    const content = options?.data && inodes.length === names.length + 1 ? inodes[inodes.length - 1]?.content : undefined;
    return content?.inline ? (this.inline(content.id) ?? null) : null;
  }

  private inline(content: ContentId): Buffer | undefined {
    const cached = this.cache.dataOf(content);
    if (cached) return cached;
    const row = this.read('read_inline', () =>
      this.sql.get<{ data: Buffer | null }>('SELECT data FROM content WHERE id = ?', content),
    );
    if (!row?.data) return undefined;
    this.cache.keepData(content, row.data);
    return row.data;
  }

  private keepData(inode: Inode, content: NewContent | SharedContent): Inode {
    if (inode.content && 'data' in content && content.data) this.cache.keepData(inode.content.id, content.data);
    return inode;
  }

  private async change<T>(operation: string, ...parameters: readonly unknown[]): Promise<T> {
    const begin = performance.now();
    try {
      return await this.writer.run<T>(operation, ...parameters);
    } finally {
      this.observe(operation, (performance.now() - begin) / 1000);
    }
  }

  private read<T>(operation: string, work: () => T): T {
    const begin = performance.now();
    try {
      return work();
    } catch (error) {
      throw metadataError(error);
    } finally {
      this.observe(operation, (performance.now() - begin) / 1000);
    }
  }
}

/** A message to another thread carries all of the memory that a buffer is a part of: small ones get memory of their own. */
function exact<T extends NewContent | SharedContent>(content: T): T {
  if (!('data' in content) || !content.data || content.data.buffer.byteLength === content.data.length) return content;
  const data = Buffer.allocUnsafeSlow(content.data.length);
  content.data.copy(data);
  return { ...content, data };
}
