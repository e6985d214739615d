import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from './startup-error';

/** First this long, then twice as long each time, up to the longest. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;

export interface Waiting {
  /** 0: one attempt. */
  readonly forMs: number;
  /** Told of each failure that is waited for. */
  readonly onRetry: (failure: StartupError) => void;
  readonly signal?: AbortSignal;
}

/** Tries `start` again for as long as it fails for a dependency that may yet come; any other failure is final. */
export async function waitForDependencies<T>(start: () => Promise<T>, { forMs, onRetry, signal }: Waiting): Promise<T> {
  const deadline = performance.now() + forMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await start();
    } catch (error) {
      const leftMs = deadline - performance.now();
      if (!(error instanceof StartupError && error.kind === 'dependency') || leftMs <= 0) throw error;
      onRetry(error);
      await sleep(Math.min(pauseMs, leftMs), undefined, { signal });
    }
  }
}
