import { newStorageKey, type StorageKey } from '@callfs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GUEST_PREFIX, OWNER_MARK, type PlaceMarks } from '../place-marks';
import type { StorageProvider } from '../storage-provider';
import { collect, failing, failureOf, inChunks, inReusedMemory, pattern, sha256, stalling } from './bodies';
import { openBelow } from './open-below';
import { WatchedBody } from './watched-body';

const KIB = 1024;
const MIB = 1024 * KIB;

export interface StorageProviderHarness {
  open(): Promise<StorageProvider>;
  /** Names of what the backend holds beside complete objects: staged files, unfinished uploads. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
  /** Sizes beyond those that every backend is tried with: around its own limits. */
  readonly sizes?: readonly number[];
  /** Where the provider has files of its own, whose descriptors come back at once; sockets that are kept alive do not. */
  readonly root?: string;
  /** Whether an object that is deleted while it is read is read to its end. */
  readonly finishesDeletedReads: boolean;
  /** Whether the backend says itself whose its blobs are; what is another node's does not. */
  readonly isClaimable: boolean;
}

/** What every `StorageProvider` has to pass. */
export function storageProviderSuite(name: string, harness: StorageProviderHarness): void {
  describe(`StorageProvider ${name}`, () => {
    let provider: StorageProvider;

    beforeAll(async () => {
      provider = await harness.open();
      idle = descriptors();
    });
    afterAll(async () => {
      await provider.close();
      await harness.close();
    });

    const store = async (content: Buffer, chunkSize = 64 * KIB): Promise<StorageKey> => {
      const key = newStorageKey();
      await provider.write(key, inChunks(content, chunkSize), { size: content.length });
      await provider.settle?.(key);
      return key;
    };
    const keys = async (): Promise<StorageKey[]> => {
      const found: StorageKey[] = [];
      for await (const object of provider.list()) found.push(object.key);
      return found;
    };
    const descriptors = (): number => (harness.root === undefined ? 0 : openBelow(harness.root));
    let idle: number;
    /** A file that nobody waits for is closed a moment later. */
    const expectAllClosed = () => expect.poll(descriptors, { timeout: 60_000 }).toBe(idle);
    const expectNothingOf = async (key: StorageKey): Promise<void> => {
      expect(await failureOf(provider.stat(key))).toMatchObject({ code: 'FILE_NOT_FOUND' });
      expect(await keys()).not.toContain(key);
      expect(await harness.leftovers()).toEqual([]);
    };

    describe('content comes back as it was written', () => {
      const sizes = [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 256 * KIB, 256 * KIB + 1, MIB - 1, MIB, MIB + 1, 5 * MIB];
      it.each([...sizes, ...(harness.sizes ?? [])])('%i bytes', async (size) => {
        const content = pattern(size);
        const key = await store(content);
        expect(await provider.stat(key)).toEqual({ key, size });
        const read = await collect(await provider.read(key));
        expect(read.length).toBe(size);
        expect(sha256(read)).toBe(sha256(content));
      });

      it.each([
        ['of one byte', 150 * KIB, 1],
        ['of 7 bytes', 300 * KIB, 7],
        ['of 65,537 bytes', 3 * MIB, 64 * KIB + 1],
        ['of 4 MiB', 9 * MIB + 5, 4 * MIB],
      ])('in chunks %s', async (_, size, chunkSize) => {
        const content = pattern(size, 2);
        const key = await store(content, chunkSize);
        expect(sha256(await collect(await provider.read(key)))).toBe(sha256(content));
      });

      it('with empty chunks between', async () => {
        const content = pattern(200 * KIB, 3);
        const key = newStorageKey();
        await provider.write(
          key,
          (async function* () {
            yield Buffer.alloc(0);
            for await (const chunk of inChunks(content, 10_000)) {
              yield chunk;
              yield Buffer.alloc(0);
            }
          })(),
        );
        expect(sha256(await collect(await provider.read(key)))).toBe(sha256(content));
      });

      it.each([KIB, 64 * KIB, 2 * MIB])('from a producer that uses %i bytes of memory over and over', async (chunkSize) => {
        const content = pattern(5 * MIB + 17, 4);
        const key = newStorageKey();
        await provider.write(key, inReusedMemory(content, chunkSize));
        expect(sha256(await collect(await provider.read(key)))).toBe(sha256(content));
      });

      it('and what waits for more of it holds none that came before', async () => {
        let go: () => void = () => undefined;
        const more = new Promise<void>((resolve) => (go = resolve));
        const [size, count] = [64 * KIB, 40];
        const body = new WatchedBody(size, count, more);
        const key = newStorageKey();
        const written = provider.write(key, body, { size: size * count });
        await body.isWaitedFor;
        expect(await body.held()).toBe(0);
        go();
        expect(await written).toEqual({ key, size: size * count });
      });

      it('of unknown length', async () => {
        const content = pattern(MIB + 3, 5);
        const key = newStorageKey();
        expect(await provider.write(key, inChunks(content, 50_000))).toEqual({ key, size: content.length });
        expect(sha256(await collect(await provider.read(key)))).toBe(sha256(content));
      });

      it.each([
        [0, 'known'],
        [1, 'known'],
        [64 * KIB, 'known'],
        [64 * KIB + 1, 'unknown'],
        [MIB, 'known'],
        [MIB + 1, 'known'],
        [5 * MIB + 7, 'known'],
        [5 * MIB, 'unknown'],
      ])('%i bytes of %s length with their SHA-256, when that is asked for', async (size, length) => {
        const content = pattern(size, 8);
        const key = newStorageKey();
        const options = { sha256: true, size: length === 'known' ? size : undefined };
        expect(await provider.write(key, inReusedMemory(content, 50_000), options)).toEqual({
          key,
          size,
          sha256: sha256(content),
        });
        expect(sha256(await collect(await provider.read(key)))).toBe(sha256(content));
      });

      it('many large ones at once, each with its own SHA-256', async () => {
        const contents = Array.from({ length: 8 }, (_, number) => pattern(3 * MIB + number, 20 + number));
        const written = contents.map((content) => provider.write(newStorageKey(), inChunks(content, 60_000), { sha256: true }));
        expect((await Promise.all(written)).map((object) => object.sha256)).toEqual(contents.map((content) => sha256(content)));
      });
    });

    describe('ranges', () => {
      const small = pattern(100 * KIB, 6);
      const large = pattern(5 * MIB + 11, 7);
      let smallKey: StorageKey;
      let largeKey: StorageKey;
      beforeAll(async () => {
        smallKey = await store(small);
        largeKey = await store(large);
      });

      it.each([
        [0, 1],
        [0, 64 * KIB],
        [64 * KIB - 1, 2],
        [64 * KIB, 1],
        [1, 100 * KIB - 1],
        [100 * KIB - 1, 1],
        [0, 100 * KIB],
      ])('of a small object: %i, %i bytes', async (offset, length) => {
        const read = await collect(await provider.read(smallKey, { range: { offset, length } }));
        expect(read.equals(small.subarray(offset, offset + length))).toBe(true);
      });

      it.each([
        [0, 1],
        [1, 1],
        [64 * KIB - 1, 2],
        [MIB - 1, 2],
        [MIB, MIB],
        [MIB + 100, MIB],
        [100, 3 * MIB],
        [5 * MIB, 11],
        [5 * MIB + 10, 1],
        [0, 5 * MIB + 11],
      ])('of a large object: %i, %i bytes', async (offset, length) => {
        const read = await collect(await provider.read(largeKey, { range: { offset, length } }));
        expect(read.equals(large.subarray(offset, offset + length))).toBe(true);
      });
    });

    describe('a write that fails leaves nothing', () => {
      const content = pattern(3 * MIB, 8);

      it.each([0, 1, 64 * KIB, MIB, 2 * MIB + 5])('when the body fails after %i bytes', async (until) => {
        const key = newStorageKey();
        const error = new Error('the client went away');
        expect(await failureOf(provider.write(key, failing(content, until, error)))).toBe(error);
        await expectNothingOf(key);
      });

      it.each([
        [0, 1],
        [MIB, MIB + 1],
        [3 * MIB - 1, 3 * MIB],
        [1, 0],
        [64 * KIB + 1, 64 * KIB],
        [3 * MIB, MIB],
      ])('when %i bytes come and %i were announced', async (come, size) => {
        const key = newStorageKey();
        const failure = await failureOf(provider.write(key, inChunks(content.subarray(0, come), 100_000), { size }));
        expect(failure).toMatchObject({ code: 'CONTENT_LENGTH_MISMATCH' });
        await expectNothingOf(key);
      });

      it.each([0, 64 * KIB, 2 * MIB + 1])('when it is aborted while the body stalls after %i bytes', async (until) => {
        const key = newStorageKey();
        const abort = new AbortController();
        const reason = new Error('cancelled');
        const body = stalling(content, until, () => abort.abort(reason));
        expect(await failureOf(provider.write(key, body, { signal: abort.signal }))).toBe(reason);
        expect(body.returned).toBe(true);
        await expectNothingOf(key);
      });

      it('when it was aborted before it began', async () => {
        const key = newStorageKey();
        const reason = new Error('cancelled');
        const write = provider.write(key, inChunks(content, MIB), { signal: AbortSignal.abort(reason) });
        expect(await failureOf(write)).toBe(reason);
        await expectNothingOf(key);
      });

      it('when it is aborted at the last byte', async () => {
        const key = newStorageKey();
        const abort = new AbortController();
        const reason = new Error('cancelled');
        const body = (async function* () {
          yield* inChunks(content, MIB);
          abort.abort(reason);
        })();
        expect(await failureOf(provider.write(key, body, { signal: abort.signal, size: content.length }))).toBe(reason);
        await expectNothingOf(key);
      });

      it('a hundred times, nor a descriptor', async () => {
        for (let i = 0; i < 100; i++)
          await failureOf(provider.write(newStorageKey(), failing(content, (i * 40_961) % content.length, new Error('gone'))));
        expect(await harness.leftovers()).toEqual([]);
        await expectAllClosed();
      });
    });

    describe('reading', () => {
      it('FILE_NOT_FOUND before any byte', async () => {
        expect(await failureOf(provider.read(newStorageKey()))).toMatchObject({ code: 'FILE_NOT_FOUND' });
        expect(await failureOf(provider.stat(newStorageKey()))).toMatchObject({ code: 'FILE_NOT_FOUND' });
      });

      it('ends with the reason when it is aborted midway', async () => {
        const key = await store(pattern(5 * MIB, 9));
        const abort = new AbortController();
        const reason = new Error('cancelled');
        const body = await provider.read(key, { signal: abort.signal });
        // What is counted is what is open.
        if (harness.root !== undefined) expect(descriptors()).toBe(idle + 1);
        const reading = (async () => {
          for await (const chunk of body) if (chunk.length > 0) abort.abort(reason);
        })();
        expect(await failureOf(reading)).toBe(reason);
        await expectAllClosed();
      });

      it('ends with the reason when it was aborted before', async () => {
        const key = await store(pattern(10, 9));
        const reason = new Error('cancelled');
        expect(await failureOf(provider.read(key, { signal: AbortSignal.abort(reason) }))).toBe(reason);
      });

      it('releases everything when the consumer leaves, at once or midway', async () => {
        const key = await store(pattern(5 * MIB, 10));
        for (let i = 0; i < 50; i++) {
          const unread = await provider.read(key);
          await unread[Symbol.asyncIterator]().return?.();
          for await (const chunk of await provider.read(key)) if (chunk.length > 0) break;
        }
        await expectAllClosed();
      });

      it('leaves a chunk alone until the next is asked for, whatever else is read', async () => {
        const content = pattern(3 * MIB, 11);
        const key = await store(content);
        const body = (await provider.read(key))[Symbol.asyncIterator]();
        const first = (await body.next()).value as Buffer;
        const copy = Buffer.from(first);
        await Promise.all(Array.from({ length: 5 }, async () => collect(await provider.read(key))));
        expect(first.equals(copy)).toBe(true);
        await body.return?.();
      });
    });

    describe('at the same time', () => {
      it('many writers and readers do not meet', async () => {
        const contents = Array.from({ length: 24 }, (_, i) => pattern((i * 217_003) % (2 * MIB + 1), i + 20));
        const written = await Promise.all(contents.map((content, i) => store(content, 1_000 + i * 9_001)));
        const read = await Promise.all(written.map(async (key) => sha256(await collect(await provider.read(key)))));
        expect(read).toEqual(contents.map(sha256));
      });

      it('many readers of one object see the same', async () => {
        const content = pattern(2 * MIB + 9, 12);
        const key = await store(content);
        const read = await Promise.all(Array.from({ length: 12 }, async () => sha256(await collect(await provider.read(key)))));
        expect(new Set(read)).toEqual(new Set([sha256(content)]));
      });
    });

    describe('deleting and listing', () => {
      it('deletes once, twice, and what never was', async () => {
        const key = await store(pattern(100, 13));
        await provider.delete(key);
        await provider.delete(key);
        await provider.delete(newStorageKey());
        await expectNothingOf(key);
      });

      it.runIf(harness.finishesDeletedReads)('C3 what is deleted while it is read is read to its end', async () => {
        const content = pattern(3 * MIB, 17);
        const key = await store(content);
        const body = await provider.read(key);
        await provider.delete(key);
        expect(sha256(await collect(body))).toBe(sha256(content));
        expect(await failureOf(provider.read(key))).toMatchObject({ code: 'FILE_NOT_FOUND' });
      });

      it('deletes what is not settled yet', async () => {
        const key = newStorageKey();
        await provider.write(key, inChunks(pattern(100, 14), 100));
        await provider.delete(key);
        await expectNothingOf(key);
      });

      it('a settled object stays', async () => {
        const content = pattern(70_000, 15);
        const key = await store(content);
        await provider.settle?.(key);
        expect((await collect(await provider.read(key))).equals(content)).toBe(true);
      });

      it('lists everything that is complete, with size and time', async () => {
        const before = Date.now() - 5_000;
        const sizes = [0, 1, 64 * KIB, 64 * KIB + 1, MIB + 1];
        const expected = new Map<StorageKey, number>();
        for (const size of sizes) expected.set(await store(pattern(size, 16)), size);
        const found = new Map<StorageKey, number>();
        for await (const { key, size, modifiedMs } of provider.list()) {
          if (!expected.has(key)) continue;
          found.set(key, size);
          expect(modifiedMs).toBeGreaterThan(before);
          expect(modifiedMs).toBeLessThan(Date.now() + 5_000);
        }
        expect(found).toEqual(expected);
      });

      it('lists nothing that is still being written', async () => {
        const key = newStorageKey();
        const abort = new AbortController();
        let stalled: () => void = () => undefined;
        const stall = new Promise<void>((resolve) => (stalled = resolve));
        const write = failureOf(provider.write(key, stalling(pattern(2 * MIB), 2 * MIB, stalled), { signal: abort.signal }));
        await stall;
        expect(await keys()).not.toContain(key);
        abort.abort();
        await write;
      });
    });

    describe.runIf(harness.isClaimable)('which stores have their blobs here', () => {
      const [first, second] = ['1'.repeat(32), '2'.repeat(32)] as const;
      const marks = (): PlaceMarks => {
        if (!provider.marks) throw new Error('The backend has no marks.');
        return provider.marks;
      };

      it('is none, then whoever claims the place first, of many at once one, until somebody takes the place of that one', async () => {
        expect(await marks().read()).toEqual({ owner: undefined, guests: [] });
        const ids = [...'abcdef'].map((digit) => digit.repeat(32));
        const told = await Promise.all(ids.map((id) => marks().claim(id)));
        const { owner: winner } = await marks().read();
        expect(ids).toContain(winner);
        expect(told).toEqual(ids.map(() => winner));
        expect(await marks().claim(first)).toBe(winner);
        expect(await marks().claim(first, second)).toBe(winner);
        expect(await marks().claim(first, winner)).toBe(first);
        expect(await marks().claim(second)).toBe(first);
        expect(await marks().claim(first)).toBe(first);
        expect(await marks().read()).toEqual({ owner: first, guests: [] });
      });

      it('is whoever enters as well, until it leaves', async () => {
        await Promise.all([marks().enter(second), marks().enter(second)]);
        expect(await marks().read()).toEqual({ owner: first, guests: [second] });
        // Whole seconds are enough for a medium.
        const written = await marks().writtenMs(GUEST_PREFIX + second);
        expect(written).toBeGreaterThan(Date.now() - 60_000);
        expect(written).toBeLessThan(Date.now() + 1000);
        expect(await marks().writtenMs(OWNER_MARK)).toBeLessThanOrEqual(written!);
        expect(await marks().writtenMs(GUEST_PREFIX + first)).toBeUndefined();
        await marks().leave(second);
        await marks().leave(second);
        expect(await marks().read()).toEqual({ owner: first, guests: [] });
      });

      it('is whoever is announced once it writes a blob', async () => {
        marks().announce(second);
        expect(await marks().read()).toEqual({ owner: first, guests: [] });
        await store(pattern(100, 18));
        expect(await marks().read()).toEqual({ owner: first, guests: [second] });
        await marks().leave(second);
        await store(pattern(100, 18));
        expect(await marks().read()).toEqual({ owner: first, guests: [] });
      });

      it('is nothing that is listed or left over', async () => {
        for (const key of await keys()) expect((await provider.stat(key)).key).toBe(key);
        expect(await harness.leftovers()).toEqual([]);
      });
    });

    it('says which stores have their blobs here only where no other node answers for them', () => {
      expect(provider.marks !== undefined).toBe(harness.isClaimable);
    });

    it('can be written to', async () => {
      await provider.check();
      expect(await harness.leftovers()).toEqual([]);
    });
  });
}
