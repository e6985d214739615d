import { STICKY, type CallfsError, type Credentials, type InodeId } from '@callfs/core';
import type { TreeAccess } from '../metadata-store';
import {
  keptBySticky,
  notToBeCopied,
  notToBeEmptied,
  visibleRefusal,
  type AttributesRow,
  type StickyRow,
} from '../tree-judgement';
import type { Statements } from './statement-cache';

/** The directories of the tree. One without subdirectories (`nlink` 2) is not searched for any. */
const DIRECTORIES = `WITH RECURSIVE dir (id, nlink) AS (
    SELECT id, nlink FROM inode WHERE id = ?
    UNION ALL
    SELECT i.id, i.nlink FROM dir CROSS JOIN dentry d ON d.parent_id = dir.id CROSS JOIN inode i ON i.id = d.inode_id
    WHERE dir.nlink > 2 AND i.type = 'directory'
  )`;

const HOLDING = `${DIRECTORIES} SELECT DISTINCT i.type, i.mode, i.uid, i.gid FROM dir CROSS JOIN inode i ON i.id = dir.id
  WHERE EXISTS (SELECT 1 FROM dentry d WHERE d.parent_id = dir.id)`;

const STICKY_CHILDREN = `${DIRECTORIES} SELECT DISTINCT p.mode, p.uid, p.gid, i.uid AS child_uid
  FROM dir CROSS JOIN inode p ON p.id = dir.id AND p.mode & ${STICKY}
  CROSS JOIN dentry d ON d.parent_id = p.id CROSS JOIN inode i ON i.id = d.inode_id`;

const ALL = `${DIRECTORIES} SELECT i.type, i.mode, i.uid, i.gid FROM dir CROSS JOIN inode i ON i.id = dir.id
  UNION SELECT i.type, i.mode, i.uid, i.gid
  FROM dir CROSS JOIN dentry d ON d.parent_id = dir.id CROSS JOIN inode i ON i.id = d.inode_id WHERE i.type = 'file'`;

const HOLDS_ANYTHING = 'AND EXISTS (SELECT 1 FROM dentry h WHERE h.parent_id = i.id)';
const HOLDS_OF = 'AND EXISTS (SELECT 1 FROM dentry h JOIN inode c ON c.id = h.inode_id WHERE h.parent_id = i.id AND c.uid = ?)';

const CHILD = `SELECT i.id, i.type, i.mode, i.uid, i.gid FROM dentry d JOIN inode i ON i.id = d.inode_id
  WHERE d.parent_id = ? AND d.name = ?`;

/** Judges a whole tree inside the transaction. Only a refusal looks for the path of one that is to blame. */
export class TreeAccessRule {
  constructor(private readonly sql: Statements) {}

  /** `PERMISSION_DENIED`, with the path below `root` of what does not allow it. */
  require(root: InodeId, { caller, action }: TreeAccess): void {
    if (action === 'copy') {
      const inode = notToBeCopied(caller, this.sql.all<AttributesRow>(ALL, root));
      if (inode) throw this.refusal('copied', root, caller, this.find(root, inode));
      return;
    }
    const directory = notToBeEmptied(caller, this.sql.all<AttributesRow>(HOLDING, root));
    if (directory) throw this.refusal('removed', root, caller, this.find(root, directory, HOLDS_ANYTHING));
    const sticky = keptBySticky(caller, this.sql.all<StickyRow>(STICKY_CHILDREN, root));
    if (sticky)
      throw this.refusal('removed', root, caller, this.find(root, { ...sticky, type: 'directory' }, HOLDS_OF, sticky.child_uid));
  }

  private refusal(what: 'copied' | 'removed', root: InodeId, caller: Credentials, path: string): CallfsError {
    const chain: (AttributesRow & { readonly id: number })[] = [];
    let next = this.sql.get<AttributesRow & { id: number }>('SELECT id, type, mode, uid, gid FROM inode WHERE id = ?', root);
    for (const name of path === '' ? [] : path.split('/')) {
      if (!next) break;
      chain.push(next);
      next = this.sql.get<AttributesRow & { id: number }>(CHILD, next.id, name);
    }
    if (next) chain.push(next);
    return visibleRefusal(what, caller, path, chain);
  }

  /** The names that lead to one inode of the tree with these attributes. */
  private find(root: InodeId, { type, mode, uid, gid }: AttributesRow, condition = '', ...parameters: number[]): string {
    const row = this.sql.get<{ path: string }>(
      `WITH RECURSIVE tree (id, path) AS (
         SELECT ?, ''
         UNION ALL
         SELECT d.inode_id, iif(tree.path = '', d.name, tree.path || '/' || d.name)
         FROM tree CROSS JOIN dentry d ON d.parent_id = tree.id
       )
       SELECT tree.path FROM tree CROSS JOIN inode i ON i.id = tree.id
       WHERE i.type = ? AND i.mode = ? AND i.uid = ? AND i.gid = ? ${condition} LIMIT 1`,
      ...[root, type, mode, uid, gid, ...parameters],
    );
    return row?.path ?? '';
  }
}
