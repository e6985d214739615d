import type { ListQuery } from '../metadata-store';
import type { Prepared } from './sessions';
import { INODE_COLUMNS } from './tree-functions';

/** Which transactions are over: while it is the same, so are all rows. */
export const SNAPSHOT: Prepared = { name: 'callfs_snapshot', text: 'SELECT pg_current_snapshot()::text AS at' };

const NO_INODE = 'NULL, '.repeat(19);

/**
 * What paths lead to from the root, as far as they lead. Parameters: the names of all of them, where each path begins among
 * these and how many it has, whether its last one's bytes are wanted. Each inode that is met comes once, then the numbers of
 * those on each path, and the snapshot of it all. It is planned without knowing how many there are, so each step is one
 * that looks up a row by its key.
 */
export const RESOLVE_MANY: Prepared = {
  name: 'callfs_resolve_many',
  text: `WITH RECURSIVE walk (path, depth, id) AS (
      SELECT n, 0, 1::bigint FROM generate_series(1, cardinality($2::int[])) n
      UNION ALL
      SELECT w.path, w.depth + 1, d.inode_id FROM walk w CROSS JOIN LATERAL (
        SELECT inode_id FROM dentry WHERE parent_id = w.id AND name = ($1::text[])[($2::int[])[w.path] + w.depth + 1] LIMIT 1
      ) d WHERE w.depth < ($3::int[])[w.path]
    ), met AS MATERIALIZED (
      SELECT id, bool_or(($4::bool[])[path] AND depth = ($3::int[])[path]) AS wants_data FROM walk GROUP BY id
    )
    SELECT NULL AS at, NULL::int AS path, NULL AS ids, ${INODE_COLUMNS}, CASE WHEN m.wants_data THEN c.data END AS data
    FROM met m CROSS JOIN LATERAL (SELECT * FROM inode WHERE id = m.id LIMIT 1) i
    LEFT JOIN LATERAL (SELECT * FROM content WHERE id = i.content_id LIMIT 1) c ON TRUE
    UNION ALL SELECT NULL, path, string_agg(id::text, ',' ORDER BY depth), ${NO_INODE} NULL FROM walk GROUP BY path
    UNION ALL SELECT pg_current_snapshot()::text, NULL, NULL, ${NO_INODE} NULL`,
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
