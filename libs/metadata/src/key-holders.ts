/** The tables whose rows keep a blob alive: each has `backend`, `instance_id` and `key`, and an index that begins with them. */
export const KEY_HOLDERS = ['replica', 'upload_part'] as const;

/**
 * Names of the nodes that have blobs in `table` on the backend that the expression tells, one a row: a jump of the index for
 * each, however many blobs there are.
 */
export function nodesIn(table: (typeof KEY_HOLDERS)[number], backend: string): string {
  return `(WITH RECURSIVE node_of (name) AS (
      SELECT min(instance_id) FROM ${table} WHERE backend = ${backend}
      UNION ALL
      SELECT (SELECT min(instance_id) FROM ${table} WHERE backend = ${backend} AND instance_id > node_of.name)
        FROM node_of WHERE node_of.name IS NOT NULL
    ) SELECT name FROM node_of WHERE name IS NOT NULL)`;
}
