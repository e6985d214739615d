import type { FaultKind, MetadataFault } from './metadata-fault';

/** A row of a check: the fields of a fault, numbers as the driver brings them. */
export type CheckRow = Readonly<Record<string, unknown>>;

/** A statement that both engines understand, whose every row is a fault. */
export interface Check {
  readonly kind: FaultKind;
  readonly sql: string;
}

const UNNAMED = `SELECT id FROM inode WHERE id <> 1 EXCEPT SELECT inode_id FROM dentry EXCEPT SELECT inode_id FROM detached`;

/** What each running total comes to. */
export const TOTALS = {
  files: `SELECT count(*) FROM inode WHERE type <> 'directory'`,
  directories: `SELECT count(*) FROM inode WHERE type = 'directory'`,
  inline_bytes: `SELECT coalesce(CAST(sum(size) AS BIGINT), 0) FROM content WHERE kind = 'inline'`,
  blob_bytes: `SELECT coalesce(CAST(sum(size) AS BIGINT), 0) FROM content WHERE kind = 'blob'`,
} as const;

/**
 * Each reads its tables once, or by key. Where a table has to be searched by a column without an index, sets are
 * subtracted (`EXCEPT`) or grouped, which both engines do by sorting, on the disk when it is much; SQLite would search
 * a table without rowids anew for each row of a join.
 */
export const CHECKS: readonly Check[] = [
  {
    kind: 'dangling_name',
    sql: `SELECT d.parent_id AS parent, d.name, d.inode_id AS inode
      FROM dentry d LEFT JOIN inode i ON i.id = d.inode_id WHERE i.id IS NULL`,
  },
  {
    kind: 'misplaced_name',
    sql: `SELECT d.parent_id AS parent, d.name, d.inode_id AS inode
      FROM dentry d JOIN inode i ON i.id = d.inode_id LEFT JOIN inode p ON p.id = d.parent_id
      WHERE p.id IS NULL OR p.type <> 'directory' OR d.inode_id = 1`,
  },
  {
    kind: 'named_twice',
    sql: `SELECT inode_id AS inode, count(*) AS found, 1 AS expected FROM dentry WHERE inode_id <> 1
      GROUP BY inode_id HAVING count(*) > 1`,
  },
  { kind: 'unnamed_inode', sql: `SELECT id AS inode FROM (${UNNAMED}) AS unnamed` },
  {
    kind: 'unreachable_directory',
    sql: `WITH RECURSIVE reached (id) AS (
        SELECT id FROM inode WHERE id = 1
        UNION SELECT inode_id FROM detached
        UNION SELECT id FROM (${UNNAMED}) AS unnamed
        UNION SELECT d.inode_id FROM reached r JOIN dentry d ON d.parent_id = r.id JOIN inode i ON i.id = d.inode_id
          WHERE i.type = 'directory'
      )
      SELECT id AS inode FROM inode WHERE type = 'directory' EXCEPT SELECT id FROM reached`,
  },
  {
    kind: 'wrong_link_count',
    sql: `SELECT i.id AS inode, i.nlink AS found, 2 + count(c.id) AS expected
      FROM inode i LEFT JOIN detached t ON t.inode_id = i.id
      LEFT JOIN dentry d ON d.parent_id = i.id LEFT JOIN inode c ON c.id = d.inode_id AND c.type = 'directory'
      WHERE i.type = 'directory' AND t.inode_id IS NULL GROUP BY i.id, i.nlink HAVING i.nlink <> 2 + count(c.id)`,
  },
  {
    kind: 'wrong_link_count',
    sql: `SELECT id AS inode, nlink AS found, 1 AS expected FROM inode WHERE type <> 'directory' AND nlink <> 1`,
  },
  {
    kind: 'missing_content',
    sql: `SELECT i.id AS inode, i.content_id AS content FROM inode i LEFT JOIN content c ON c.id = i.content_id
      WHERE i.type = 'file' AND c.id IS NULL`,
  },
  {
    kind: 'wrong_reference_count',
    sql: `SELECT c.id AS content, c.refs AS found, coalesce(u.n, 0) AS expected FROM content c LEFT JOIN (
        SELECT content_id, count(*) AS n FROM inode WHERE content_id IS NOT NULL GROUP BY content_id
      ) AS u ON u.content_id = c.id WHERE c.refs <> coalesce(u.n, 0) OR c.refs = 0`,
  },
  {
    kind: 'wrong_size',
    sql: `SELECT i.id AS inode, i.size AS found, c.size AS expected FROM inode i JOIN content c ON c.id = i.content_id
      WHERE i.size <> c.size`,
  },
  {
    kind: 'wrong_size',
    sql: `SELECT id AS inode, size AS found, octet_length(symlink_target) AS expected FROM inode
      WHERE type = 'symlink' AND size <> octet_length(symlink_target)`,
  },
  {
    kind: 'missing_blob',
    sql: `SELECT c.id AS content FROM content c
      WHERE c.kind = 'blob' AND NOT EXISTS (SELECT 1 FROM replica r WHERE r.content_id = c.id)`,
  },
  {
    kind: 'wrong_inline_size',
    sql: `SELECT id AS content, coalesce(octet_length(data), 0) AS found, size AS expected FROM content
      WHERE kind = 'inline' AND (data IS NULL OR octet_length(data) <> size)`,
  },
  {
    kind: 'stray_replica',
    sql: `SELECT r.content_id AS content, r.backend, r.instance_id, r.key FROM replica r LEFT JOIN content c ON c.id = r.content_id
      WHERE c.id IS NULL OR c.kind <> 'blob'`,
  },
  {
    kind: 'collected_in_use',
    sql: `SELECT r.content_id AS content, r.backend, r.instance_id, r.key FROM collect q
      JOIN replica r ON r.backend = q.backend AND r.instance_id = q.instance_id AND r.key = q.key`,
  },
  {
    kind: 'shared_key',
    sql: `SELECT backend, instance_id, key, count(*) AS found, 1 AS expected FROM replica
      GROUP BY backend, instance_id, key HAVING count(*) > 1`,
  },
  {
    kind: 'stray_removal',
    sql: `SELECT inode_id AS inode FROM (SELECT inode_id FROM detached EXCEPT SELECT id FROM inode) AS gone
      UNION SELECT inode_id FROM (SELECT inode_id FROM detached INTERSECT SELECT inode_id FROM dentry) AS named`,
  },
  ...Object.entries(TOTALS).map(([name, sql]): Check => ({
    kind: 'wrong_total',
    sql: `SELECT name, value AS found, (${sql}) AS expected FROM statistic WHERE name = '${name}' AND value <> (${sql})`,
  })),
];

/** All inline bytes, to be compared with their SHA-256. */
export const INLINE_CONTENTS = `SELECT id, sha256, data FROM content WHERE kind = 'inline' AND data IS NOT NULL`;

const TEXTS = new Set(['name', 'backend', 'instance_id', 'key']);

export function faultOf(kind: FaultKind, row: CheckRow): MetadataFault {
  const fields = Object.entries(row).filter(([, value]) => value !== null);
  // PostgreSQL's driver brings 64-bit numbers as text.
  return { kind, ...Object.fromEntries(fields.map(([name, value]) => [name, TEXTS.has(name) ? value : Number(value)])) };
}
