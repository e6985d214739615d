import { CallfsError, type Inode, type InodeId } from '@callfs/core';
import type { InodeTuple } from '../inode-row';
import type {
  AttributeChanges,
  CommitGuard,
  CopyAttributes,
  NewAttributes,
  NewContent,
  NewName,
  SharedContent,
  Target,
  TreeAccess,
} from '../metadata-store';
import type { Changed } from './changed';
import type { ContentRows } from './content-rows';
import type { FenceRows } from './fence-rows';
import { PathChecks } from './path-checks';
import { signReceipt } from './receipt';
import { INODE_BY_ID } from './sqlite-statements';
import type { Statements } from './statement-cache';
import type { Totals } from './totals';
import { copyRows } from './tree-copy';
import { TreeAccessRule } from './tree-access';

interface NewInode extends NewAttributes {
  readonly type: Inode['type'];
  readonly size: number;
  readonly nlink: number;
  readonly contentId: number | null;
  readonly contentType: string | null;
  readonly target: string | null;
}

const INSERT_INODE = `INSERT INTO inode
  (type, mode, uid, gid, size, nlink, atime_ns, mtime_ns, ctime_ns, version, content_id, content_type, symlink_target)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)`;
const TOUCH = `UPDATE inode SET mtime_ns = ?, ctime_ns = ?, nlink = nlink + ?, version = version + 1 WHERE id = ?
  RETURNING version, nlink`;
const DIRECTORY = { type: 'directory', size: 0, nlink: 2, contentId: null, contentType: null, target: null } as const;

/**
 * The changes of the tree as `MetadataStore` describes them, each run inside a savepoint of the writer's transaction. Inodes
 * stay the rows that they were read as: between threads, objects with names for everything cost several times as much.
 */
export class TreeTransactions {
  private readonly checks: PathChecks;
  private readonly access: TreeAccessRule;
  /** The time of the operation under way; one for all of its rows. */
  private now = 0n;

  constructor(
    private readonly sql: Statements,
    private readonly contents: ContentRows,
    private readonly fences: FenceRows,
    private readonly totals: Totals,
  ) {
    this.checks = new PathChecks(sql);
    this.access = new TreeAccessRule(sql);
  }

  createFile(
    changed: Changed,
    at: NewName,
    attributes: NewAttributes,
    content: NewContent | SharedContent,
    contentType: string | null,
    guard?: CommitGuard,
  ): InodeTuple {
    const parent = this.begin(changed, at, guard);
    const { id: contentId, size } = this.contents.reference(content);
    const id = this.insert({ ...attributes, type: 'file', size, nlink: 1, contentId, contentType, target: null });
    return this.link(changed, parent, at.name, id);
  }

  createDirectory(changed: Changed, at: NewName, attributes: NewAttributes, guard?: CommitGuard): InodeTuple {
    const parent = this.begin(changed, at, guard);
    return this.link(changed, parent, at.name, this.insert({ ...attributes, ...DIRECTORY }), 1);
  }

  createSymlink(changed: Changed, at: NewName, attributes: NewAttributes, target: string, guard?: CommitGuard): InodeTuple {
    const parent = this.begin(changed, at, guard);
    const size = Buffer.byteLength(target);
    const id = this.insert({ ...attributes, type: 'symlink', size, nlink: 1, contentId: null, contentType: null, target });
    return this.link(changed, parent, at.name, id);
  }

  replaceContent(
    changed: Changed,
    target: Target,
    content: NewContent | SharedContent,
    changes: AttributeChanges,
    guard?: CommitGuard,
  ): InodeTuple {
    this.start(guard);
    const { id, content_id: old } = this.checks.target(target);
    if (old === null) throw new CallfsError('INVALID_REQUEST', 'Only a file has content that can be replaced.');
    const { id: contentId, size } = this.contents.reference(content);
    this.sql.run('UPDATE inode SET content_id = ?, size = ? WHERE id = ?', contentId, size, id);
    this.contents.release(changed, old);
    return this.update(changed, id, { mtimeNs: this.now, ...changes });
  }

  setAttributes(changed: Changed, target: Target, changes: AttributeChanges, guard?: CommitGuard): InodeTuple {
    this.start(guard);
    return this.update(changed, this.checks.target(target).id, changes);
  }

