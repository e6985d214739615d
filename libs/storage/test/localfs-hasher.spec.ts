import type { Worker } from 'node:worker_threads';
import { newStorageKey } from '@callfs/core';
import type { LocalfsProvider } from '@callfs/storage';
import { describe, expect, it } from 'vitest';
import { collect, failureOf, inChunks, pattern, sha256 } from '../src/testing/bodies';
import { filesBelow, freshRoot, openAt } from './localfs-root';

const MIB = 1024 * 1024;
const CONTENT = pattern(6 * MIB + 3, 1);

/** The thread that hashes, once something large was written. */
function threadOf(provider: LocalfsProvider): Worker | undefined {
  return (provider as unknown as { hasher: { worker: Worker | undefined } }).hasher.worker;
}

const write = (provider: LocalfsProvider, content = CONTENT) =>
  provider.write(newStorageKey(), inChunks(content, 65_536), { size: content.length, sha256: true });

describe('the thread that hashes', () => {
  it('is started by the first large content', async () => {
    const provider = await openAt(freshRoot());
    expect(await write(provider, CONTENT.subarray(0, MIB))).toMatchObject({ sha256: sha256(CONTENT.subarray(0, MIB)) });
    await provider.write(newStorageKey(), inChunks(CONTENT.subarray(0, 1000), 100));
    expect(threadOf(provider)).toBeUndefined();
    expect(await write(provider)).toMatchObject({ sha256: sha256(CONTENT) });
    expect(threadOf(provider)).toBeDefined();
  });

  it('may end at any moment: what it was hashing fails and leaves nothing, and the next has another', async () => {
    const root = freshRoot();
    const provider = await openAt(root);
    await write(provider);
    const before = filesBelow(root);
    const body = async function* () {
      yield* inChunks(CONTENT.subarray(0, 4 * MIB), 65_536);
      await threadOf(provider)?.terminate();
      yield* inChunks(CONTENT.subarray(4 * MIB), 65_536);
    };
    const failure = await failureOf(provider.write(newStorageKey(), body(), { size: CONTENT.length, sha256: true }));
    expect(failure).toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: 'The storage failed to sum a content. Try again later.',
    });
    expect(filesBelow(root)).toEqual(before);

    const { key, sha256: digest } = await write(provider);
    expect(digest).toBe(sha256(CONTENT));
    expect((await collect(await provider.read(key))).equals(CONTENT)).toBe(true);
  });

  it('keeps nothing of a write that was given up', async () => {
    const provider = await openAt(freshRoot());
    const gone = new Error('gone');
    const body = async function* () {
      yield* inChunks(CONTENT.subarray(0, 4 * MIB), 65_536);
      throw gone;
    };
    const given = Array.from({ length: 20 }, () => failureOf(provider.write(newStorageKey(), body(), { sha256: true })));
    expect(new Set(await Promise.all(given))).toEqual(new Set([gone]));
    expect(await write(provider)).toMatchObject({ sha256: sha256(CONTENT) });
  });
});
