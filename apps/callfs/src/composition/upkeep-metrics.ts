import type { Metrics } from '../metrics/catalogue';
import type { UpkeepObserver } from '../use-cases/upkeep/upkeep-observer';

/** Counts what the upkeep of the blobs does. */
export function upkeepObserver({ orphanedBlobs, scrubBlobs, scrubBytes }: Metrics): UpkeepObserver {
  return {
    orphaned: (backend, blobs) => orphanedBlobs.inc({ backend_type: backend }, blobs),
    scrubbed: (status, bytes) => {
      scrubBlobs.inc({ status });
      scrubBytes.inc(bytes);
    },
  };
}
