import { randomUUID } from 'node:crypto';
import { CallfsError } from '@callfs/core';
import type { FenceSource, HeldLock, LockOptions } from './lock-contract';

interface Holder {
  readonly id: string;
  readonly options: LockOptions;
  readonly sinceMs: number;
}

interface Waiter {
  readonly holder: Holder;
  readonly grant: () => void;
}

/** One name: who holds it, and who is next. */
interface Slot {
  holder: Holder;
  readonly waiters: Waiter[];
}

const NEVER = new AbortController().signal;

/** Locks of one process: first come, first served; gone with the process, so nothing can be left behind. */
export class LockService {
  private readonly slots = new Map<string, Slot>();

  constructor(
    private readonly fences: FenceSource,
    private readonly options: { readonly instanceId: string; readonly acquireTimeoutMs: number },
  ) {}

  get active(): number {
    return this.slots.size;
  }

  /** Holds all of `names` (in order, so that nobody waits in a circle), runs `work`, releases. `LOCK_TIMEOUT`. */
  async withLock<T>(names: readonly string[], work: (lock: HeldLock) => Promise<T>, options: LockOptions): Promise<T> {
    const sorted = names.length === 1 ? names : [...new Set(names)].sort();
    const holder = { id: randomUUID(), options, sinceMs: performance.now() };
    const held: string[] = [];
    try {
      for (const name of sorted) {
        await this.acquire(name, holder);
        held.push(name);
      }
      return await work({ names: sorted, fence: await this.fences.nextFence(), signal: NEVER });
    } finally {
      for (const name of held) this.release(name);
    }
  }

  private acquire(name: string, holder: Holder): Promise<void> | undefined {
    const slot = this.slots.get(name);
    if (slot) return this.wait(name, slot, holder);
    this.slots.set(name, { holder, waiters: [] });
    return undefined;
  }

  private wait(name: string, slot: Slot, holder: Holder): Promise<void> {
    const { waitMs = this.options.acquireTimeoutMs, signal } = holder.options;
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', giveUp);
      };
      const waiter: Waiter = {
        holder,
        grant: () => {
          settle();
          resolve();
        },
      };
      const leave = (error: unknown) => {
        settle();
        slot.waiters.splice(slot.waiters.indexOf(waiter), 1);
        reject(error instanceof Error ? error : new Error('The caller has gone away.'));
      };
      const giveUp = () => leave(signal?.reason);
      const timer = setTimeout(() => leave(this.timeout(name, slot.holder)), waitMs);
      signal?.addEventListener('abort', giveUp);
      slot.waiters.push(waiter);
    });
  }

  private release(name: string): void {
    const slot = this.slots.get(name);
    const next = slot?.waiters.shift();
    if (!slot || !next) {
      this.slots.delete(name);
      return;
    }
    slot.holder = next.holder;
    next.grant();
  }

  private timeout(name: string, holder: Holder): CallfsError {
    return new CallfsError('LOCK_TIMEOUT', `failed to acquire lock on ${name}`, {
      details: {
        path: name,
        lock_id: holder.id,
        holder_instance: this.options.instanceId,
        operation: holder.options.operation,
        age_ms: Math.round(performance.now() - holder.sinceMs),
        retry_after: 1,
      },
    });
  }
}
