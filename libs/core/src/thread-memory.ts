import type { ResourceLimits } from 'node:worker_threads';

/**
 * For worker threads that take in one batch after the other and keep nothing: by itself V8 would let the young objects of
 * each grow to 48 MiB before it looks how few of them are in use.
 */
export const THREAD_MEMORY: ResourceLimits = { maxYoungGenerationSizeMb: 8 };
