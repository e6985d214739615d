import { mkdirSync, readdirSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newStorageKey, type StorageKey } from '@callfs/core';
import { openS3, type S3Options, type StorageProvider } from '@callfs/storage';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy } from '../../../test/support/fault-proxy';
import { TestBucket } from '../../../test/support/s3-bucket';
import { SmallDisk } from '../../../test/support/small-disk';
import { collect, failing, failureOf, inChunks, pattern, sha256, stalling } from '../src/testing/bodies';
import { openBelow } from '../src/testing/open-below';
import { collectGarbage } from '../src/testing/watched-body';

const KIB = 1024;
const MIB = 1024 * KIB;
/** What all uploads of a provider have when nothing else is said, and the least that there is for those that come. */
const MEMORY = 128 * MIB;
const LEAST = 64 * MIB;
const PART = 8 * MIB;
const GONE = new Error('the client went away');

let bucket: TestBucket;
let proxy: FaultProxy;
let provider: StorageProvider;
let disk: SmallDisk | undefined;
let stop: AbortController;
let stalled: Promise<Error>[];

beforeAll(async () => {
  bucket = await TestBucket.start();
  proxy = await FaultProxy.start(bucket.server.port);
});

afterAll(async () => {
  await proxy?.stop();
  await bucket?.stop();
});

beforeEach(() => {
  stop = new AbortController();
  stalled = [];
  proxy.fault = () => undefined;
  proxy.seen.length = 0;
});

afterEach(async () => {
  await clientsGo();
  await provider.close();
  disk?.unmount();
  disk = undefined;
  expect(inSpool()).toBe(0);
  expect(readdirSync(bucket.spoolPath)).toEqual([]);
  expect(await bucket.leftovers()).toEqual([]);
});

const inSpool = (): number => openBelow(bucket.spoolPath);

async function open(overrides: Partial<S3Options> = {}): Promise<void> {
  provider = await openS3(bucket.options({ endpoint: proxy.url, ...overrides }));
}

/** So many clients that send the beginning of a body and fall silent; resolves when what they sent was taken. */
async function stall(count: number, sent: number, size?: number): Promise<void> {
  const content = pattern(sent);
  const one = (): Promise<void> =>
    new Promise((taken) => {
      const body = stalling(content, sent, taken);
      stalled.push(failureOf(provider.write(newStorageKey(), body, { size, signal: stop.signal })));
    });
  await Promise.all(Array.from({ length: count }, one));
}

async function clientsGo(): Promise<void> {
  stop.abort(GONE);
  for (const failure of await Promise.all(stalled.splice(0))) expect(failure).toBe(GONE);
}

/** With as little memory as there can be, all of it taken by clients that are silent. */
async function openWithoutMemory(overrides: Partial<S3Options> = {}): Promise<void> {
  await open({ uploadBufferBytes: LEAST, ...overrides });
  await stall(LEAST / PART, 64 * KIB);
}

/** Stores `content`; `halfway` is called when half of it was taken, `onTake` before each chunk with the bytes until its end. */
async function store(
  content: Buffer,
  halfway: () => void = () => undefined,
  onTake: (bytes: number) => void = () => undefined,
): Promise<StorageKey> {
  const key = newStorageKey();
  let taken = 0;
  const body = (async function* () {
    for await (const chunk of inChunks(content, 64 * KIB)) {
      if (taken < content.length / 2 && taken + chunk.length >= content.length / 2) halfway();
      onTake((taken += chunk.length));
      yield chunk;
    }
  })();
  await provider.write(key, body, { size: content.length });
  return key;
}

async function expectStored(key: StorageKey, content: Buffer): Promise<void> {
  expect(sha256(await collect(await provider.read(key)))).toBe(sha256(content));
}

describe('D1 clients that fall silent in the middle of an upload', () => {
  it('1,000 of 5 MiB: in bounded memory, and the others go on', async () => {
    await open();
    const contents = [pattern(20 * MIB, 2), pattern(5 * MIB, 3), pattern(100 * KIB, 4)];
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;

    await stall(1_000, 64 * KIB, 5 * MIB);
    collectGarbage();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MEMORY);
    expect(inSpool()).toBeGreaterThan(900);

    for (const content of contents) await expectStored(await store(content), content);
  });

  it('a part that came to the disk is sent again when the server fails to take it', async () => {
    await openWithoutMemory();
    const content = pattern(20 * MIB, 5);
    const failures = ['partNumber=1&', 'partNumber=2&', 'partNumber=3&'];
    proxy.fault = ({ path }) => {
      const at = failures.findIndex((part) => path.includes(part));
      if (at < 0) return undefined;
      failures.splice(at, 1);
      return { status: 500, body: '<Error><Code>InternalError</Code></Error>' };
    };
    let atHalf = 0;
    const key = await store(content, () => (atHalf = inSpool()));
    expect(atHalf).toBe(1);
    expect(failures).toEqual([]);
    expect(proxy.seen.filter(({ path }) => path.includes('partNumber=')).length).toBe(6);
    await expectStored(key, content);
  });

  it.each([PART - 1, PART, 2 * PART + 1])(
    'a body of %i bytes comes through the disk, whether its length is known or not',
    async (size) => {
      await openWithoutMemory();
      const content = pattern(size, 6);
      await expectStored(await store(content), content);
      const key = newStorageKey();
      let most = 0;
      const body = (async function* () {
        for await (const chunk of inChunks(content, 50_000)) {
          most = Math.max(most, inSpool());
          yield chunk;
        }
      })();
      expect(await provider.write(key, body)).toEqual({ key, size });
      expect(most).toBe(1);
      await expectStored(key, content);
    },
  );

  it('what one of them has on the disk is freed when it goes', async () => {
    await openWithoutMemory();
    await stall(1, MIB);
    await stall(1, PART + MIB, 20 * MIB);
    expect(inSpool()).toBe(2);
    const failure = await failureOf(provider.write(newStorageKey(), failing(pattern(MIB), MIB, GONE)));
    expect(failure).toBe(GONE);
    expect(inSpool()).toBe(2);
    await clientsGo();
    expect(inSpool()).toBe(0);
  });

  it('memory that is being sent is waited for: nothing comes to the disk for it', async () => {
    await open({ uploadBufferBytes: LEAST });
    const content = pattern(PART - 1024, 7);
    const count = Math.floor(LEAST / PART);
    let go: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (go = resolve));
    let allAreSent: () => void = () => undefined;
    const sent = new Promise<void>((resolve) => (allAreSent = resolve));
    let puts = 0;
    proxy.fault = ({ method }) => {
      if (method !== 'PUT') return undefined;
      if (++puts === count) allAreSent();
      return { until };
    };
    const writes = Array.from({ length: count }, () => store(content));
    await sent;
    let most = 0;
    writes.push(...Array.from({ length: count }, () => store(content, () => (most = Math.max(most, inSpool())))));
    go();
    await Promise.all(writes);
    expect(puts).toBe(2 * count);
    expect(most).toBe(0);
  });
});

