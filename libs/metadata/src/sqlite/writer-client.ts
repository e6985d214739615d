import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CallfsError, THREAD_MEMORY } from '@callfs/core';
import type { Change } from './changed';
import { fromWire } from './sqlite-errors';
import type { WriteReply, WriterData, WriteRequest, WriterReady } from './writer-messages';

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A writer that dies is started again, but not one after the other. */
const RESTART_PAUSE_MS = 1000;

/**
 * So many are sent without waiting for the end of the turn: the writer begins while this thread works on the rest. It takes
 * all that has come by the time it is free into one transaction, so that a slow disk is not asked more often.
 */
const SEND_AT = 16;

/** Told of what was committed before the promises settle; `null` when the writer died and that cannot be known. */
export type ChangeListener = (changes: readonly Change[] | null) => void;

/**
 * The main thread's end of the writer: sends what one turn of the event loop asks for in few messages. When the writer
 * dies, all that was asked of it fails with `METADATA_UNAVAILABLE`, and the next request starts another.
 */
export class WriterClient {
  /** The transactions that came back, for tests and metrics: fewer than the changes they held. */
  commits = 0;
  private readonly pending = new Map<number, Pending>();
  private queue: WriteRequest[] = [];
  private lastId = 0;
  private worker: Worker | undefined;
  private closing = false;
  private diedAt = -Infinity;

  private constructor(
    private readonly data: WriterData,
    private readonly onChanges: ChangeListener,
  ) {}

  static async start(data: WriterData, onChanges: ChangeListener): Promise<WriterClient> {
    const client = new WriterClient(data, onChanges);
    const [first] = (await once(client.spawn(), 'message')) as [WriterReady];
    if (!first.ready) throw fromWire(first.error);
    return client;
  }

  run<T>(operation: string, ...parameters: readonly unknown[]): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.isRunning()) return reject(stopped(undefined));
      const id = ++this.lastId;
      if (this.queue.length === 0) setImmediate(() => this.flush());
      this.queue.push({ id, operation, parameters });
      this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      if (this.queue.length === SEND_AT) this.flush();
    });
  }

  /** Lets what was asked for be done, then ends the thread. */
  async close(): Promise<void> {
    this.flush();
    this.closing = true;
    if (!this.worker) return;
    const ended = once(this.worker, 'exit');
    this.worker.postMessage('close');
    await ended;
  }

  private flush(): void {
    if (this.queue.length === 0) return;
    const requests = this.queue;
    this.queue = [];
    try {
      this.worker?.postMessage(requests);
    } catch {
      for (const request of requests) this.sendAlone(request);
    }
  }

  /** When one of a turn's requests holds what cannot be sent to a thread, the others are none the worse for it. */
  private sendAlone(request: WriteRequest): void {
    try {
      this.worker?.postMessage([request]);
    } catch (error) {
      this.pending.get(request.id)?.reject(error as Error);
      this.pending.delete(request.id);
    }
  }

  private isRunning(): boolean {
    if (this.closing) return false;
    if (this.worker) return true;
    if (performance.now() - this.diedAt < RESTART_PAUSE_MS) return false;
    this.spawn();
    return true;
  }

  private spawn(): Worker {
    const worker = new Worker(join(__dirname, 'writer-thread.js'), {
      workerData: this.data,
      resourceLimits: THREAD_MEMORY,
    });
    let cause: unknown;
    worker.on('message', (message: WriteReply | WriterReady) => {
      if ('results' in message) this.settle(message);
      else if (!message.ready) cause = fromWire(message.error);
    });
    worker.on('error', (error) => (cause = error));
    worker.on('exit', () => this.died(cause));
    return (this.worker = worker);
  }

  private settle({ results, changes, commits }: WriteReply): void {
    this.commits += commits;
    this.onChanges(changes);
    for (const { id, result, error } of results) {
      const pending = this.pending.get(id);
      this.pending.delete(id);
      if (error) pending?.reject(fromWire(error));
      else pending?.resolve(result);
    }
  }

  private died(cause: unknown): void {
    this.worker = undefined;
    this.diedAt = performance.now();
    this.queue = [];
    this.onChanges(null);
    const error = stopped(cause);
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const { reject } of waiting) reject(error);
  }
}

function stopped(cause: unknown): CallfsError {
  const message = 'The metadata writer has stopped; whether the change was made is not known. Read again and try again.';
  return new CallfsError('METADATA_UNAVAILABLE', message, { cause });
}
