import { BLOCK_BYTES, FOOTER_BYTES, SUM_BYTES } from './blob-format';

/** Content that one buffer takes; each has room for the sums and the footer of that much as well. */
export const SMALL_CONTENT_BYTES = BLOCK_BYTES;
export const LARGE_CONTENT_BYTES = 16 * BLOCK_BYTES;

const SMALL_BYTES = SMALL_CONTENT_BYTES + SUM_BYTES + FOOTER_BYTES;
const LARGE_BYTES = LARGE_CONTENT_BYTES + 16 * SUM_BYTES + FOOTER_BYTES;

export interface BufferLimits {
  /** Large buffers, in use or kept for the next user; who asks for more works with small ones, slower, in bounded memory. */
  readonly large: number;
  /** Small buffers kept for the next user. */
  readonly smallKept: number;
  /** With more in use than this, who can do without takes none. */
  readonly smallEnough: number;
}

const DEFAULT_LIMITS: BufferLimits = { large: 16, smallKept: 64, smallEnough: 64 };

/** Buffers that are used again, across all transfers of a provider. The memory of the large ones is shared with threads. */
export class BufferPool {
  private readonly small: Buffer[] = [];
  private readonly large: Buffer[] = [];
  private largeInUse = 0;
  private smallInUse = 0;

  constructor(private readonly limits: BufferLimits = DEFAULT_LIMITS) {}

  /** So many transfers are under way that their buffers add up. */
  get isCrowded(): boolean {
    return this.smallInUse >= this.limits.smallEnough;
  }

  takeSmall(): Buffer {
    this.smallInUse++;
    return this.small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
  }

  /** A large buffer while there are any, else a small one. */
  takeLarge(): Buffer {
    if (this.largeInUse >= this.limits.large) return this.takeSmall();
    this.largeInUse++;
    return this.large.pop() ?? Buffer.from(new SharedArrayBuffer(LARGE_BYTES));
  }

  /** Nobody, no pending system call either, touches the buffer any more. */
  give(buffer: Buffer): void {
    if (buffer.length === LARGE_BYTES) {
      // All are kept: V8 does not count shared memory, and frees it late.
      this.largeInUse--;
      this.large.push(buffer);
    } else {
      this.smallInUse--;
      if (this.small.length < this.limits.smallKept) this.small.push(buffer);
    }
  }
}

/** Bytes of content that a buffer of the pool takes: whole blocks. */
export function contentCapacity(buffer: Buffer): number {
  return buffer.length === LARGE_BYTES ? LARGE_CONTENT_BYTES : SMALL_CONTENT_BYTES;
}
