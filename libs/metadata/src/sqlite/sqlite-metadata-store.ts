import type Database from 'better-sqlite3';
import type { DataSource } from 'typeorm';
import {
  CallfsError,
  type Content,
  type ContentId,
  type DirectoryEntry,
  type EpochNs,
  type Inode,
  type InodeId,
  type Replica,
} from '@callfs/core';
import {
  MetadataStore,
  type AttributeChanges,
  type CommitGuard,
  type CondemnOptions,
  type ContentsQuery,
  type CopyAttributes,
  type ListQuery,
  type MetadataStatistics,
  type NewAttributes,
  type NewContent,
  type NewName,
  type QueryObserver,
  type ReplicaChange,
  type Resolution,
  type SharedContent,
  type Target,
  type TreeAccess,
} from '../metadata-store';
import { contentOf, inodeOfTuple, type ContentRow, type InodeTuple } from '../inode-row';
import { KEY_HOLDERS, nodesIn } from '../key-holders';
import type { TableStatement } from '../metadata-tables';
import type { Principal, PrincipalRequest } from '../principal';
import type { ContentPath, MetadataFault, RepairOutcome, VerifyOptions } from '../verification/metadata-fault';
import type { DatabaseClaim } from './database-claim';
import { Fences } from './fences';
import { readPage } from './list-statement';
import type { Lister } from './lister';
import { PathWalk } from './path-walk';
import { metadataError } from './sqlite-errors';
import { CONTENTS } from './sqlite-statements';
import { runTableStatement, SqliteTables } from './sqlite-tables';
import { Statements } from './statement-cache';
import type { TreeCache } from './tree-cache';
import type { Verifier } from './verifier';
import type { WriterClient } from './writer-client';

/** A page of this many names is read at once; a longer one in a thread of its own. */
const SHORT_PAGE = 1000;

/**
 * The tree in an SQLite file that this process owns. Reads run here, synchronously, from the cache or the file; changes
 * go to the writer thread. It is longer than most files because the contract is: each method is one line of substance.
 */
