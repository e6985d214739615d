import { isMainThread, parentPort, workerData, type MessagePort } from 'node:worker_threads';
import Database from 'better-sqlite3';
import type { ListQuery } from '../metadata-store';
import { readPage } from './list-statement';
import type { ListReply } from './lister';
import { toWire } from './sqlite-errors';
import { Statements } from './statement-cache';

function serve(port: MessagePort, path: string): void {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 });
  database.pragma('temp_store = MEMORY');
  const sql = new Statements(database);
  port.on('message', (query: ListQuery | 'close') => {
    if (query === 'close') return port.close();
    port.postMessage(answer(sql, query));
  });
}

function answer(sql: Statements, query: ListQuery): ListReply {
  try {
    return { entries: readPage(sql, query) };
  } catch (error) {
    return { error: toWire(error) };
  }
}

if (!isMainThread && parentPort) serve(parentPort, workerData as string);
