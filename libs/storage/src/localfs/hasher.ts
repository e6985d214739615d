import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { THREAD_MEMORY, type StorageKey } from '@callfs/core';
import type { EndedSums } from '../content-sums';
import { storageFailure } from './localfs-errors';

interface Piece {
  readonly id: number;
  readonly wantsDigest: boolean;
  readonly content: Uint8Array;
  /** With the last piece: whose the content is. */
  readonly key?: StorageKey;
}

export type HasherRequest = Piece | { readonly id: number; readonly content?: undefined };

/** To each piece one, in their order: to the last the sums, before it nothing. A request without a piece drops the content. */
export type HasherReply = EndedSums | null;

/** Contents that are hashed there at once. More would not be done sooner, and would run out of large buffers. */
const MAX_OPEN = 4;

interface Pending {
  readonly resolve: (reply: HasherReply) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Sums and hashes large contents in a thread of its own: at 1 GB/s that is most of what an upload costs, and on the event
 * loop every other request would wait for it. The first large content starts the thread; of many at once it takes a few.
 */
export class Hasher {
  private readonly pending: Pending[] = [];
  private worker: Worker | undefined;
  private closing = false;
  private openCount = 0;
  private lastId = 0;
  /** The contents with smaller numbers were begun in a thread that has ended. */
  private firstId = 1;

  /** Nothing when the thread has enough to do. To be ended or dropped. */
  open(wantsDigest: boolean): ThreadSums | undefined {
    if (this.openCount >= MAX_OPEN) return undefined;
    this.openCount++;
    return new ThreadSums(this, ++this.lastId, wantsDigest);
  }

  /** Resolves when it has been done. `BACKEND_UNAVAILABLE` when the thread ends before, or has ended since the first piece. */
  take(piece: Piece): Promise<HasherReply> {
    return new Promise((resolve, reject) => {
      if (this.closing || piece.id < this.firstId) return reject(stopped(undefined));
      this.worker ??= this.spawn();
      // While nobody waits for it, the process may end.
      if (this.pending.length === 0) this.worker.ref();
      this.pending.push({ resolve, reject });
      const { buffer } = piece.content;
      this.worker.postMessage(piece, buffer instanceof ArrayBuffer ? [buffer] : []);
    });
  }

  /** Nothing more comes of a content; of one that was not ended the thread has to be told. */
  leave(id: number, isEnded: boolean): void {
    this.openCount--;
    if (!isEnded) this.worker?.postMessage({ id } satisfies HasherRequest);
  }

  /** Lets what is under way come to its end. */
  async close(): Promise<void> {
    this.closing = true;
    if (!this.worker) return;
    const ended = once(this.worker, 'exit');
    this.worker.ref();
    this.worker.postMessage('close');
    await ended;
  }

  private spawn(): Worker {
    const worker = new Worker(join(__dirname, 'hasher-thread.js'), { resourceLimits: THREAD_MEMORY });
    let cause: unknown;
    worker.on('message', (reply: HasherReply) => {
      this.pending.shift()?.resolve(reply);
      if (this.pending.length === 0) worker.unref();
    });
    worker.on('error', (error) => (cause = error));
    worker.on('exit', () => {
      this.worker = undefined;
      this.firstId = this.lastId + 1;
      for (const pending of this.pending.splice(0)) pending.reject(stopped(cause));
    });
    return worker;
  }
}

/** `ContentSums` of one content in the thread. */
export class ThreadSums {
  private isOpen = true;

  constructor(
    private readonly hasher: Hasher,
    private readonly id: number,
    private readonly wantsDigest: boolean,
  ) {}

  /** Shared memory is read where it is, so it has to stay as it is until this resolves; other memory is copied. */
  add(content: Uint8Array): Promise<void> {
    const added = this.hasher.take(this.piece(content)).then(() => undefined);
    // Its failure is met by whoever waits for it, later; until then it is not unhandled.
    added.catch(() => undefined);
    return added;
  }

  async end(last: Uint8Array, key: StorageKey): Promise<EndedSums> {
    const ended = (await this.hasher.take({ ...this.piece(last), key })) as EndedSums;
    this.leave(true);
    return ended;
  }

  /** Nothing will come of it. When it was ended, or dropped before, this does nothing. */
  drop(): void {
    this.leave(false);
  }

  private leave(isEnded: boolean): void {
    if (this.isOpen) this.hasher.leave(this.id, isEnded);
    this.isOpen = false;
  }

  private piece(content: Uint8Array): Piece {
    const { id, wantsDigest } = this;
    // Other memory is the caller's again before it is read.
    const isShared = content.buffer instanceof SharedArrayBuffer;
    return { id, wantsDigest, content: isShared ? content : new Uint8Array(content) };
  }
}

function stopped(cause: unknown): Error {
  return storageFailure('sum a content', cause instanceof Error ? cause : new Error('the thread that does it has ended'));
}
