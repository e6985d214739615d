import { isMainThread, parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { Changed } from './changed';
import { ContentRows } from './content-rows';
import { FenceRows } from './fence-rows';
import { toWire } from './sqlite-errors';
import { Statements } from './statement-cache';
import { Totals } from './totals';
import type { WriteReply, WriterData, WriteRequest, WriteResult, WriterReady } from './writer-messages';
import { WriterOperations } from './writer-operations';

/*
 * The writer: one thread, one connection, one transaction at a time. Requests that arrive while a commit waits for the
 * disk are gathered and share the next one. Each runs in a savepoint, so one that fails leaves no trace and does not
 * disturb the others. Answers go out only after the commit, together with what it touched; if the commit itself
 * fails, all of them fail and none has happened.
 */

type Operation = (changed: Changed, ...parameters: readonly unknown[]) => unknown;

/** More would make the first of them wait too long. */
const BATCH_MAX = 512;

class Writer {
  private readonly operations: WriterOperations;
  private readonly totals: Totals;

  constructor(
    private readonly database: Database.Database,
    collectGraceMs: number,
    readonly fences: FenceRows,
    sql: Statements,
  ) {
    this.totals = new Totals(sql);
    this.operations = new WriterOperations(sql, new ContentRows(sql, this.totals, collectGraceMs), fences, this.totals);
  }

  /** Runs requests in one transaction. */
  run(requests: readonly WriteRequest[]): WriteReply {
    const changed = new Changed();
    const results: WriteResult[] = [];
    try {
      this.database.exec('BEGIN IMMEDIATE');
      for (const request of requests) results.push(this.runOne(request, changed));
      this.totals.flush();
      this.database.exec('COMMIT');
      return { results, inodes: changed.inodes, names: changed.names };
    } catch (error) {
      if (this.database.inTransaction) this.database.exec('ROLLBACK');
      const wire = toWire(error);
      return { results: requests.map(({ id }) => ({ id, error: wire })), inodes: [], names: [] };
    }
  }

  private runOne({ id, operation, parameters }: WriteRequest, changed: Changed): WriteResult {
    const undoTotals = this.totals.mark();
    this.database.exec('SAVEPOINT operation');
    try {
      const run = (this.operations as unknown as Record<string, Operation>)[operation] as Operation;
      const result = run.call(this.operations, changed, ...parameters);
      this.database.exec('RELEASE operation');
      return { id, result };
    } catch (error) {
      // A full disk or a failed write ends the whole transaction, not the operation alone.
      if (!this.database.inTransaction) throw error;
      this.database.exec('ROLLBACK TO operation');
      this.database.exec('RELEASE operation');
      undoTotals();
      return { id, error: toWire(error) };
    }
  }
}

function open({ path, durability, collectGraceMs }: WriterData): Writer {
  const database = new Database(path, { timeout: 5000 });
  database.pragma('journal_mode = WAL');
  database.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
  database.pragma('temp_store = MEMORY');
  database.pragma('cache_size = -32768');
  const sql = new Statements(database);
  return new Writer(database, collectGraceMs, new FenceRows(sql), sql);
}

function serve(port: MessagePort, writer: Writer): void {
  port.on('message', (first: WriteRequest[] | 'close') => {
    let closing = first === 'close';
    const batch: WriteRequest[] = first === 'close' ? [] : first.slice();
    while (batch.length < BATCH_MAX && !closing) {
      const more: { message: WriteRequest[] | 'close' } | undefined = receiveMessageOnPort(port);
      if (!more) break;
      if (more.message === 'close') closing = true;
      else batch.push(...more.message);
    }
    if (batch.length > 0) port.postMessage(writer.run(batch));
    if (closing) port.close();
  });
}

function start(port: MessagePort): void {
  try {
    const writer = open(workerData as WriterData);
    port.postMessage({ ready: true, highestFence: writer.fences.highest } satisfies WriterReady);
    serve(port, writer);
  } catch (error) {
    port.postMessage({ ready: false, error: toWire(error) } satisfies WriterReady);
    port.close();
  }
}

if (!isMainThread && parentPort) start(parentPort);
