interface Waiting {
  readonly bytes: number;
  readonly proceed: () => void;
}

/** An amount of memory that is shared: who wants more than is left waits, first come first served. */
export class ByteBudget {
  private left: number;
  private readonly queue: Waiting[] = [];

  constructor(total: number) {
    this.left = total;
  }

  /** Resolves when `bytes` are the caller's; `release` gives them back. Rejects with the signal's reason. */
  async acquire(bytes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.queue.length === 0 && bytes <= this.left) {
      this.left -= bytes;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.queue.splice(this.queue.indexOf(waiting), 1);
        this.serve();
        reject(signal?.reason as Error);
      };
      const waiting = {
        bytes,
        proceed: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      this.queue.push(waiting);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  release(bytes: number): void {
    this.left += bytes;
    this.serve();
  }

  private serve(): void {
    for (let next = this.queue[0]; next && next.bytes <= this.left; next = this.queue[0]) {
      this.left -= next.bytes;
      this.queue.shift();
      next.proceed();
    }
  }
}
