interface Sleeper {
  woken: boolean;
  wake?: () => void;
}

/** Lets claims sleep until somebody wakes them. A wake-up that comes before the sleep is not lost. */
export class WakeUps {
  private readonly sleepers = new Map<string, Sleeper>();

  /** From here on wake-ups of `id` count. */
  expect(id: string): void {
    if (!this.sleepers.has(id)) this.sleepers.set(id, { woken: false });
  }

  forget(id: string): void {
    if (this.sleepers.size > 0) this.sleepers.delete(id);
  }

  wake(id: string): void {
    const sleeper = this.sleepers.get(id);
    if (!sleeper) return;
    sleeper.woken = true;
    sleeper.wake?.();
  }

  /** Until it is woken, or `ms` have passed, or `signal` aborts. */
  sleep(id: string, ms: number, signal?: AbortSignal): Promise<void> {
    const sleeper = this.sleepers.get(id);
    if (!sleeper || sleeper.woken || signal?.aborted) {
      if (sleeper) sleeper.woken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        sleeper.woken = false;
        delete sleeper.wake;
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener('abort', wake);
      sleeper.wake = wake;
    });
  }
}
