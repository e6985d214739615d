import { setTimeout as delay } from 'node:timers/promises';

/** A short burst is let through at once, so that small blobs do not each wait for a timer. */
const BURST_MS = 100;

/** Spreads work over time: so many bytes a second, no more. */
export class ByteRate {
  private freeAt = 0;

  constructor(private readonly bytesPerSecond: number) {}

  /** Resolves when the next bytes may come; rejects with the signal's reason. */
  async spend(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const now = performance.now();
    this.freeAt = Math.max(this.freeAt, now) + (bytes / this.bytesPerSecond) * 1000;
    if (this.freeAt - now <= BURST_MS) return;
    await delay(this.freeAt - now, undefined, { signal, ref: false }).catch(() => signal.throwIfAborted());
  }
}
