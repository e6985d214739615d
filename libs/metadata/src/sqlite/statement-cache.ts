import type Database from 'better-sqlite3';

/** Prepares each statement once for a connection. */
export class Statements {
  private readonly prepared = new Map<string, Database.Statement>();
  private readonly raw = new Map<string, Database.Statement>();

  constructor(private readonly database: Database.Database) {}

  get<R>(sql: string, ...parameters: unknown[]): R | undefined {
    return this.of(sql).get(...parameters) as R | undefined;
  }

  all<R>(sql: string, ...parameters: unknown[]): R[] {
    return this.of(sql).all(...parameters) as R[];
  }

  /** The rows as arrays of their values, in the order of the columns: objects cost three times as much to make. */
  tuples<T extends readonly unknown[]>(sql: string, ...parameters: unknown[]): T[] {
    let statement = this.raw.get(sql);
    if (!statement) this.raw.set(sql, (statement = this.database.prepare(sql).raw()));
    return statement.all(...parameters) as T[];
  }

  run(sql: string, ...parameters: unknown[]): Database.RunResult {
    return this.of(sql).run(...parameters);
  }

  /** What any statement answers with; nothing for one that answers nothing. */
  rows(sql: string, ...parameters: unknown[]): unknown[] {
    const statement = this.of(sql);
    if (statement.reader) return statement.all(...parameters);
    statement.run(...parameters);
    return [];
  }

  private of(sql: string): Database.Statement {
    let statement = this.prepared.get(sql);
    if (!statement) this.prepared.set(sql, (statement = this.database.prepare(sql)));
    return statement;
  }
}
