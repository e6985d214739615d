import type { ListQuery } from '../metadata-store';
import type { Prepared } from './sessions';
import { INODE_COLUMNS } from './tree-functions';

/** What names lead to from the root, as far as they lead. Parameters: the names, how many, whether the last one's bytes are wanted. */
export const RESOLVE: Prepared = {
  name: 'callfs_resolve',
  text: `WITH RECURSIVE walk (depth, id) AS (
      SELECT 0, 1::bigint
      UNION ALL
      SELECT w.depth + 1, d.inode_id FROM walk w JOIN dentry d ON d.parent_id = w.id AND d.name = ($1::text[])[w.depth + 1] WHERE w.depth < $2
    )
    SELECT ${INODE_COLUMNS}, CASE WHEN $3 AND w.depth = $2 THEN c.data END AS data
    FROM walk w JOIN inode i ON i.id = w.id LEFT JOIN content c ON c.id = i.content_id ORDER BY w.depth`,
};

export const READ_INLINE: Prepared = { name: 'callfs_inline', text: 'SELECT data FROM content WHERE id = $1' };

/** A page of contents in blobs. Parameters: the number before, the bound for the count of blobs (null: none), the limit. */
export const CONTENTS: Prepared = {
  name: 'callfs_contents',
  text: `SELECT c.id AS content_id, c.kind, c.size, c.sha256, c.backend, c.instance_id, callfs_replicas(c.id) AS replicas
    FROM content c WHERE c.id > $1 AND c.kind = 'blob'
    AND ($2::bigint IS NULL OR (SELECT count(*) FROM replica r WHERE r.content_id = c.id) < $2) ORDER BY c.id LIMIT $3`,
};

export const COLLECTABLE: Prepared = {
  name: 'callfs_collectable',
  text: `SELECT backend, instance_id AS "instanceId", key FROM collect c WHERE instance_id = ANY ($1::text[]) AND not_before <= $2
    AND NOT EXISTS (SELECT 1 FROM replica r WHERE r.backend = c.backend AND r.instance_id = c.instance_id AND r.key = c.key)
    ORDER BY not_before, key LIMIT $3`,
};

const COLUMN = { name: 'd.name', size: 'i.size', mtime: 'i.mtime_ns' } as const;

/** One page. Names are unique in a directory, so they break every tie; `desc` is `asc` backwards. */
export function listStatement({ directory, sort, order, limit, after, type }: ListQuery): {
  statement: Prepared;
  values: unknown[];
} {
  const compare = order === 'asc' ? '>' : '<';
  const values: unknown[] = [directory, limit];
  const parameter = (value: unknown) => `$${values.push(value)}`;
  let where = 'd.parent_id = $1 AND NOT EXISTS (SELECT 1 FROM detached WHERE inode_id = $1)';
  if (after && sort === 'name') where += ` AND d.name ${compare} ${parameter(after.name)}`;
  else if (after)
    where += ` AND (${COLUMN[sort]}, d.name) ${compare} (${parameter(String(after.value ?? 0n))}::bigint, ${parameter(after.name)}::text COLLATE "C")`;
  if (type) where += ` AND i.type = ${parameter(type)}`;
  const by = sort === 'name' ? `d.name ${order}` : `${COLUMN[sort]} ${order}, d.name ${order}`;
  const text = `SELECT d.name AS name, ${INODE_COLUMNS}
    FROM dentry d JOIN inode i ON i.id = d.inode_id LEFT JOIN content c ON c.id = i.content_id
    WHERE ${where} ORDER BY ${by} LIMIT $2`;
  return {
    statement: { name: `callfs_list_${sort}_${order}_${after ? 'after' : 'first'}_${type ? 'type' : 'all'}`, text },
    values,
  };
}
