import {
  CallfsError,
  EXECUTE,
  mayAccess,
  READ,
  STICKY,
  stickyForbids,
  WRITE,
  type AccessAttributes,
  type FileType,
  type InodeId,
} from '@callfs/core';
import type { TreeAccess } from '../metadata-store';
import type { Statements } from './statement-cache';

interface AttributesRow extends AccessAttributes {
  readonly type: FileType;
}

interface StickyRow extends AccessAttributes {
  readonly child_uid: number;
}

interface PathRow extends AccessAttributes {
  readonly path: string;
}

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

/**
 * Judges a whole tree inside the transaction, with the pure rules of `libs/core`. The rules depend on type, mode, owner
 * and group alone, of which a tree of any size has few combinations, so only those are judged one by one. Only a
 * refusal looks for the path of one that is to blame.
 */
export class TreeAccessRule {
  constructor(private readonly sql: Statements) {}

  /** `PERMISSION_DENIED`, with the path below `root` of what does not allow it. */
  require(root: InodeId, { caller, action }: TreeAccess): void {
    if (action === 'copy') {
      for (const inode of this.sql.all<AttributesRow>(ALL, root)) {
        if (!mayAccess(caller, inode, inode.type === 'directory' ? READ | EXECUTE : READ))
          throw this.denied(root, 'copied', inode);
      }
      return;
    }
    for (const directory of this.sql.all<AttributesRow>(HOLDING, root)) {
      // rm -r reads a directory to know what to remove from it.
      if (!mayAccess(caller, directory, READ | WRITE | EXECUTE)) throw this.denied(root, 'removed', directory);
    }
    for (const row of this.sql.all<StickyRow>(STICKY_CHILDREN, root)) {
      const child = { mode: 0, uid: row.child_uid, gid: 0 };
      if (stickyForbids(caller, row, child)) throw this.denied(root, 'removed', { ...row, type: 'directory' }, row.child_uid);
    }
  }

  private denied(root: InodeId, what: 'copied' | 'removed', found: AttributesRow, childUid?: number): CallfsError {
    const { path, mode, uid, gid } = this.find(root, what, found, childUid);
    const text = mode.toString(8).padStart(4, '0');
    const where = path === '' ? 'The directory' : `"${path}" in the directory`;
    return new CallfsError(
      'PERMISSION_DENIED',
      `Nothing was ${what}: ${where} has mode ${text}, uid ${uid} and gid ${gid}, so you may not have it ${what}.`,
      { details: { path, mode: text, uid, gid } },
    );
  }

  /** One inode of the tree with these attributes (that holds something, of this owner), and the names that lead to it. */
  private find(root: InodeId, what: string, { type, mode, uid, gid }: AttributesRow, childUid?: number): PathRow {
    const child = childUid === undefined ? '' : 'JOIN inode c ON c.id = h.inode_id AND c.uid = ?';
    const holds = what === 'removed' ? `AND EXISTS (SELECT 1 FROM dentry h ${child} WHERE h.parent_id = i.id)` : '';
    const row = this.sql.get<PathRow>(
      `WITH RECURSIVE tree (id, path) AS (
         SELECT ?, ''
         UNION ALL
         SELECT d.inode_id, iif(tree.path = '', d.name, tree.path || '/' || d.name)
         FROM tree CROSS JOIN dentry d ON d.parent_id = tree.id
       )
       SELECT tree.path, i.mode, i.uid, i.gid FROM tree CROSS JOIN inode i ON i.id = tree.id
       WHERE i.type = ? AND i.mode = ? AND i.uid = ? AND i.gid = ? ${holds} LIMIT 1`,
      ...[root, type, mode, uid, gid, ...(childUid === undefined ? [] : [childUid])],
    );
    return row ?? { path: '', mode, uid, gid };
  }
}
