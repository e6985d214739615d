import { isMainThread, parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { ContentRows } from './content-rows';
import { FenceRows } from './fence-rows';
import { GroupCommit } from './group-commit';
import { PAGE_CACHE } from './page-cache';
import { toWire } from './sqlite-errors';
import { Statements } from './statement-cache';
import { Totals } from './totals';
import type { WriterData, WriteRequest, WriterReady } from './writer-messages';
import { WriterOperations } from './writer-operations';

/*
 * The writer: one thread, one connection, one transaction at a time. Requests that arrive while a commit waits for the
 * disk are gathered and share the next one, so groups grow with the load and nobody waits for a timer. Answers go out
 * only after the commit, together with what it changed.
 */

/** More would make the first of them wait too long. */
const BATCH_MAX = 512;
/** Pages in the write-ahead log before they are written back to the file, which is done within a commit. */
const CHECKPOINT_PAGES = 4000;

function open({ path, durability, ...graces }: WriterData): GroupCommit {
  const database = new Database(path, { timeout: 5000, fileMustExist: true });
  database.pragma('journal_mode = WAL');
  database.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
  database.pragma('temp_store = MEMORY');
  database.pragma(PAGE_CACHE);
  database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  const sql = new Statements(database);
  const totals = new Totals(sql);
  const contents = new ContentRows(sql, totals, graces);
  return new GroupCommit(database, new WriterOperations(sql, contents, new FenceRows(sql), totals), totals);
}

function serve(port: MessagePort, writer: GroupCommit): void {
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
    port.postMessage({ ready: true } satisfies WriterReady);
    serve(port, writer);
  } catch (error) {
    port.postMessage({ ready: false, error: toWire(error) } satisfies WriterReady);
    port.close();
  }
}

if (!isMainThread && parentPort) start(parentPort);
