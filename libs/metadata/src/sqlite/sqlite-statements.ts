/** What `InodeRow` needs, from `inode i LEFT JOIN content c`. */
export const INODE_COLUMNS = `i.id, i.type, i.mode, i.uid, i.gid, i.size, i.nlink,
  CAST(i.atime_ns AS TEXT) AS atime, CAST(i.mtime_ns AS TEXT) AS mtime, CAST(i.ctime_ns AS TEXT) AS ctime,
  i.version, i.content_type, i.symlink_target, i.content_id, c.kind, c.sha256, c.backend, c.instance_id,
  CASE WHEN c.kind = 'blob' THEN (
    SELECT json_group_array(json_array(r.backend, r.instance_id, r.key)) FROM replica r WHERE r.content_id = c.id
  ) END AS replicas`;

export const INODE_SOURCE = 'inode i LEFT JOIN content c ON c.id = i.content_id';

export const INODE_BY_ID = `SELECT ${INODE_COLUMNS} FROM ${INODE_SOURCE} WHERE i.id = ?`;

/** The inodes that a path leads to, `/` first: parameters are the names as a JSON array and how many there are. */
export const RESOLVE = `WITH RECURSIVE walk (depth, id) AS (
    SELECT 0, 1
    UNION ALL
    SELECT walk.depth + 1, d.inode_id FROM walk
    JOIN dentry d ON d.parent_id = walk.id AND d.name = json_extract(?, '$[' || walk.depth || ']')
    WHERE walk.depth < ?
  )
  SELECT ${INODE_COLUMNS} FROM walk CROSS JOIN inode i ON i.id = walk.id LEFT JOIN content c ON c.id = i.content_id ORDER BY walk.depth`;
