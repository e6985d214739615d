import { ROOT_INODE, type ContentId } from '@callfs/core';
import type { ContentPath } from './metadata-fault';

interface Climb {
  readonly content: ContentId;
  readonly at: number;
  /** What has been climbed, from the inode that is at hand down. */
  readonly path: string;
}

/** As many as are of use to a person. */
const PATHS = 1000;
/** A cycle has no end. */
const DEPTH = 2048;

/** Runs a statement whose one parameter is a list of numbers, which stands for `(…)` in it. */
export type ListQuery = <R>(sql: (list: string) => string, numbers: readonly number[]) => R[] | Promise<R[]>;

/** The paths that lead to contents, climbed from below: no index knows the names of an inode, so each level is one pass over all. */
export async function pathsOf(query: ListQuery, contents: readonly ContentId[]): Promise<ContentPath[]> {
  const files = await query<{ id: number; content_id: number }>(
    (list) => `SELECT id, content_id FROM inode WHERE content_id IN (${list}) ORDER BY id LIMIT ${PATHS}`,
    contents,
  );
  let climbs: Climb[] = files.map((file) => ({ content: Number(file.content_id), at: Number(file.id), path: '' }));
  const arrived: ContentPath[] = [];
  for (let depth = 0; climbs.length > 0 && depth < DEPTH; depth++) {
    const names = await query<{ inode_id: number; parent_id: number; name: string }>(
      (list) => `SELECT inode_id, parent_id, name FROM dentry WHERE inode_id IN (${list})`,
      [...new Set(climbs.map(({ at }) => at))],
    );
    const up = new Map(names.map((row) => [Number(row.inode_id), row]));
    const above = climbs.flatMap(({ content, at, path }): Climb[] => {
      const row = up.get(at);
      return row ? [{ content, at: Number(row.parent_id), path: `/${row.name}${path}` }] : [];
    });
    arrived.push(...above.filter(({ at }) => at === ROOT_INODE).map(({ content, path }) => ({ content, path })));
    climbs = above.filter(({ at }) => at !== ROOT_INODE);
  }
  return arrived;
}
