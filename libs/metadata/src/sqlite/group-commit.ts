import Database from 'better-sqlite3';
import { Changed } from './changed';
import { toWire } from './sqlite-errors';
import type { Totals } from './totals';
import type { WriteReply, WriteRequest, WriteResult } from './writer-messages';
import type { WriterOperations } from './writer-operations';

type Operation = (changed: Changed, ...parameters: readonly unknown[]) => unknown;

/** The engine failed below an operation: nothing says how much of the transaction is left. */
class EngineFailed extends Error {}

/**
 * Runs many requests in one transaction, so that one sync makes all of them durable. Each runs in a savepoint, so one
 * that is refused leaves no trace and does not disturb the others. When the engine itself fails (a full disk), the
 * whole transaction is undone and its requests run one by one, so that only those fail that cannot be done.
 */
export class GroupCommit {
  constructor(
    private readonly database: Database.Database,
    private readonly operations: WriterOperations,
    private readonly totals: Totals,
  ) {}

  run(requests: readonly WriteRequest[]): WriteReply {
    const [first] = requests;
    try {
      return this.transaction(requests);
    } catch (error) {
      if (first && requests.length === 1) return { results: [{ id: first.id, error: toWire(error) }], changes: [], commits: 0 };
    }
    const replies = requests.map((request) => this.run([request]));
    return {
      results: replies.flatMap(({ results }) => results),
      changes: replies.flatMap(({ changes }) => changes),
      commits: replies.reduce((sum, { commits }) => sum + commits, 0),
    };
  }

  private transaction(requests: readonly WriteRequest[]): WriteReply {
    const changed = new Changed();
    this.totals.reset();
    try {
      this.database.exec('BEGIN IMMEDIATE');
      const results = requests.map((request) => this.runOne(request, changed));
      this.totals.flush();
      this.database.exec('COMMIT');
      return { results, changes: changed.all, commits: 1 };
    } catch (error) {
      if (this.database.inTransaction) this.database.exec('ROLLBACK');
      throw error instanceof EngineFailed ? error.cause : error;
    }
  }

  private runOne({ id, operation, parameters }: WriteRequest, changed: Changed): WriteResult {
    const undoTotals = this.totals.mark();
    const undoChanges = changed.mark();
    this.database.exec('SAVEPOINT operation');
    try {
      const run = (this.operations as unknown as Record<string, Operation>)[operation] as Operation;
      const result = run.call(this.operations, changed, ...parameters);
      this.database.exec('RELEASE operation');
      return { id, result };
    } catch (error) {
      if (error instanceof Database.SqliteError || !this.database.inTransaction)
        throw new EngineFailed('the engine failed', { cause: error });
      this.database.exec('ROLLBACK TO operation');
      this.database.exec('RELEASE operation');
      undoTotals();
      undoChanges();
      return { id, error: toWire(error) };
    }
  }
}
