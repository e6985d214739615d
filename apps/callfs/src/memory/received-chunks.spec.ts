import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { chunkReceived } from './received-chunks';

const MIB = 1024 * 1024;

/** The collections that were asked for during `work`, by kind. */
async function collectionsOf(work: () => void): Promise<number[]> {
  const entries: PerformanceEntry[] = [];
  const observer = new PerformanceObserver((list) => entries.push(...list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  work();
  // Node hands the entries on in a later turn.
  await new Promise(setImmediate);
  entries.push(...observer.takeRecords());
  observer.disconnect();
  const details = entries.map((entry) => (entry as PerformanceEntry & { detail: { kind: number; flags: number } }).detail);
  return details.filter(({ flags }) => flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED).map(({ kind }) => kind);
}

describe('chunkReceived', () => {
  it('has a minor collection made every 8 MiB', async () => {
    const kinds = await collectionsOf(() => {
      for (let mib = 0; mib < 31; mib++) chunkReceived(MIB);
    });
    expect(kinds).toEqual(Array(3).fill(constants.NODE_PERFORMANCE_GC_MINOR));
  });
});
