import { CallfsError } from '@callfs/core';

/** How long a peer may take no more of a body. */
const STALL_MS = 10_000;
/** From the last byte of a body to the answer: the peer syncs its disk meanwhile. */
const STORED_MS = 30_000;
const NEVER_MS = 2 ** 31 - 1;

export interface SendingOptions {
  /** What the body must come to, where that is known. */
  readonly size: number | undefined;
  readonly signal: AbortSignal;
  /** Called with how long the peer may be silent from now on. */
  readonly within: (ms: number) => void;
}

/**
 * A body on its way to a peer. While its source is waited for no time runs, for that is not the peer's doing. What the source
 * fails with is kept, for it says more than what became of the connection.
 */
export class SendingBody implements AsyncIterable<Uint8Array> {
  failed: { readonly error: unknown } | undefined;

  constructor(
    private readonly source: AsyncIterable<Uint8Array>,
    private readonly options: SendingOptions,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { size, signal, within } = this.options;
    const chunks = this.source[Symbol.asyncIterator]();
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    aborted.catch(() => undefined);
    let length = 0;
    let isOver = false;
    try {
      for (;;) {
        within(NEVER_MS);
        const next = await Promise.race([chunks.next(), aborted]);
        signal.throwIfAborted();
        if (next.done) break;
        length += next.value.length;
        if (size !== undefined && length > size) throw wrongLength(size, length);
        within(STALL_MS);
        yield next.value;
      }
      isOver = true;
      if (size !== undefined && length !== size) throw wrongLength(size, length);
      within(STORED_MS);
    } catch (error) {
      this.failed ??= { error };
      throw error;
    } finally {
      if (!isOver) void chunks.return?.().catch(() => undefined);
    }
  }
}

function wrongLength(size: number, length: number): CallfsError {
  return new CallfsError('CONTENT_LENGTH_MISMATCH', `The body has ${length} bytes or more, and ${size} were announced.`);
}