export class SqliteMetadataStore extends MetadataStore {
  override readonly name = 'sqlite';
  override readonly tables: SqliteTables;
  private readonly sql: Statements;
  private readonly walk: PathWalk;
  private readonly fences: Fences;
  private closed: Promise<void> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    database: Database.Database,
    private readonly writer: WriterClient,
    private readonly lister: Lister,
    private readonly verifier: Verifier,
    private readonly cache: TreeCache,
    private readonly claim: DatabaseClaim,
    private readonly observe: QueryObserver = () => undefined,
  ) {
    super();
    this.sql = new Statements(database);
    this.walk = new PathWalk(this.sql, cache, (work) => this.read('resolve', work));
    this.tables = new SqliteTables(
      <R>(operation: string, statement: TableStatement) =>
        this.read(operation, () => runTableStatement(this.sql, statement) as R[]),
      (operation, statements, blobs) => this.timed(operation, () => this.writer.run<unknown[][]>('tables', statements, blobs)),
    );
    this.fences = new Fences((count) => this.change<number>('reserveFences', count));
  }

  /** Transactions so far; group commit makes them fewer than the changes. */
  get commits(): number {
    return this.writer.commits;
  }

  override async resolve(names: readonly string[], options?: { data?: boolean }): Promise<Resolution> {
    if (this.closed) throw closedStore();
    return this.walk.resolve(names, options?.data === true);
  }

  override resolveNow(names: readonly string[], options?: { data?: boolean }): Resolution | undefined {
    return this.closed ? undefined : this.walk.resolveNow(names, options?.data === true);
  }

  override async readInline(content: ContentId): Promise<Buffer> {
    const data = this.walk.inline(content);
    if (data) return data;
    throw new CallfsError('FILE_NOT_FOUND', 'The content has been replaced or removed; read the file again.');
  }

  override async list(query: ListQuery): Promise<DirectoryEntry[]> {
    const short = query.sort === 'name' && query.type === undefined && query.limit <= SHORT_PAGE;
    if (short) return this.read('list', () => readPage(this.sql, query));
    return this.timed('list', () => this.lister.list(query));
  }

  override async createFile(
    at: NewName,
    attributes: NewAttributes,
    content: NewContent | SharedContent,
    contentType: string | null,
    guard?: CommitGuard,
  ): Promise<Inode> {
    const own = ownBytes(content);
    return this.keepData(await this.changed('createFile', at, attributes, own, contentType, guard), own);
  }

  override createDirectory(at: NewName, attributes: NewAttributes, guard?: CommitGuard): Promise<Inode> {
    return this.changed('createDirectory', at, attributes, guard);
  }

  override createSymlink(at: NewName, attributes: NewAttributes, target: string, guard?: CommitGuard): Promise<Inode> {
    return this.changed('createSymlink', at, attributes, target, guard);
  }

  override async replaceContent(
    target: Target,
    content: NewContent | SharedContent,
    changes: AttributeChanges,
    guard?: CommitGuard,
  ): Promise<Inode> {
    const own = ownBytes(content);
    return this.keepData(await this.changed('replaceContent', target, own, changes, guard), own);
  }

  override setAttributes(target: Target, changes: AttributeChanges, guard?: CommitGuard): Promise<Inode> {
    return this.changed('setAttributes', target, changes, guard);
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
    return this.changed('move', source, to, replaced, guard);
  }

  override copyTree(
    source: Target,
    to: NewName,
    attributes: CopyAttributes,
    access: TreeAccess | null,
    guard?: CommitGuard,
  ): Promise<Inode> {
    return this.changed('copyTree', source, to, attributes, access, guard);
  }

  override nextFence(): Promise<number> {
    return this.fences.next();
  }

  override async raiseFence(lockNames: readonly string[]): Promise<void> {
    await this.change('raiseFence', lockNames, await this.fences.next());
  }

  override reap(limit: number): Promise<number> {
    return this.change('reap', limit);
  }

  override async collectable(now: EpochNs, limit: number, instanceIds: readonly string[]): Promise<Replica[]> {
    const due = `SELECT backend, instance_id AS instanceId, key FROM collect c
      WHERE instance_id IN (SELECT value FROM json_each(?)) AND not_before <= ?
      AND NOT EXISTS (SELECT 1 FROM replica r WHERE r.backend = c.backend AND r.instance_id = c.instance_id AND r.key = c.key)
      ORDER BY not_before, key LIMIT ?`;
    return this.read('collectable', () => this.sql.all<Replica>(due, JSON.stringify(instanceIds), now, limit));
  }

  override condemn(blobs: readonly Replica[], options?: CondemnOptions): Promise<Replica[]> {
    return this.change('condemn', blobs, options);
  }

  override forget(blobs: readonly Replica[]): Promise<void> {
    return this.change('forget', blobs);
  }

  override changeReplicas(content: ContentId, change: ReplicaChange, guard?: CommitGuard): Promise<void> {
    return this.change('changeReplicas', content, change, guard);
  }

  override async contents({ after, limit, fewerReplicasThan }: ContentsQuery): Promise<Content[]> {
    const fewer = fewerReplicasThan ?? null;
    const rows = this.read('contents', () => this.sql.all<ContentRow>(CONTENTS, after, fewer, fewer, limit));
    return rows.map((row) => contentOf(row, row.content_id));
  }

  override async knownKeys(backend: string, instanceId: string, keys: readonly string[]): Promise<Set<string>> {
    const known = (table: string) =>
      `SELECT key FROM ${table} WHERE backend = ? AND instance_id = ? AND key IN (SELECT value FROM json_each(?))`;
    const place = [backend, instanceId, JSON.stringify(keys)];
    const tables = [...KEY_HOLDERS, 'collect'];
    const rows = this.read('known_keys', () => tables.flatMap((table) => this.sql.all<{ key: string }>(known(table), ...place)));
    return new Set(rows.map(({ key }) => key));
  }

  override async heldKeys(backend: string, keys: readonly string[]): Promise<Replica[]> {
    const held = KEY_HOLDERS.map(
      (table) => `SELECT h.backend, h.instance_id AS instanceId, h.key FROM ${nodesIn(table, '@backend')} n
        CROSS JOIN ${table} h ON h.backend = @backend AND h.instance_id = n.name AND h.key IN (SELECT value FROM json_each(@keys))`,
    );
    const asked = { backend, keys: JSON.stringify(keys) };
    return this.read('held_keys', () => this.sql.all<Replica>(held.join(' UNION '), asked));
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

  override verify(options: VerifyOptions = {}): AsyncIterable<MetadataFault> {
    if (this.closed) throw closedStore();
    return this.verifier.verify(options);
  }

  override repair(fault: MetadataFault): Promise<RepairOutcome> {
    return this.change('repair', fault);
  }

  override pathsOf(contents: readonly ContentId[]): Promise<ContentPath[]> {
    return this.timed('pathsOf', () => this.verifier.paths(contents));
  }

  override async ping(): Promise<void> {
    this.read('ping', () => this.sql.get('SELECT 1'));
    await this.writer.run('ping');
  }

  override close(): Promise<void> {
    return (this.closed ??= this.letGo());
  }

  private async letGo(): Promise<void> {
    await Promise.all([this.writer.close(), this.lister.close(), this.verifier.close()]);
    await this.dataSource.destroy();
    this.claim.release();
  }

  private keepData(inode: Inode, content: NewContent | SharedContent): Inode {
    if (inode.content && 'data' in content && content.data) this.cache.keepData(inode.content.id, content.data);
    return inode;
  }

  private change<T>(operation: string, ...parameters: readonly unknown[]): Promise<T> {
    return this.timed(operation, () => this.writer.run<T>(operation, ...parameters));
  }

  /** For what answers with an inode. */
  private async changed(operation: string, ...parameters: readonly unknown[]): Promise<Inode> {
    return inodeOfTuple(await this.change<InodeTuple>(operation, ...parameters));
  }

  private async timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    try {
      return await work();
    } finally {
      this.observe(operation, (performance.now() - begin) / 1000);
    }
  }

  private read<T>(operation: string, work: () => T): T {
    if (this.closed) throw closedStore();
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

function closedStore(): CallfsError {
  return new CallfsError('METADATA_UNAVAILABLE', 'The metadata store is closed.');
}

/** A copy: the caller may use its memory again, and neither a message nor the cache is to carry the slab it is cut from. */
function ownBytes<T extends NewContent | SharedContent>(content: T): T {
  if (!('data' in content) || !content.data) return content;
  const data = Buffer.allocUnsafeSlow(content.data.length);
  content.data.copy(data);
  return { ...content, data };
}