  remove(changed: Changed, target: Target, guard?: CommitGuard): void {
    this.start(guard);
    const { id, parent, name, type, content_id: content } = this.checks.named(target);
    if (type === 'directory') this.checks.mustBeEmpty(id);
    this.unlink(changed, parent, name, type === 'directory' ? -1 : 0);
    this.delete(changed, id, type, content);
  }

  removeTree(changed: Changed, target: Target, access: TreeAccess | null, guard?: CommitGuard): void {
    this.start(guard);
    const { id, parent, name, type } = this.checks.named(target);
    mustBeDirectory(type);
    if (access) this.access.require(id, access);
    this.unlink(changed, parent, name, -1);
    this.sql.run('INSERT INTO detached (inode_id) VALUES (?)', id);
  }

  move(
    changed: Changed,
    source: Target,
    to: NewName,
    replaced: { id: InodeId; version: number } | null,
    guard?: CommitGuard,
  ): InodeTuple {
    this.start(guard);
    const { id, parent, name, type } = this.checks.named(source);
    if (replaced?.id === id && to.name === name && to.missing.length === 0) return this.read(id);
    if (to.directory.steps.some((step) => step.id === id))
      throw new CallfsError('INVALID_REQUEST', 'A directory cannot be moved into itself.');
    const directory = this.place(changed, to, replaced);
    const links = type === 'directory' ? 1 : 0;
    this.sql.run('DELETE FROM dentry WHERE parent_id = ? AND name = ?', parent, name);
    this.sql.run('INSERT INTO dentry (parent_id, name, inode_id) VALUES (?, ?, ?)', directory, to.name, id);
    changed.add(['name', parent, name]);
    changed.add(['name', directory, to.name]);
    this.touch(changed, parent, parent === directory ? 0 : -links);
    if (parent !== directory) this.touch(changed, directory, links);
    return this.update(changed, id, {});
  }

  copyTree(
    changed: Changed,
    source: Target,
    to: NewName,
    attributes: CopyAttributes,
    access: TreeAccess | null,
    guard?: CommitGuard,
  ): InodeTuple {
    this.start(guard);
    const { id, type } = this.checks.target(source);
    mustBeDirectory(type);
    if (access) this.access.require(id, access);
    if (to.directory.steps.some((step) => step.id === id))
      throw new CallfsError('INVALID_REQUEST', 'A directory cannot be copied into itself.');
    const parent = this.begin(changed, to, undefined);
    return this.link(changed, parent, to.name, copyRows(this.sql, this.totals, id, attributes, this.now), 1);
  }

  /** Deletes rows of removed trees, deepest last: a directory goes once it is empty. */
  reap(changed: Changed, limit: number): number {
    let left = limit;
    while (left > 0) {
      const tree = this.sql.get<{ id: InodeId; type: string; content_id: number | null }>(
        'SELECT i.id, i.type, i.content_id FROM detached t JOIN inode i ON i.id = t.inode_id ORDER BY t.inode_id DESC LIMIT 1',
      );
      if (!tree) break;
      const children = this.sql.all<{ name: string; id: InodeId; type: Inode['type']; content_id: number | null }>(
        'SELECT d.name, i.id, i.type, i.content_id FROM dentry d JOIN inode i ON i.id = d.inode_id WHERE d.parent_id = ? LIMIT ?',
        tree.id,
        left,
      );
      for (const child of children) {
        this.sql.run('DELETE FROM dentry WHERE parent_id = ? AND name = ?', tree.id, child.name);
        if (child.type === 'directory') this.sql.run('INSERT INTO detached (inode_id) VALUES (?)', child.id);
        else this.delete(changed, child.id, child.type, child.content_id);
      }
      left -= children.length;
      if (left <= 0) break;
      this.sql.run('DELETE FROM detached WHERE inode_id = ?', tree.id);
      this.delete(changed, tree.id, tree.type, tree.content_id);
      left--;
    }
    return limit - left;
  }

  protected start(guard: CommitGuard | undefined): void {
    this.now = BigInt(Date.now()) * 1_000_000n;
    if (!guard) return;
    this.fences.check(guard);
    if (guard.receipt) signReceipt(this.sql, guard.receipt);
  }

  /** Judges where a new name is to stand and makes the missing directories; the directory it will be in. */
  private begin(changed: Changed, at: NewName, guard: CommitGuard | undefined): InodeId {
    this.start(guard);
    return this.makeMissing(changed, at, this.checks.directoryOf(at));
  }

