import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A body that knows which of its chunks somebody still holds. It waits once, before the last of them. */
export class WatchedBody implements AsyncIterableIterator<Uint8Array> {
  /** Resolves when all but the last are taken, and that is asked for. */
  readonly isWaitedFor: Promise<void>;
  private readonly chunks: WeakRef<Buffer>[] = [];
  private reached: () => void = () => undefined;

  constructor(
    private readonly size: number,
    private readonly count: number,
    private readonly more: Promise<void>,
  ) {
    this.isWaitedFor = new Promise((resolve) => (this.reached = resolve));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.chunks.length === this.count) return { done: true, value: undefined };
    if (this.chunks.length === this.count - 1) {
      this.reached();
      await this.more;
    }
    return { done: false, value: this.make() };
  }

  /** How many chunks are still held, by anybody. */
  async held(): Promise<number> {
    await turn();
    collectGarbage();
    return this.chunks.filter((chunk) => chunk.deref() !== undefined).length;
  }

  private make(): Buffer {
    const chunk = Buffer.alloc(this.size, this.chunks.length + 1);
    this.chunks.push(new WeakRef(chunk));
    return chunk;
  }
}

/** All of it, now. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
