import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';

const PATIENCE_MS = 30_000;

/**
 * What a node's disk holds of writes that failed. The node learns a moment later than the client that there is nothing more
 * to come; what is there for good is what counts.
 */
export async function pollEmptyStaging(dataDir: string): Promise<string[]> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const left = await unfinished(join(dataDir, 'staging'));
    if (left.length === 0 || performance.now() > deadline) return left;
    await delay(10);
  }
}

/**
 * Resolves when a node has begun to write what a request brings: it has the first bytes, and the upload to itself. That a
 * request is being received may be said before either.
 */
export async function pollBegunWriting(dataDir: string): Promise<void> {
  await expect.poll(() => unfinished(join(dataDir, 'staging')), { timeout: PATIENCE_MS, interval: 10 }).toHaveLength(1);
}

/** A second link belongs to a blob that is complete and waits for its commit. */
async function unfinished(staging: string): Promise<string[]> {
  const names = await readdir(staging);
  const links = await Promise.all(names.map((name) => stat(join(staging, name)).catch(() => undefined)));
  return names.filter((_, i) => links[i]?.nlink === 1);
}
