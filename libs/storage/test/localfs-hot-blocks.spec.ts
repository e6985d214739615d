import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newStorageKey, type ByteRange } from '@callfs/core';
import type { LocalfsProvider } from '@callfs/storage';
import { beforeEach, describe, expect, it } from 'vitest';
import { HotBlocks } from '../src/localfs/hot-blocks';
import { collect, inChunks, pattern } from '../src/testing/bodies';
import { blobPath, freshRoot, openAt } from './localfs-root';

const BLOCK = 65_536;
const MIB = 2 ** 20;
const content = pattern(3 * MIB + 100);

let root: string;
let provider: LocalfsProvider;
let now: number;
let hot: HotBlocks;

beforeEach(async () => {
  root = freshRoot();
  provider = await openAt(root, { blockCacheBytes: 4 * MIB });
  now = 1_000_000;
  hot = new HotBlocks(4 * MIB, () => now);
});

async function store(bytes: Buffer): Promise<string> {
  const key = newStorageKey();
  await provider.write(key, inChunks(bytes, BLOCK));
  return key;
}

/** By a change that can be told from the writing of the blob: the clock of the file system has gone on. */
function flip(key: string, at: number): void {
  const probe = join(root, 'probe');
  const written = statSync(blobPath(root, key)).ctimeMs;
  do writeFileSync(probe, '');
  while (statSync(probe).ctimeMs === written);
  const bytes = readFileSync(blobPath(root, key));
  bytes[at]! ^= 0x10;
  writeFileSync(blobPath(root, key), bytes);
}

const read = (key: string, size: number, range?: ByteRange) => hot.read(blobPath(root, key), key, size, range);

/** Asks twice, which is what it takes. */
function keep(key: string, size: number, range?: ByteRange): Buffer | undefined {
  expect(read(key, size, range)).toBeUndefined();
  const blocks = read(key, size, range);
  return blocks && Buffer.concat(blocks);
}

describe('HotBlocks', () => {
  it.each([1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * MIB])('has a blob of %i bytes from the second time on', async (size) => {
    const bytes = content.subarray(0, size);
    const key = await store(bytes);
    expect(keep(key, size)?.equals(bytes)).toBe(true);
    rmSync(blobPath(root, key));
    expect(Buffer.concat(read(key, size)!).equals(bytes)).toBe(true);
  });

  it.each<[string, ByteRange]>([
    ['within a block', { offset: 10, length: 5 }],
    ['the end of one and the beginning of the next', { offset: BLOCK - 5, length: 10 }],
    ['a whole block', { offset: BLOCK, length: BLOCK }],
    ['many blocks, cut on both sides', { offset: MIB + 100, length: MIB }],
    ['the last bytes', { offset: content.length - 7, length: 7 }],
  ])('has a part: %s', async (_, range) => {
    const key = await store(content);
    const bytes = content.subarray(range.offset, range.offset + range.length);
    expect(keep(key, content.length, range)?.equals(bytes)).toBe(true);
  });

  it('has a part of what is kept for another part', async () => {
    const key = await store(content);
    keep(key, content.length, { offset: 0, length: MIB });
    const blocks = read(key, content.length, { offset: BLOCK + 1, length: 2 * BLOCK })!;
    expect(Buffer.concat(blocks).equals(content.subarray(BLOCK + 1, 3 * BLOCK + 1))).toBe(true);
  });

  it('leaves alone what is empty, longer than 2 MiB, not there, or not of that size', async () => {
    const key = await store(content);
    for (const range of [undefined, { offset: 0, length: 0 }, { offset: 0, length: 2 * MIB + 1 }])
      expect(keep(key, content.length, range)).toBeUndefined();
    expect(keep(key, content.length - 1, { offset: 0, length: 1 })).toBeUndefined();
    expect(keep(newStorageKey(), 100)).toBeUndefined();
  });

  it('C6: never has what does not match its checksum', async () => {
    const key = await store(content);
    flip(key, 2 * BLOCK + 5);
    expect(keep(key, content.length, { offset: 0, length: 4 * BLOCK })).toBeUndefined();
    expect(keep(key, content.length, { offset: 0, length: 2 * BLOCK })?.equals(content.subarray(0, 2 * BLOCK))).toBe(true);
  });

  it('C6: gives up what it has within a second of a change of the file', async () => {
    const key = await store(content);
    const range = { offset: 0, length: BLOCK };
    keep(key, content.length, range);
    flip(key, 5);
    now += 999;
    expect(Buffer.concat(read(key, content.length, range)!).equals(content.subarray(0, BLOCK))).toBe(true);
    now += 1;
    expect(read(key, content.length, range)).toBeUndefined();
    expect(read(key, content.length, range)).toBeUndefined();
  });

  it('goes on with a file that nobody has touched', async () => {
    const key = await store(content.subarray(0, 100));
    keep(key, 100);
    now += 60_000;
    expect(read(key, 100)).toBeDefined();
  });

  it('keeps no more than it may, the latest', async () => {
    const key = await store(content);
    for (let block = 0; block < 48; block++) keep(key, content.length, { offset: block * BLOCK, length: BLOCK });
    hot = new HotBlocks(2 * BLOCK + 200, () => now);
    for (const block of [1, 2, 3]) keep(key, content.length, { offset: block * BLOCK, length: BLOCK });
    const isKept = (block: number) => read(key, content.length, { offset: block * BLOCK, length: BLOCK }) !== undefined;
    expect([isKept(2), isKept(3), isKept(1)]).toEqual([true, true, false]);
  });
});

describe('the provider', () => {
  it('has in memory what was asked for twice, until it is deleted', async () => {
    const bytes = content.subarray(0, 100_000);
    const key = await store(bytes);
    expect(provider.readNow(key, bytes.length)).toBeUndefined();
    expect(await collect(await provider.read(key))).toEqual(bytes);
    expect(Buffer.concat(provider.readNow(key, bytes.length)!).equals(bytes)).toBe(true);
    await provider.delete(key);
    expect(provider.readNow(key, bytes.length)).toBeUndefined();
  });

  it('keeps nothing when it may not', async () => {
    const none = await openAt(freshRoot());
    const key = newStorageKey();
    await none.write(key, inChunks(content.subarray(0, 100), 100));
    for (let i = 0; i < 3; i++) expect(none.readNow(key, 100)).toBeUndefined();
  });
});
