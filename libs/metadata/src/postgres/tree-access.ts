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
import type { TransactionClient } from './sessions';

interface AttributesRow extends AccessAttributes {
  readonly type: FileType;
}

/** The directories of the tree. One without subdirectories (`nlink` 2) is not searched for any. */
const DIRECTORIES = `WITH RECURSIVE dir (id, nlink) AS (
    SELECT id, nlink FROM inode WHERE id = $1
    UNION ALL
    SELECT i.id, i.nlink FROM dir JOIN dentry d ON d.parent_id = dir.id JOIN inode i ON i.id = d.inode_id
    WHERE dir.nlink > 2 AND i.type = 'directory'
  )`;

const HOLDING = `${DIRECTORIES} SELECT DISTINCT i.type, i.mode, i.uid, i.gid FROM dir JOIN inode i ON i.id = dir.id
  WHERE EXISTS (SELECT 1 FROM dentry d WHERE d.parent_id = dir.id)`;

const STICKY_CHILDREN = `${DIRECTORIES} SELECT DISTINCT p.mode, p.uid, p.gid, i.uid AS child_uid
  FROM dir JOIN inode p ON p.id = dir.id AND p.mode & ${STICKY} <> 0
  JOIN dentry d ON d.parent_id = p.id JOIN inode i ON i.id = d.inode_id`;

const ALL = `${DIRECTORIES} SELECT i.type, i.mode, i.uid, i.gid FROM dir JOIN inode i ON i.id = dir.id
  UNION SELECT i.type, i.mode, i.uid, i.gid
  FROM dir JOIN dentry d ON d.parent_id = dir.id JOIN inode i ON i.id = d.inode_id WHERE i.type = 'file'`;

/** The rule of `sqlite/tree-access.ts`: judged is each combination of attributes, of which a tree of any size has few. */
export async function requireTreeAccess(client: TransactionClient, root: InodeId, { caller, action }: TreeAccess): Promise<void> {
  if (action === 'copy') {
    for (const inode of await client.rows<AttributesRow>(ALL, root))
      if (!mayAccess(caller, inode, inode.type === 'directory' ? READ | EXECUTE : READ))
        throw await denied(client, root, 'copied', inode);
    return;
  }
  for (const directory of await client.rows<AttributesRow>(HOLDING, root))
    if (!mayAccess(caller, directory, READ | WRITE | EXECUTE)) throw await denied(client, root, 'removed', directory);
  for (const row of await client.rows<AccessAttributes & { child_uid: number }>(STICKY_CHILDREN, root))
    if (stickyForbids(caller, row, { mode: 0, uid: row.child_uid, gid: 0 }))
      throw await denied(client, root, 'removed', { ...row, type: 'directory' }, row.child_uid);
}

/** Names one inode of the tree with these attributes (that holds something, of this owner). */
async function denied(
  client: TransactionClient,
  root: InodeId,
  what: 'copied' | 'removed',
  found: AttributesRow,
  childUid?: number,
): Promise<CallfsError> {
  const child = childUid === undefined ? '' : 'JOIN inode c ON c.id = h.inode_id AND c.uid = $6';
  const holds = what === 'removed' ? `AND EXISTS (SELECT 1 FROM dentry h ${child} WHERE h.parent_id = i.id)` : '';
  const [row] = await client.rows<{ path: string }>(
    `WITH RECURSIVE tree (id, path) AS (
       SELECT $1::bigint, ''::text COLLATE "C"
       UNION ALL
       SELECT d.inode_id, CASE WHEN tree.path = '' THEN d.name ELSE tree.path || '/' || d.name END FROM tree JOIN dentry d ON d.parent_id = tree.id
     )
     SELECT tree.path FROM tree JOIN inode i ON i.id = tree.id
     WHERE i.type = $2 AND i.mode = $3 AND i.uid = $4 AND i.gid = $5 ${holds} LIMIT 1`,
    ...[root, found.type, found.mode, found.uid, found.gid, ...(childUid === undefined ? [] : [childUid])],
  );
  const path = row?.path ?? '';
  const { uid, gid } = found;
  const mode = found.mode.toString(8).padStart(4, '0');
  const where = path === '' ? 'The directory' : `"${path}" in the directory`;
  const message = `Nothing was ${what}: ${where} has mode ${mode}, uid ${uid} and gid ${gid}, so you may not have it ${what}.`;
  return new CallfsError('PERMISSION_DENIED', message, { details: { path, mode, uid, gid } });
}
