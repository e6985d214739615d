import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CallfsError } from '@callfs/core';
import { fromWire } from './sqlite-errors';
import type { WriteReply, WriterData, WriteRequest, WriterReady } from './writer-messages';

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The main thread's end of the writer: sends what one turn of the event loop asks for in one message. */
export class WriterClient {
  private readonly pending = new Map<number, Pending>();
  private queue: WriteRequest[] = [];
  private lastId = 0;
  private failure: CallfsError | undefined;
  /** The transactions that came back, for tests and metrics: fewer than the changes they held. */
  commits = 0;

  private constructor(
    private readonly worker: Worker,
    readonly highestFence: number,
    private readonly onReply: (reply: WriteReply) => void,
  ) {
    worker.on('message', (reply: WriteReply) => this.settle(reply));
    worker.on('error', (cause) => this.fail(cause));
    worker.on('exit', () => this.fail(undefined));
  }

  /** `onReply` runs before the promises of the changes settle, so that no cache is ever behind an acknowledgement. */
  static async start(data: WriterData, onReply: (reply: WriteReply) => void): Promise<WriterClient> {
    const worker = new Worker(join(__dirname, 'writer-thread.js'), { workerData: data });
    const [first] = (await once(worker, 'message')) as [WriterReady];
    if (!first.ready) throw fromWire(first.error);
    return new WriterClient(worker, first.highestFence, onReply);
  }

  run<T>(operation: string, ...parameters: readonly unknown[]): Promise<T> {
    if (this.failure) return Promise.reject(this.failure);
    const id = ++this.lastId;
    if (this.queue.length === 0) setImmediate(() => this.flush());
    this.queue.push({ id, operation, parameters });
    return new Promise<T>((resolve, reject) => {
      this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
    });
  }

  /** Lets what was asked for be done, then ends the thread. */
  async close(): Promise<void> {
    if (this.failure) return;
    this.flush();
    const ended = once(this.worker, 'exit');
    this.worker.postMessage('close');
    await ended;
  }

  private flush(): void {
    if (this.queue.length === 0) return;
    const requests = this.queue;
    this.queue = [];
    this.worker.postMessage(requests);
  }

  private settle(reply: WriteReply): void {
    this.commits++;
    this.onReply(reply);
    for (const { id, result, error } of reply.results) {
      const pending = this.pending.get(id);
      this.pending.delete(id);
      if (error) pending?.reject(fromWire(error));
      else pending?.resolve(result);
    }
  }

  private fail(cause: unknown): void {
    this.failure ??= new CallfsError('METADATA_UNAVAILABLE', 'The metadata writer has stopped; restart the server.', { cause });
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
  }
}
