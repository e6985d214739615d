import { isMainThread, parentPort, workerData, type MessagePort } from 'node:worker_threads';
import Database from 'better-sqlite3';
import type { CheckRow } from '../verification/checks';
import { pathsOf } from '../verification/content-paths';
import { verifyTree } from '../verification/verify-tree';
import type { MetadataFault } from '../verification/metadata-fault';
import { toWire } from './sqlite-errors';
import type { VerifierData, VerifierReply } from './verifier';

/*
 * Looks at the whole tree as it was when it began, in one read transaction, beside everybody else. Faults go out in
 * batches, each when it is asked for, so that a reader who is slow does not have them pile up.
 */

const BATCH = 200;

function serve(port: MessagePort, { path, task }: VerifierData): void {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 });
  // Sorting a large tree takes room, which the disk has.
  database.pragma('temp_store = FILE');
  database.exec('BEGIN');
  const rows = (sql: string) => database.prepare(sql).iterate() as IterableIterator<CheckRow>;
  if ('paths' in task) {
    const query = <R>(sql: (list: string) => string, numbers: readonly number[]) =>
      database.prepare(sql('SELECT value FROM json_each(?)')).all(JSON.stringify(numbers)) as R[];
    answer(port, async () => ({ paths: await pathsOf(query, task.paths) }));
    return;
  }
  const faults = verifyTree(rows, task.verify);
  port.on('message', () => answer(port, () => next(faults)));
}

async function next(faults: AsyncGenerator<MetadataFault>): Promise<VerifierReply> {
  const batch: MetadataFault[] = [];
  while (batch.length < BATCH) {
    const step = await faults.next();
    if (step.done) return { faults: batch, isLast: true };
    batch.push(step.value);
  }
  return { faults: batch, isLast: false };
}

function answer(port: MessagePort, make: () => Promise<VerifierReply>): void {
  make().then(
    (reply) => port.postMessage(reply),
    (error: unknown) => port.postMessage({ error: toWire(error) } satisfies VerifierReply),
  );
}

if (!isMainThread && parentPort) serve(parentPort, workerData as VerifierData);