it('D1 600 clients that stop reading in the middle of a download: the others are answered', async () => {
  await open({ endpoint: bucket.options().endpoint });
  const content = pattern(MIB, 9);
  const key = await store(content);
  const begun = Array.from({ length: 600 }, async () => {
    const body = (await provider.read(key))[Symbol.asyncIterator]();
    await body.next();
    return body;
  });
  const bodies = await Promise.all(begun);
  await expectStored(await store(pattern(MIB, 10)), pattern(MIB, 10));
  const [one, ...others] = bodies;
  const rest: Buffer[] = [];
  for (let next = await one!.next(); !next.done; next = await one!.next()) rest.push(Buffer.from(next.value));
  expect(sha256(Buffer.concat(rest))).toBe(sha256(content.subarray(64 * KIB)));
  for (const body of others) await body.return?.();
});

describe('S3 a disk that takes no part: the upload waits for memory', () => {
  const SIZE = 12 * MIB;
  const content = pattern(SIZE, 8);
  let path: string;
  let told: string[];

  beforeEach(async () => {
    disk = SmallDisk.mount(32 * MIB);
    path = join(disk.path, 'spool');
    told = [];
    const spoolEvents = { refused: (why: string) => told.push(why), usable: () => told.push('usable') };
    await openWithoutMemory({ spoolPath: path, spoolEvents });
  });

  const fillDisk = (): void => {
    const { bavail, bsize } = statfsSync(path);
    writeFileSync(join(path, '..', 'filler'), Buffer.alloc(bavail * bsize));
  };

  /** It takes so much of the body, then waits until a client has gone, and comes through. */
  const expectWaits = async (at: number, halfway: () => void = () => undefined): Promise<void> => {
    let taken = 0;
    const upload = store(content, halfway, (bytes) => (taken = bytes));
    // Requests to the server and back, while the upload can go on.
    await expect.poll(() => taken).toBe(at);
    await provider.check();
    expect(taken).toBe(at);
    await clientsGo();
    await expectStored(await upload, content);
    expect(openBelow(path)).toBe(0);
  };

  it('full', async () => {
    fillDisk();
    await expectWaits(64 * KIB);
    expect(told).toEqual(['reserve']);
  });

  it('read-only', async () => {
    disk?.makeReadOnly();
    await expectWaits(64 * KIB);
    expect(told).toEqual(['EROFS']);
  });

  it('with less room than it leaves to others', async () => {
    const { bavail, bsize } = statfsSync(path);
    writeFileSync(join(path, '..', 'filler'), Buffer.alloc(bavail * bsize - PART - MIB));
    await expectWaits(64 * KIB);
  });

  it('full in the middle of a part', async () => {
    await expectWaits(SIZE / 2, fillDisk);
    expect(told[0]).toBe('ENOSPC');

    rmSync(join(path, '..', 'filler'));
    stop = new AbortController();
    await stall(LEAST / PART, 64 * KIB);
    await expectStored(await store(content), content);
    expect(told.at(-1)).toBe('usable');
  });
});

describe('the directory of the spool', () => {
  it('is emptied at the start', async () => {
    writeFileSync(join(bucket.spoolPath, 'of-a-process-that-died'), 'x');
    await open();
    expect(readdirSync(bucket.spoolPath)).toEqual([]);
  });

  it('that is a link is refused, and what it leads to is left alone', async () => {
    await open();
    disk = SmallDisk.mount(MIB);
    const spoolPath = join(disk.path, 'spool');
    mkdirSync(join(disk.path, 'others'));
    writeFileSync(join(disk.path, 'others', 'file'), 'x');
    symlinkSync(join(disk.path, 'others'), spoolPath);
    const failure = await failureOf(openS3(bucket.options({ spoolPath })));
    expect(failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(failure.message).toContain(spoolPath);
    expect(readdirSync(join(disk.path, 'others'))).toEqual(['file']);
  });
});
