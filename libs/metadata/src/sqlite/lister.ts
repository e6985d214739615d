import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CallfsError, THREAD_MEMORY, type DirectoryEntry } from '@callfs/core';
import type { ListQuery } from '../metadata-store';
import { fromWire } from './sqlite-errors';
import type { WireError } from './writer-messages';

interface Pending {
  readonly resolve: (entries: DirectoryEntry[]) => void;
  readonly reject: (error: Error) => void;
}

/** A page, or why there is none; in the order of the queries. */
export type ListReply = { readonly entries: DirectoryEntry[] } | { readonly error: WireError };

/**
 * Lists in a thread of its own what has to be sorted or searched: the whole directory is read for a page, which in a
 * large one would keep everybody else waiting. The first such listing starts the thread.
 */
export class Lister {
  private readonly pending: Pending[] = [];
  private worker: Worker | undefined;
  private closing = false;

  constructor(private readonly path: string) {}

  list({ directory, sort, order, limit, after, type }: ListQuery): Promise<DirectoryEntry[]> {
    // Only what a query is made of: the caller's object may carry more, and not everything can be sent to a thread.
    const query: ListQuery = { directory, sort, order, limit, after, type };
    return new Promise((resolve, reject) => {
      if (this.closing) return reject(stopped(undefined));
      this.worker ??= this.spawn();
      this.pending.push({ resolve, reject });
      this.worker.postMessage(query);
    });
  }

  /** Lets the listings under way come to their end. */
  async close(): Promise<void> {
    this.closing = true;
    if (!this.worker) return;
    const ended = once(this.worker, 'exit');
    this.worker.postMessage('close');
    await ended;
  }

  private spawn(): Worker {
    const worker = new Worker(join(__dirname, 'lister-thread.js'), {
      workerData: this.path,
      resourceLimits: THREAD_MEMORY,
    });
    let cause: unknown;
    worker.on('message', (reply: ListReply) => {
      const pending = this.pending.shift();
      if ('error' in reply) pending?.reject(fromWire(reply.error));
      else pending?.resolve(reply.entries);
    });
    worker.on('error', (error) => (cause = error));
    worker.on('exit', () => {
      this.worker = undefined;
      for (const pending of this.pending.splice(0)) pending.reject(stopped(cause));
    });
    return worker;
  }
}

function stopped(cause: unknown): CallfsError {
  return new CallfsError('METADATA_UNAVAILABLE', 'The listing stopped before its end; try again.', { cause });
}
