import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CallfsError, type ContentId } from '@callfs/core';
import type { ContentPath, MetadataFault, VerifyOptions } from '../verification/metadata-fault';
import { fromWire } from './sqlite-errors';
import type { WireError } from './writer-messages';

export interface VerifierData {
  readonly path: string;
  readonly task: { readonly verify: VerifyOptions } | { readonly paths: readonly ContentId[] };
}

export type VerifierReply =
  | { readonly faults: readonly MetadataFault[]; readonly isLast: boolean }
  | { readonly paths: ContentPath[] }
  | { readonly error: WireError };

/** Questions about the whole tree, each answered by a thread of its own that ends with the answer. */
export class Verifier {
  private readonly workers = new Set<Worker>();

  constructor(private readonly path: string) {}

  async *verify({ content = false }: VerifyOptions): AsyncGenerator<MetadataFault> {
    const worker = this.spawn({ verify: { content } });
    try {
      for (let isLast = false; !isLast;) {
        worker.postMessage('next');
        const reply = await this.reply(worker);
        if (!('faults' in reply)) throw new TypeError('the verifier answers with faults');
        yield* reply.faults;
        isLast = reply.isLast;
      }
    } finally {
      await this.end(worker);
    }
  }

  async paths(contents: readonly ContentId[]): Promise<ContentPath[]> {
    if (contents.length === 0) return [];
    const worker = this.spawn({ paths: [...contents] });
    try {
      const reply = await this.reply(worker);
      return 'paths' in reply ? reply.paths : [];
    } finally {
      await this.end(worker);
    }
  }

  /** Ends what is under way: a check that is not finished has changed nothing. */
  async close(): Promise<void> {
    await Promise.all([...this.workers].map((worker) => this.end(worker)));
  }

  private spawn(task: VerifierData['task']): Worker {
    const workerData: VerifierData = { path: this.path, task };
    const worker = new Worker(join(__dirname, 'verifier-thread.js'), { workerData });
    this.workers.add(worker);
    worker.once('exit', () => this.workers.delete(worker));
    // Whoever waits for an answer is told by `reply`; when nobody does, nobody is concerned.
    worker.on('error', () => undefined);
    return worker;
  }

  private async reply(worker: Worker): Promise<Exclude<VerifierReply, { error: WireError }>> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const answered = once(worker, 'message', { signal }).catch(stopped) as Promise<[VerifierReply]>;
    const ended = this.workers.has(worker) ? once(worker, 'exit', { signal }).then(stopped, stopped) : stopped(undefined);
    try {
      const [reply] = await Promise.race([answered, ended]);
      if ('error' in reply) throw fromWire(reply.error);
      return reply;
    } finally {
      // The one that is still waited for ends with this; its failure is nobody's any more.
      answered.catch(() => undefined);
      ended.catch(() => undefined);
      waiting.abort();
    }
  }

  private async end(worker: Worker): Promise<void> {
    this.workers.delete(worker);
    await worker.terminate();
  }
}

async function stopped(cause: unknown): Promise<never> {
  throw new CallfsError('METADATA_UNAVAILABLE', 'The check of the metadata stopped before its end; try again.', { cause });
}
