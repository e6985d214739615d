/**
 * Pulls a body chunk by chunk and stops waiting as soon as `signal` aborts, even when the source never answers.
 * The source is told to clean up, and not waited for: the first failure is the one that the caller hears of.
 */
export class BodySource {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private stopWaiting: ((reason: unknown) => void) | undefined;
  private done = false;
  private readonly onAbort = (): void => this.stopWaiting?.(this.signal?.reason);

  constructor(
    body: AsyncIterable<Uint8Array>,
    private readonly signal?: AbortSignal,
  ) {
    this.iterator = body[Symbol.asyncIterator]();
    signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /** The next chunk, undefined at the end. Throws the body's error or the signal's reason. */
  async next(): Promise<Uint8Array | undefined> {
    this.signal?.throwIfAborted();
    const result = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
      this.stopWaiting = reject;
      this.iterator.next().then(resolve, (error: unknown) => {
        this.done = true;
        reject(error instanceof Error ? error : new Error('the body failed', { cause: error }));
      });
    });
    if (!result.done) return result.value;
    this.done = true;
    return undefined;
  }

  close(): void {
    this.signal?.removeEventListener('abort', this.onAbort);
    if (!this.done) void this.iterator.return?.().catch(() => undefined);
    this.done = true;
  }
}
