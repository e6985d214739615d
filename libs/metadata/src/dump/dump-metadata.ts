import { createHash } from 'node:crypto';
import type { DataSource, QueryRunner } from 'typeorm';
import { readCounters } from './counters';
import { DUMP_FORMAT, DUMP_VERSION, encode, type DumpLine, type DumpValue, type EndLine } from './dump-format';
import { dumpTables, type DumpColumn, type DumpTable } from './dump-tables';
import { placeholders } from './placeholders';

type Row = Record<string, string | Buffer | null>;

const PAGE = 500;
/** Inline contents are up to a megabyte each. */
const PAGE_WITH_BYTES = 20;

/** All of the metadata as it is at one moment, line by line without their ends. */
export async function* dumpMetadata(data: DataSource): AsyncGenerator<string> {
  const digest = createHash('sha256');
  let rows = 0;
  for await (const line of linesOf(data)) {
    const text = JSON.stringify(line);
    if (Array.isArray(line)) rows++;
    digest.update(text).update('\n');
    yield text;
  }
  const end: EndLine = { rows, sha256: digest.digest('hex') };
  yield JSON.stringify(end);
}

/** Page by page. */
async function* linesOf(data: DataSource): AsyncGenerator<DumpLine> {
  const runner = data.createQueryRunner();
  try {
    await runner.startTransaction(data.options.type === 'postgres' ? 'REPEATABLE READ' : undefined);
    const applied = (await runner.query('SELECT name FROM migrations ORDER BY timestamp')) as { name: string }[];
    const counters = await readCounters(runner);
    yield { format: DUMP_FORMAT, version: DUMP_VERSION, schema: applied.map(({ name }) => name), counters };
    for (const table of dumpTables(data)) {
      yield { table: table.name, columns: table.columns.map(({ name }) => name) };
      yield* rowsOf(runner, table);
    }
  } finally {
    if (runner.isTransactionActive) await runner.rollbackTransaction();
    await runner.release();
  }
}

async function* rowsOf(runner: QueryRunner, { name, columns, key, only = '1 = 1' }: DumpTable): AsyncGenerator<DumpValue[]> {
  const limit = columns.some(({ kind }) => kind === 'bytes') ? PAGE_WITH_BYTES : PAGE;
  const selected = columns.map(selection).join(', ');
  // Of the table, not the text that is selected under the same name.
  const by = key.map((column) => `t.${column.name}`).join(', ');
  const after = placeholders(runner, key.length).map((mark, index) =>
    key[index]?.kind === 'integer' ? `CAST(${mark} AS BIGINT)` : mark,
  );
  for (let last: Row | undefined; ;) {
    const where = last ? `${only} AND (${by}) > (${after.join(', ')})` : only;
    const parameters = last ? key.map((column) => last?.[column.name]) : [];
    const rows = (await runner.query(
      `SELECT ${selected} FROM ${name} t WHERE ${where} ORDER BY ${by} LIMIT ${limit}`,
      parameters,
    )) as Row[];
    for (const row of rows) yield columns.map((column) => encode(column.kind, row[column.name] ?? null));
    if (rows.length < limit) return;
    last = rows.at(-1);
  }
}

function selection({ name, kind }: DumpColumn): string {
  return kind === 'integer' ? `CAST(${name} AS TEXT) AS ${name}` : name;
}
