import type { BlobProblem } from './blob-audit';

/** Told of what the upkeep does, for the metrics. */
export interface UpkeepObserver {
  /** Blobs that belonged to nothing were left to the collector. */
  orphaned(backend: string, blobs: number): void;
  /** A blob was read to its end, or found to be other than it should be. */
  scrubbed(status: 'ok' | 'repaired' | BlobProblem, bytes: number): void;
}

export const UPKEEP_OBSERVER = Symbol('callfs.upkeep-observer');
