import { createHash, randomBytes } from 'node:crypto';
import { QueryFailedError, type DataSource, type QueryRunner } from 'typeorm';
import { CallfsError } from '@callfs/core';
import { TOTALS } from '../verification/checks';
import { writeCounters } from './counters';
import { badDump, decode, DUMP_FORMAT, DUMP_VERSION, type DumpHeader, type EndLine, type TableLine } from './dump-format';
import { dumpTables, type DumpColumn, type DumpTable } from './dump-tables';
import { placeholders } from './placeholders';

type Value = string | Buffer | null;

/** Both engines take at least 32,766 parameters in a statement. */
const BATCH_PARAMETERS = 5000;
const BATCH_BYTES = 4 * 2 ** 20;

/** The rows that the migrations make, which a new store has and a dump brings along. */
const INITIAL: Readonly<Record<string, string>> = {
  inode: 'id = 1',
  principal: 'id = 0',
  fence: "name = ''",
  access_revision: 'revision = 0',
  store: 'only_row = 1',
};

export interface LoadOptions {
  /** The store that was dumped goes on: what is loaded is another one, which owns none of the blobs that it refers to. */
  readonly asCopy?: boolean;
}

/**
 * Makes an empty store (nothing but `/` and the superuser) what a dump says, in one transaction; resolves to the number
 * of rows. `CONFLICT` when it is not empty, `INVALID_REQUEST` when the dump is not whole, or of another schema.
 */
export async function loadMetadata(
  data: DataSource,
  lines: AsyncIterable<string>,
  { asCopy }: LoadOptions = {},
): Promise<number> {
  const runner = data.createQueryRunner();
  try {
    await runner.startTransaction();
    await refuseFilled(runner, dumpTables(data));
    const rows = await load(runner, dumpTables(data), lines);
    for (const [name, sum] of Object.entries(TOTALS))
      await runner.query(`UPDATE statistic SET value = (${sum}) WHERE name = '${name}'`);
    if (asCopy) {
      await runner.query(`UPDATE store SET copy_of = id, id = '${randomBytes(16).toString('hex')}'`);
      await runner.query('DELETE FROM adopted_place');
    }
    await runner.commitTransaction();
    return rows;
  } catch (error) {
    if (runner.isTransactionActive) await runner.rollbackTransaction();
    throw error;
  } finally {
    await runner.release();
  }
}

async function refuseFilled(runner: QueryRunner, tables: readonly DumpTable[]): Promise<void> {
  for (const { name } of tables) {
    const others = INITIAL[name] === undefined ? '' : `WHERE NOT (${INITIAL[name]})`;
    const found = (await runner.query(`SELECT 1 FROM ${name} ${others} LIMIT 1`)) as unknown[];
    if (found.length > 0)
      throw new CallfsError(
        'CONFLICT',
        `The metadata store is not empty (table ${name}); load into a new database. Nothing has changed.`,
      );
    await runner.query(`DELETE FROM ${name}`);
  }
}

async function load(runner: QueryRunner, tables: readonly DumpTable[], lines: AsyncIterable<string>): Promise<number> {
  let header: DumpHeader | undefined;
  let batch: Batch | undefined;
  const digest = createHash('sha256');
  let rows = 0;
  let end: EndLine | undefined;
  for await (const line of lines) {
    if (line === '') continue;
    if (end) throw badDump('there is more after its end');
    const parsed = parse(line);
    if (!header) {
      header = await judgeHeader(runner, parsed);
    } else if (Array.isArray(parsed)) {
      if (!batch) throw badDump('a row comes before the name of its table');
      await batch.add(parsed);
      rows++;
    } else if ('table' in parsed) {
      await batch?.flush();
      batch = new Batch(runner, ...judgeTable(tables, parsed as unknown as TableLine));
    } else {
      end = parsed as unknown as EndLine;
      continue;
    }
    digest.update(line).update('\n');
  }
  await batch?.flush();
  if (!header) throw badDump('it is empty');
  if (end?.rows !== rows) throw badDump(end ? 'rows of it are missing' : 'its end is missing');
  if (end.sha256 !== undefined && end.sha256 !== digest.digest('hex'))
    throw badDump('it is damaged: its SHA-256 is another than that in its last line');
  await writeCounters(runner, header.counters);
  return rows;
}

