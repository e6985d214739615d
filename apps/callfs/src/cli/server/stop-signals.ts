/** SIGTERM and SIGINT: the first asks to stop, the second does not ask. */
export class StopSignals {
  /** Resolves at the first signal. */
  readonly first: Promise<void>;
  private readonly controller = new AbortController();

  constructor(onSecond: () => void) {
    this.first = new Promise((resolve) => {
      const onSignal = () => {
        if (this.signal.aborted) return onSecond();
        this.controller.abort(new Error('stopped by a signal'));
        resolve();
      };
      process.on('SIGTERM', onSignal);
      process.on('SIGINT', onSignal);
    });
  }

  /** Aborted at the first signal: whoever waits gives up. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }
}
