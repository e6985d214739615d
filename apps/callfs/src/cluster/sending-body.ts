import { CallfsError, unlessAborted } from '@callfs/core';

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

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    const { size, signal, within } = this.options;
    const chunks = this.source[Symbol.asyncIterator]();
    let length = 0;
    let isOver = false;
    const over = { done: true, value: undefined } as const;
    const leave = () => {
      if (!isOver) void chunks.return?.().catch(() => undefined);
      isOver = true;
    };
    const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      if (isOver) return over;
      try {
        within(NEVER_MS);
        const result = await unlessAborted(chunks.next(), signal);
        if (result.done) {
          isOver = true;
          if (size !== undefined && length !== size) throw wrongLength(size, length);
          within(STORED_MS);
          return over;
        }
        length += result.value.length;
        if (size !== undefined && length > size) throw wrongLength(size, length);
        within(STALL_MS);
        return result;
      } catch (error) {
        this.failed ??= { error };
        leave();
        throw error;
      }
    };
    const end = async () => {
      leave();
      return over;
    };
    return { next, return: end };
  }
}

function wrongLength(size: number, length: number): CallfsError {
  return new CallfsError('CONTENT_LENGTH_MISMATCH', `The body has ${length} bytes or more, and ${size} were announced.`);
}
