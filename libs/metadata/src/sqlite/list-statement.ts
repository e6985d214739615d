import type { ListQuery } from '../metadata-store';
import { INODE_COLUMNS } from './sqlite-statements';

const COLUMN = { name: 'd.name', size: 'i.size', mtime: 'i.mtime_ns' } as const;

/** The statement of a page and its parameters. Names are unique in a directory, so they break every tie. */
export function listStatement({ directory, sort, order, limit, after, type }: ListQuery): { sql: string; parameters: unknown[] } {
  const compare = order === 'asc' ? '>' : '<';
  const parameters: unknown[] = [directory];
  let where = 'd.parent_id = ?';
  if (after && sort === 'name') {
    where += ` AND d.name ${compare} ?`;
    parameters.push(after.name);
  } else if (after) {
    where += ` AND (${COLUMN[sort]}, d.name) ${compare} (?, ?)`;
    parameters.push(after.value ?? 0n, after.name);
  }
  if (type) {
    where += ' AND i.type = ?';
    parameters.push(type);
  }
  const by = sort === 'name' ? `d.name ${order}` : `${COLUMN[sort]} ${order}, d.name ${order}`;
  const sql = `SELECT d.name AS name, ${INODE_COLUMNS}
    FROM dentry d CROSS JOIN inode i ON i.id = d.inode_id LEFT JOIN content c ON c.id = i.content_id
    WHERE ${where} ORDER BY ${by} LIMIT ?`;
  return { sql, parameters: [...parameters, limit] };
}