  private makeMissing(changed: Changed, { missing }: NewName, directory: InodeId): InodeId {
    let parent = directory;
    for (const { name, ...attributes } of missing)
      parent = this.link(changed, parent, name, this.insert({ ...attributes, ...DIRECTORY }), 1)[0];
    return parent;
  }

  /** The directory that an existing inode moves into, with what stood at the new name taken away. */
  private place(changed: Changed, to: NewName, replaced: { id: InodeId; version: number } | null): InodeId {
    if (!replaced || to.missing.length > 0) return this.makeMissing(changed, to, this.checks.directoryOf(to));
    const { id: directory } = this.checks.path(to.directory);
    const there = this.sql.get<{ id: InodeId; type: string; version: number; content_id: number | null }>(
      'SELECT i.id, i.type, i.version, i.content_id FROM dentry d JOIN inode i ON i.id = d.inode_id WHERE d.parent_id = ? AND d.name = ?',
      directory,
      to.name,
    );
    if (there?.id !== replaced.id || there.version !== replaced.version)
      throw new CallfsError('CONFLICT', 'The destination has changed.');
    if (there.type === 'directory') this.checks.mustBeEmpty(there.id);
    this.unlink(changed, directory, to.name, there.type === 'directory' ? -1 : 0);
    this.delete(changed, there.id, there.type, there.content_id);
    return directory;
  }

  private insert(inode: NewInode): InodeId {
    const { type, mode, uid, gid, size, nlink, contentId, contentType, target } = inode;
    const { atimeNs = this.now, mtimeNs = this.now } = inode;
    const { lastInsertRowid } = this.sql.run(
      INSERT_INODE,
      type,
      mode,
      uid,
      gid,
      size,
      nlink,
      atimeNs,
      mtimeNs,
      this.now,
      contentId,
      contentType,
      target,
    );
    this.totals.add(type === 'directory' ? 'directories' : 'files', 1);
    return Number(lastInsertRowid);
  }

  /** Gives an inode its name; `links` is what the directory's link count grows by. */
  private link(changed: Changed, parent: InodeId, name: string, id: InodeId, links = 0): InodeTuple {
    this.sql.run('INSERT INTO dentry (parent_id, name, inode_id) VALUES (?, ?, ?)', parent, name, id);
    changed.add(['name', parent, name]);
    this.touch(changed, parent, links);
    return this.read(id);
  }

  private unlink(changed: Changed, parent: InodeId, name: string, links: number): void {
    this.sql.run('DELETE FROM dentry WHERE parent_id = ? AND name = ?', parent, name);
    changed.add(['name', parent, name]);
    this.touch(changed, parent, links);
  }

  private delete(changed: Changed, id: InodeId, type: string, content: number | null): void {
    this.sql.run('DELETE FROM inode WHERE id = ?', id);
    if (content !== null) this.contents.release(changed, content);
    this.totals.add(type === 'directory' ? 'directories' : 'files', -1);
    changed.add(['gone', id]);
  }

  /** A directory's names have changed. */
  private touch(changed: Changed, id: InodeId, links: number): void {
    const { now } = this;
    const row = this.sql.get<{ version: number; nlink: number }>(TOUCH, now, now, links, id);
    if (row) changed.add(['touched', id, row.version, row.nlink, now]);
  }

  private update(changed: Changed, id: InodeId, changes: AttributeChanges): InodeTuple {
    const { mode = null, uid = null, gid = null, atimeNs = null, mtimeNs = null, contentType } = changes;
    this.sql.run(
      `UPDATE inode SET mode = coalesce(?, mode), uid = coalesce(?, uid), gid = coalesce(?, gid),
       atime_ns = coalesce(?, atime_ns), mtime_ns = coalesce(?, mtime_ns), ctime_ns = ?, version = version + 1 WHERE id = ?`,
      mode,
      uid,
      gid,
      atimeNs,
      mtimeNs,
      this.now,
      id,
    );
    if (contentType !== undefined) this.sql.run('UPDATE inode SET content_type = ? WHERE id = ?', contentType, id);
    const inode = this.read(id);
    changed.add(['inode', inode]);
    return inode;
  }

  private read(id: InodeId): InodeTuple {
    return this.sql.tuples<InodeTuple>(INODE_BY_ID, id)[0] as InodeTuple;
  }
}

function mustBeDirectory(type: string): void {
  if (type !== 'directory') throw new CallfsError('INVALID_REQUEST', 'Only a directory is taken with everything below it.');
}
