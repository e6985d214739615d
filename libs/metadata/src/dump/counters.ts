import type { QueryRunner } from 'typeorm';
import type { Counters } from './dump-format';

const NUMBERED = ['inode', 'content'] as const;

/** Numbers up to which each engine may have given some. */
export async function readCounters(runner: QueryRunner): Promise<Counters> {
  const isPostgres = runner.dataSource.options.type === 'postgres';
  const one = async (sql: string) => Number(((await runner.query(sql)) as { n: string | number | null }[])[0]?.n ?? 0);
  const of = (sequence: string) => one(`SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM ${sequence}`);
  if (isPostgres)
    return { inode: await of('inode_id_seq'), content: await of('content_id_seq'), fence: await of('callfs_fence') };
  const given = (table: string) => one(`SELECT seq AS n FROM sqlite_sequence WHERE name = '${table}'`);
  return {
    inode: await given('inode'),
    content: await given('content'),
    fence: await one('SELECT max(token) AS n FROM fence'),
  };
}

/** From here on, only numbers above these are given. */
export async function writeCounters(runner: QueryRunner, counters: Counters): Promise<void> {
  if (runner.dataSource.options.type === 'postgres') {
    for (const [name, value] of [
      ...NUMBERED.map((table) => [`${table}_id_seq`, counters[table]] as const),
      ['callfs_fence', counters.fence],
    ])
      await runner.query(`SELECT setval('${name}', greatest(CAST($1 AS BIGINT), 1), CAST($1 AS BIGINT) > 0)`, [value]);
    return;
  }
  for (const table of NUMBERED) {
    await runner.query(
      `INSERT INTO sqlite_sequence (name, seq) SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)`,
      [table, table],
    );
    await runner.query('UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?', [counters[table], table]);
  }
  // The row without a name says up to which number fences may have been given.
  const upsert = `INSERT INTO fence (name, token) VALUES ('', ?) ON CONFLICT (name) DO UPDATE SET token = max(token, excluded.token)`;
  await runner.query(upsert, [counters.fence]);
}
