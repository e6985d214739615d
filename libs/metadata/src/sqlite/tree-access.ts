import {
  CallfsError,
  EXECUTE,
  mayAccess,
  READ,
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

interface ParentChildRow {
  readonly parent_mode: number;
  readonly parent_uid: number;
  readonly parent_gid: number;
  readonly child_uid: number;
}

const SUBTREE = `WITH RECURSIVE tree (id) AS (
    SELECT ?
    UNION ALL
    SELECT d.inode_id FROM tree JOIN dentry d ON d.parent_id = tree.id
  )`;

/**
 * Judges a whole tree inside the transaction, with the pure rules of `libs/core`. The rules depend on type, mode, owner
 * and group alone, of which a tree of any size has few combinations, so only those are judged one by one.
 */
export class TreeAccessRule {
  constructor(private readonly sql: Statements) {}

  /** `PERMISSION_DENIED`. */
  require(root: InodeId, { caller, action }: TreeAccess): void {
    if (action === 'copy') {
      const kinds = `${SUBTREE} SELECT DISTINCT i.type, i.mode, i.uid, i.gid FROM tree JOIN inode i ON i.id = tree.id`;
      for (const inode of this.sql.all<AttributesRow>(kinds, root)) {
        const wanted = inode.type === 'directory' ? READ | EXECUTE : inode.type === 'file' ? READ : 0;
        if (!mayAccess(caller, inode, wanted)) throw this.denied('copied', inode);
      }
      return;
    }
    const pairs = `${SUBTREE} SELECT DISTINCT p.mode AS parent_mode, p.uid AS parent_uid, p.gid AS parent_gid, i.uid AS child_uid
      FROM tree JOIN dentry d ON d.parent_id = tree.id JOIN inode p ON p.id = tree.id JOIN inode i ON i.id = d.inode_id`;
    for (const row of this.sql.all<ParentChildRow>(pairs, root)) {
      const directory = { mode: row.parent_mode, uid: row.parent_uid, gid: row.parent_gid };
      const child = { mode: 0, uid: row.child_uid, gid: 0 };
      // rm -r reads a directory to know what to remove from it.
      const mayEmpty = mayAccess(caller, directory, READ | WRITE | EXECUTE);
      if (!mayEmpty || stickyForbids(caller, directory, child)) throw this.denied('removed', directory);
    }
  }

  private denied(what: string, { mode, uid, gid }: AccessAttributes): CallfsError {
    const text = mode.toString(8).padStart(4, '0');
    const message = `Nothing was ${what}: below the directory is something with mode ${text}, uid ${uid}, gid ${gid} that you may not have ${what}.`;
    return new CallfsError('PERMISSION_DENIED', message, { details: { mode: text, uid, gid } });
  }
}
