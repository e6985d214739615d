import type { InodeId } from '@callfs/core';
import type { CopyAttributes } from '../metadata-store';
import type { Statements } from './statement-cache';
import type { Totals } from './totals';

/** Copies the rows of a tree, one statement for each level and one for each table; the number of the new root. */
export function copyRows(sql: Statements, totals: Totals, root: InodeId, attributes: CopyAttributes, now: bigint): InodeId {
  sql.run('CREATE TEMP TABLE IF NOT EXISTS copied (old_id INTEGER PRIMARY KEY, new_id INTEGER NOT NULL, depth INTEGER NOT NULL)');
  sql.run('DELETE FROM temp.copied');
  let next = (sql.get<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'inode'")?.seq ?? root) + 1;
  const newRoot = next++;
  sql.run('INSERT INTO temp.copied (old_id, new_id, depth) VALUES (?, ?, 0)', root, newRoot);
  for (let depth = 0, added = 1; added > 0; depth++, next += added) {
    added = sql.run(
      `INSERT INTO temp.copied (old_id, new_id, depth)
       SELECT d.inode_id, ? + row_number() OVER () - 1, ? FROM temp.copied m JOIN dentry d ON d.parent_id = m.old_id WHERE m.depth = ?`,
      next,
      depth + 1,
      depth,
    ).changes;
  }
  const { uid, gid, umask, directoryBits } = attributes;
  sql.run(
    `INSERT INTO inode (id, type, mode, uid, gid, size, nlink, atime_ns, mtime_ns, ctime_ns, version, content_id, content_type, symlink_target)
     SELECT m.new_id, i.type,
       CASE i.type WHEN 'symlink' THEN 511 WHEN 'directory' THEN (i.mode & 511 & ~?) | ? ELSE i.mode & 511 & ~? END,
       ?, ?, i.size, i.nlink, ?, ?, ?, 1, i.content_id, i.content_type, i.symlink_target
     FROM temp.copied m JOIN inode i ON i.id = m.old_id`,
    umask,
    directoryBits,
    umask,
    uid,
    gid,
    now,
    now,
    now,
  );
  sql.run(
    `INSERT INTO dentry (parent_id, name, inode_id)
     SELECT p.new_id, d.name, m.new_id FROM temp.copied p JOIN dentry d ON d.parent_id = p.old_id JOIN temp.copied m ON m.old_id = d.inode_id`,
  );
  sql.run(
    `UPDATE content SET refs = refs + copies.n FROM (
       SELECT i.content_id AS id, count(*) AS n FROM temp.copied m JOIN inode i ON i.id = m.old_id WHERE i.content_id IS NOT NULL GROUP BY 1
     ) AS copies WHERE content.id = copies.id`,
  );
  const counts = sql.get<{ directories: number; all_of_it: number }>(
    "SELECT count(*) AS all_of_it, sum(i.type = 'directory') AS directories FROM temp.copied m JOIN inode i ON i.id = m.old_id",
  );
  totals.add('directories', counts?.directories ?? 0);
  totals.add('files', (counts?.all_of_it ?? 0) - (counts?.directories ?? 0));
  sql.run('DELETE FROM temp.copied');
  return newRoot;
}
