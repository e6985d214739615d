import type { DataSource } from 'typeorm';
import type { ColumnKind } from './dump-format';

export interface DumpColumn {
  readonly name: string;
  readonly kind: ColumnKind;
}

/** A table of the schema, as far as a dump is concerned. */
export interface DumpTable {
  readonly name: string;
  readonly columns: readonly DumpColumn[];
  /** Its primary key. */
  readonly key: readonly DumpColumn[];
  /** Which of its rows; absent: all. */
  readonly only?: string;
}

/** No entity has the bytes of a content: each engine has its own word for their type. */
const BYTES: Readonly<Record<string, DumpColumn>> = { content: { name: 'data', kind: 'bytes' } };
/** Counted anew by who loads. */
const DERIVED = new Set(['statistic']);
/** What is no lock's fence is the counter of one engine. */
const ONLY: Readonly<Record<string, string>> = { fence: "name <> ''" };

/** All tables that the entities name, in the order of their names. */
export function dumpTables({ entityMetadatas }: DataSource): DumpTable[] {
  const tables = entityMetadatas.map(({ tableName, columns, primaryColumns }): DumpTable => {
    const of = (list: typeof columns) =>
      list.map(({ databaseName, type }): DumpColumn => ({ name: databaseName, kind: kindOf(type) }));
    const bytes = BYTES[tableName];
    return {
      name: tableName,
      columns: [...of(columns), ...(bytes ? [bytes] : [])],
      key: of(primaryColumns),
      only: ONLY[tableName],
    };
  });
  return tables.filter(({ name }) => !DERIVED.has(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function kindOf(type: unknown): ColumnKind {
  if (type === 'integer' || type === 'bigint') return 'integer';
  if (type === 'text') return 'text';
  throw new TypeError(`a dump does not know columns of type ${String(type)}`);
}
