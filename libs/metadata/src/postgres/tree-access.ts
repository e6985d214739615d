import { STICKY, type Credentials, type InodeId } from '@callfs/core';
import {
  keptBySticky,
  notToBeCopied,
  notToBeEmptied,
  visibleRefusal,
  type AttributesRow,
  type StickyRow,
} from '../tree-judgement';
import type { TransactionClient } from './sessions';

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

/** Names that lead to one inode of the tree with these attributes. */
const PATH = `WITH RECURSIVE tree (id, path) AS (
    SELECT $1::bigint, ''::text COLLATE "C"
    UNION ALL
    SELECT d.inode_id, CASE WHEN tree.path = '' THEN d.name ELSE tree.path || '/' || d.name END FROM tree JOIN dentry d ON d.parent_id = tree.id
  )
  SELECT tree.path FROM tree JOIN inode i ON i.id = tree.id WHERE i.type = $2 AND i.mode = $3 AND i.uid = $4 AND i.gid = $5`;

const HOLDS_ANYTHING = 'EXISTS (SELECT 1 FROM dentry h WHERE h.parent_id = i.id)';
const HOLDS_OF = 'EXISTS (SELECT 1 FROM dentry h JOIN inode c ON c.id = h.inode_id WHERE h.parent_id = i.id AND c.uid = $6)';

/** The same in what `callfs_gather` has read. */
const GATHERED_PATH = `WITH RECURSIVE tree (id, path) AS (
    SELECT old_id, ''::text COLLATE "C" FROM callfs_gathered WHERE parent_id IS NULL
    UNION ALL
    SELECT g.old_id, CASE WHEN tree.path = '' THEN g.name ELSE tree.path || '/' || g.name END
    FROM tree JOIN callfs_gathered g ON g.parent_id = tree.id
  )
  SELECT tree.path FROM tree JOIN callfs_gathered g ON g.old_id = tree.id
  WHERE g.type = $1 AND g.mode = $2 AND g.uid = $3 AND g.gid = $4 LIMIT 1`;

const GATHERED_ROOT = 'SELECT old_id FROM callfs_gathered WHERE parent_id IS NULL';

const CHILD = `SELECT i.id, i.type, i.mode, i.uid, i.gid FROM dentry d JOIN inode i ON i.id = d.inode_id
  WHERE d.parent_id = $1 AND d.name = $2`;

/** `PERMISSION_DENIED`, with the path below `root` of what keeps the caller from removing the tree. */
export async function requireRemoval(client: TransactionClient, root: InodeId, caller: Credentials): Promise<void> {
  const directory = notToBeEmptied(caller, await client.rows<AttributesRow>(HOLDING, root));
  if (directory) throw await refusal(client, root, caller, directory, HOLDS_ANYTHING);
  const sticky = keptBySticky(caller, await client.rows<StickyRow>(STICKY_CHILDREN, root));
  if (sticky) throw await refusal(client, root, caller, { ...sticky, type: 'directory' }, HOLDS_OF, sticky.child_uid);
}

/** The same for copying what `callfs_gather` has read. */
export async function requireCopy(client: TransactionClient, caller: Credentials): Promise<void> {
  const sql = `SELECT DISTINCT type, mode, uid, gid FROM callfs_gathered WHERE type <> 'symlink'`;
  const inode = notToBeCopied(caller, await client.rows<AttributesRow>(sql));
  if (!inode) return;
  const { type, mode, uid, gid } = inode;
  const [row] = await client.rows<{ path: string }>(GATHERED_PATH, type, mode, uid, gid);
  const [{ old_id: root } = { old_id: 0 }] = await client.rows<{ old_id: InodeId }>(GATHERED_ROOT);
  const path = row?.path ?? '';
  throw visibleRefusal('copied', caller, path, await chainOf(client, root, path));
}

async function refusal(
  client: TransactionClient,
  root: InodeId,
  caller: Credentials,
  found: AttributesRow,
  condition: string,
  ...parameters: number[]
): Promise<Error> {
  const { type, mode, uid, gid } = found;
  const values = [root, type, mode, uid, gid, ...parameters];
  const [row] = await client.rows<{ path: string }>(`${PATH} AND ${condition} LIMIT 1`, ...values);
  const path = row?.path ?? '';
  return visibleRefusal('removed', caller, path, await chainOf(client, root, path));
}

async function chainOf(client: TransactionClient, root: InodeId, path: string): Promise<AttributesRow[]> {
  const chain: AttributesRow[] = [];
  let [next] = await client.rows<AttributesRow & { id: InodeId }>(
    'SELECT id, type, mode, uid, gid FROM inode WHERE id = $1',
    root,
  );
  for (const name of path === '' ? [] : path.split('/')) {
    if (!next) break;
    chain.push(next);
    [next] = await client.rows<AttributesRow & { id: InodeId }>(CHILD, next.id, name);
  }
  return next ? [...chain, next] : chain;
}
