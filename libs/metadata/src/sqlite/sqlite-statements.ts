const REPLICAS = `(SELECT json_group_array(json_array(r.backend, r.instance_id, r.key)) FROM replica r WHERE r.content_id = c.id)`;

/** What `InodeRow` needs, from `inode i LEFT JOIN content c`. */
/** An `InodeTuple`. */
export const INODE_COLUMNS = `i.id, i.type, i.mode, i.uid, i.gid, i.size, i.nlink,
  CAST(i.atime_ns AS TEXT) AS atime, CAST(i.mtime_ns AS TEXT) AS mtime, CAST(i.ctime_ns AS TEXT) AS ctime,
  i.version, i.content_type, i.symlink_target, i.content_id, c.kind, c.sha256, c.backend, c.instance_id,
  CASE WHEN c.kind = 'blob' THEN ${REPLICAS} END AS replicas`;

/** A page of contents in blobs. Parameters: the number before, the bound for the count of blobs twice (null: none), the limit. */
export const CONTENTS = `SELECT c.id AS content_id, c.kind, c.size, c.sha256, c.backend, c.instance_id, ${REPLICAS} AS replicas
  FROM content c WHERE c.id > ? AND c.kind = 'blob'
  AND (? IS NULL OR (SELECT count(*) FROM replica r WHERE r.content_id = c.id) < ?) ORDER BY c.id LIMIT ?`;

export const INODE_SOURCE = 'inode i LEFT JOIN content c ON c.id = i.content_id';

export const INODE_BY_ID = `SELECT ${INODE_COLUMNS} FROM ${INODE_SOURCE} WHERE i.id = ?`;

/** What stands at a name of a directory; its bytes when they are inline and the first parameter is 1. */
export const RESOLVE_CHILD = `SELECT ${INODE_COLUMNS}, CASE WHEN ? THEN c.data END AS data
  FROM dentry d CROSS JOIN inode i ON i.id = d.inode_id LEFT JOIN content c ON c.id = i.content_id
  WHERE d.parent_id = ? AND d.name = ?`;

/**
 * What names lead to from a directory, as far as they lead, in any depth. Parameters: the directory, the names as a
 * JSON array, how many there are, 1 for the bytes of the last one, again how many.
 */
export const RESOLVE = `WITH RECURSIVE walk (depth, id) AS (
    SELECT 0, ?
    UNION ALL
    SELECT depth + 1, (SELECT inode_id FROM dentry WHERE parent_id = walk.id AND name = json_extract(?, '$[' || depth || ']'))
    FROM walk WHERE id IS NOT NULL AND depth < ?
  )
  SELECT ${INODE_COLUMNS}, CASE WHEN ? AND walk.depth = ? THEN c.data END AS data
  FROM walk CROSS JOIN inode i ON i.id = walk.id LEFT JOIN content c ON c.id = i.content_id
  WHERE walk.depth > 0 ORDER BY walk.depth`;
