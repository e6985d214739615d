/** Memory that is its holder's until it is released. */
export interface ByteLease {
  /** From now on nothing that a client does, or leaves undone, keeps the holder from releasing it. */
  willReturn(): void;
  /** Once is enough, and twice does no harm. */
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly proceed: () => void;
}

/**
 * An amount of memory that is shared: who wants more than is left waits, first come first served. Some of what is taken
 * comes back whatever clients do, some only when they please, and who does not want to wait for clients can tell that apart.
 */
export class ByteBudget {
  private left: number;
  /** Of what is taken: what will return. */
  private returning = 0;
  /** By all that wait. */
  private wanted = 0;
  private readonly queue: Waiting[] = [];

  constructor(total: number) {
    this.left = total;
  }

  /** Resolves when `bytes` are the caller's. Rejects with the signal's reason. */
  async acquire(bytes: number, signal?: AbortSignal): Promise<ByteLease> {
    signal?.throwIfAborted();
    if (this.queue.length === 0 && bytes <= this.left) this.left -= bytes;
    else await this.turnOf(bytes, signal);
    return this.lease(bytes);
  }

  /** The same when what is left and what will return suffice for all that wait and for this; else nothing, at once. */
  async acquireSoon(bytes: number, signal?: AbortSignal): Promise<ByteLease | undefined> {
    if (this.wanted + bytes > this.left + this.returning) return undefined;
    return this.acquire(bytes, signal);
  }

  private turnOf(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.queue.splice(this.queue.indexOf(waiting), 1);
        this.wanted -= bytes;
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
      this.wanted += bytes;
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  private lease(bytes: number): ByteLease {
    let isHeld = true;
    let isReturning = false;
    return {
      willReturn: () => {
        if (!isHeld || isReturning) return;
        isReturning = true;
        this.returning += bytes;
      },
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        if (isReturning) this.returning -= bytes;
        this.left += bytes;
        this.serve();
      },
    };
  }

  private serve(): void {
    for (let next = this.queue[0]; next && next.bytes <= this.left; next = this.queue[0]) {
      this.left -= next.bytes;
      this.wanted -= next.bytes;
      this.queue.shift();
      next.proceed();
    }
  }
}