function parse(line: string): unknown[] | Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null) return parsed as unknown[] | Record<string, unknown>;
  } catch {
    // Told below, as for what is no object.
  }
  throw badDump('a line of it is no JSON, or was cut off');
}

async function judgeHeader(runner: QueryRunner, parsed: unknown): Promise<DumpHeader> {
  const header = parsed as Partial<DumpHeader>;
  if (header.format !== DUMP_FORMAT) throw badDump('it does not begin as a dump of metadata does');
  if (header.version !== DUMP_VERSION)
    throw badDump(`it is of version ${String(header.version)}, and this program reads ${DUMP_VERSION}`);
  const applied = (await runner.query('SELECT name FROM migrations ORDER BY timestamp')) as { name: string }[];
  const ours = applied.map(({ name }) => name);
  const other = [...ours, ...(header.schema ?? [])].find((name) => ours.includes(name) !== header.schema?.includes(name));
  if (other !== undefined)
    throw badDump(
      `it was made by another version of CallFS ("${other}" is on one side alone); load it with that version, and update then`,
    );
  const { counters } = header;
  if (![counters?.inode, counters?.content, counters?.fence].every(Number.isSafeInteger))
    throw badDump('its header has no counters');
  return header as DumpHeader;
}

function judgeTable(tables: readonly DumpTable[], { table: name, columns }: TableLine): [string, DumpColumn[]] {
  const table = tables.find((candidate) => candidate.name === name);
  if (!table || !Array.isArray(columns)) throw badDump(`there is no table ${JSON.stringify(name)}`);
  const known = columns.map((column) => table.columns.find((candidate) => candidate.name === column));
  const isWhole = known.length === table.columns.length && new Set(known).size === known.length && !known.includes(undefined);
  if (!isWhole) throw badDump(`the table ${name} has other columns`);
  return [name, known as DumpColumn[]];
}

/** Rows on their way into a table, many in one statement. */
class Batch {
  private rows = 0;
  private bytes = 0;
  private values: Value[] = [];

  constructor(
    private readonly runner: QueryRunner,
    private readonly table: string,
    private readonly columns: readonly DumpColumn[],
  ) {}

  async add(row: readonly unknown[]): Promise<void> {
    if (row.length !== this.columns.length) throw badDump(`a row of ${this.table} has ${row.length} values`);
    row.forEach((value, index) => {
      const decoded = decode((this.columns[index] as DumpColumn).kind, value);
      this.bytes += decoded?.length ?? 0;
      this.values.push(decoded);
    });
    this.rows++;
    if (this.values.length + row.length > BATCH_PARAMETERS || this.bytes > BATCH_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    const { rows, values, columns, table } = this;
    if (rows === 0) return;
    [this.rows, this.bytes, this.values] = [0, 0, []];
    const marks = placeholders(this.runner, values.length);
    const tuples = Array.from(
      { length: rows },
      (_, row) => `(${marks.slice(row * columns.length, (row + 1) * columns.length).join(', ')})`,
    );
    const insert = `INSERT INTO ${table} (${columns.map(({ name }) => name).join(', ')}) VALUES ${tuples.join(', ')}`;
    await this.runner.query(insert, values).catch((error: unknown) => {
      // A row that is there twice, a number too large: of what is wrong with rows both engines say so.
      throw isRefusal(error) ? badDump(`the database refuses rows of ${table} (${(error as Error).message})`) : error;
    });
  }
}

function isRefusal(error: unknown): boolean {
  const { code } = error instanceof QueryFailedError ? (error.driverError as { code?: unknown }) : {};
  return typeof code === 'string' && /^(22|23)...$|^SQLITE_CONSTRAINT/.test(code);
}
