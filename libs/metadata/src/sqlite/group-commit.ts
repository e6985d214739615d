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
  /** Prepared once: they cost as much as the operations themselves when they are read anew each time. */
  private readonly begin: Database.Statement;
  private readonly commit: Database.Statement;
  private readonly rollback: Database.Statement;
  private readonly mark: Database.Statement;
  private readonly release: Database.Statement;
  private readonly undo: Database.Statement;

  constructor(
    private readonly database: Database.Database,
    private readonly operations: WriterOperations,
    private readonly totals: Totals,
  ) {
    this.begin = database.prepare('BEGIN IMMEDIATE');
    this.commit = database.prepare('COMMIT');
    this.rollback = database.prepare('ROLLBACK');
    this.mark = database.prepare('SAVEPOINT operation');
    this.release = database.prepare('RELEASE operation');
    this.undo = database.prepare('ROLLBACK TO operation');
  }

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
      this.begin.run();
      const results = requests.map((request) => this.runOne(request, changed));
      this.totals.flush();
      this.commit.run();
      return { results, changes: changed.all, commits: 1 };
    } catch (error) {
      if (this.database.inTransaction) this.rollback.run();
      throw error instanceof EngineFailed ? error.cause : error;
    }
  }

  private runOne({ id, operation, parameters }: WriteRequest, changed: Changed): WriteResult {
    const undoTotals = this.totals.mark();
    const undoChanges = changed.mark();
    this.mark.run();
    try {
      const run = (this.operations as unknown as Record<string, Operation>)[operation] as Operation;
      const result = run.call(this.operations, changed, ...parameters);
      this.release.run();
      return { id, result };
    } catch (error) {
      if (error instanceof Database.SqliteError || !this.database.inTransaction)
        throw new EngineFailed('the engine failed', { cause: error });
      this.undo.run();
      this.release.run();
      undoTotals();
      undoChanges();
      return { id, error: toWire(error) };
    }
  }
}
