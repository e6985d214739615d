import type { DirectoryEntry } from '@callfs/core';
import { inodeOfTuple, type InodeTuple } from '../inode-row';
import type { ListQuery } from '../metadata-store';
import { INODE_COLUMNS } from './sqlite-statements';
import type { Statements } from './statement-cache';

const COLUMN = { name: 'd.name', size: 'i.size', mtime: 'i.mtime_ns' } as const;

/** One page. Names are unique in a directory, so they break every tie; `desc` is `asc` backwards. */
export function readPage(sql: Statements, query: ListQuery): DirectoryEntry[] {
  const { sql: statement, parameters } = listStatement(query);
  const rows = sql.tuples<readonly [...InodeTuple, name: string]>(statement, ...parameters);
  return rows.map((row) => ({ name: row[19], inode: inodeOfTuple(row) }));
}

function listStatement({ directory, sort, order, limit, after, type }: ListQuery): { sql: string; parameters: unknown[] } {
  const compare = order === 'asc' ? '>' : '<';
  const parameters: unknown[] = [directory, directory];
  let where = 'd.parent_id = ? AND NOT EXISTS (SELECT 1 FROM detached WHERE inode_id = ?)';
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
  const sql = `SELECT ${INODE_COLUMNS}, d.name
    FROM dentry d CROSS JOIN inode i ON i.id = d.inode_id LEFT JOIN content c ON c.id = i.content_id
    WHERE ${where} ORDER BY ${by} LIMIT ?`;
  return { sql, parameters: [...parameters, limit] };
}
