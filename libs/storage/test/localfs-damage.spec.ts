import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { newStorageKey, type ByteRange } from '@callfs/core';
import type { LocalfsProvider } from '@callfs/storage';
import { beforeEach, describe, expect, it } from 'vitest';
import { collect, failureOf, inChunks, pattern } from '../src/testing/bodies';
import { blobPath, freshRoot, openAt } from './localfs-root';

const BLOCK = 65_536;
const FOOTER = 44;
const SMALL = 2 * BLOCK + 100;
const LARGE = 40 * BLOCK + 100;

let root: string;
let provider: LocalfsProvider;

beforeEach(async () => {
  root = freshRoot();
  provider = await openAt(root);
});

async function store(content: Buffer): Promise<string> {
  const key = newStorageKey();
  await provider.write(key, inChunks(content, BLOCK));
  await provider.settle(key);
  return key;
}

function flip(key: string, at: number): void {
  const path = blobPath(root, key);
  const bytes = readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at]! ^= 0x10;
  writeFileSync(path, bytes);
}

/** Reads as far as it goes: what came, and the failure that ended it. */
async function readUntilFailure(key: string, range?: ByteRange): Promise<{ came: Buffer; failure: unknown }> {
  const chunks: Buffer[] = [];
  const failure = await failureOf(
    (async () => {
      for await (const chunk of await provider.read(key, { range })) chunks.push(Buffer.from(chunk));
    })(),
  );
  return { came: Buffer.concat(chunks), failure };
}

describe.each([
  ['small', SMALL],
  ['large', LARGE],
])('C6 one flipped bit in a %s blob', (_, size) => {
  it.each([
    ['the first byte', 0],
    ['the last byte of the first block', BLOCK - 1],
    ['the second block', BLOCK],
    ['the last byte', size - 1],
  ])('in %s: no byte of its block leaves', async (_, at) => {
    const content = pattern(size);
    const key = await store(content);
    flip(key, at);
    const { came, failure } = await readUntilFailure(key);
    expect(failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(String((failure as Error).cause)).toContain(`block ${Math.floor(at / BLOCK)} does not match`);
    expect(came.length).toBeLessThanOrEqual(Math.floor(at / BLOCK) * BLOCK);
    expect(came.equals(content.subarray(0, came.length))).toBe(true);
  });

  it('in the sum of a block', async () => {
    const key = await store(pattern(size));
    flip(key, size + 4);
    expect((await readUntilFailure(key)).failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });

  it.each([
    ['magic', -44],
    ['version', -36],
    ['block size', -32],
    ['content size', -28],
    ['key', -20],
    ['checksum', -4],
  ])('in the %s of the footer', async (_, at) => {
    const key = await store(pattern(size));
    flip(key, at);
    const { came, failure } = await readUntilFailure(key);
    expect(failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(came.length).toBe(0);
    expect(await failureOf(provider.stat(key))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });

  it('is met also when the block was found sound a moment ago, and the time of the change is forged', async () => {
    const key = await store(pattern(size));
    const path = blobPath(root, key);
    await delay(150);
    for (let i = 0; i < 3; i++) await collect(await provider.read(key));
    const { atime, mtime } = statSync(path);
    flip(key, BLOCK + 5);
    utimesSync(path, atime, mtime);
    expect((await readUntilFailure(key)).failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });

  it('spares the ranges that do not touch its block', async () => {
    const content = pattern(size);
    const key = await store(content);
    flip(key, BLOCK + 5);
    const before = { offset: 10, length: BLOCK - 10 };
    const after = { offset: 2 * BLOCK, length: 100 };
    for (const range of [before, after]) {
      const read = await collect(await provider.read(key, { range }));
      expect(read.equals(content.subarray(range.offset, range.offset + range.length))).toBe(true);
    }
    const { came, failure } = await readUntilFailure(key, { offset: BLOCK, length: 1 });
    expect(failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(came.length).toBe(0);
  });

  it.each([
    ['to nothing', () => 0],
    ['to less than a footer', () => FOOTER - 1],
    ['to half', () => Math.floor(size / 2)],
    ['by one byte', (length: number) => length - 1],
    ['by its footer', (length: number) => length - FOOTER],
  ])('truncated %s', async (_, length) => {
    const key = await store(pattern(size));
    truncateSync(blobPath(root, key), length(readFileSync(blobPath(root, key)).length));
    const { came, failure } = await readUntilFailure(key);
    expect(failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(came.length).toBe(0);
    expect(await failureOf(provider.stat(key))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });

  it('longer by one byte', async () => {
    const key = await store(pattern(size));
    writeFileSync(blobPath(root, key), 'x', { flag: 'a' });
    expect((await readUntilFailure(key)).failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });

  it('longer by one byte behind whole blocks, which no content has', async () => {
    const key = await store(pattern(size - 100));
    writeFileSync(blobPath(root, key), 'x', { flag: 'a' });
    expect((await readUntilFailure(key)).failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });

  it('swapped with another blob', async () => {
    const [mine, other] = [await store(pattern(size, 1)), await store(pattern(size, 2))];
    copyFileSync(blobPath(root, other), blobPath(root, mine));
    const { failure } = await readUntilFailure(mine);
    expect(String((failure as Error).cause)).toContain('belongs to another key');
  });

  it('replaced by a file that is none of ours', async () => {
    const key = await store(pattern(size));
    writeFileSync(blobPath(root, key), pattern(size, 3));
    expect((await readUntilFailure(key)).failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });
});

it('a blob that is cut short while it is read ends in a failure', async () => {
  const key = await store(pattern(LARGE));
  const body = (await provider.read(key))[Symbol.asyncIterator]();
  await body.next();
  truncateSync(blobPath(root, key), BLOCK);
  const rest = failureOf(
    (async () => {
      while (!(await body.next()).done);
    })(),
  );
  expect(await rest).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
});

describe('S1 what was planted in the root is not served', () => {
  const plants: [string, (path: string) => void][] = [
    ['a symbolic link to a file', (path) => symlinkSync('/etc/passwd', path)],
    [
      'a symbolic link to a blob',
      (path) => {
        renameSync(path.replace(/.$/, 'x'), path.replace(/.$/, 'y'));
        symlinkSync(path.replace(/.$/, 'y'), path);
      },
    ],
    ['a FIFO', (path) => void execFileSync('mkfifo', [path])],
    ['a device', (path) => void execFileSync('mknod', [path, 'c', '1', '5'])],
    ['a directory', (path) => mkdirSync(path)],
  ];

  it.each(plants)('%s', async (_, plant) => {
    const key = await store(pattern(100));
    const path = blobPath(root, key);
    renameSync(path, path.replace(/.$/, 'x'));
    plant(path);
    expect(await failureOf(provider.read(key))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await failureOf(provider.stat(key))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    for await (const object of provider.list()) expect(object.key).not.toBe(key);
  });

  it.each(['blobs', 'staging', join('blobs', '3f')])('a link in place of %s', async (name) => {
    await provider.close();
    const elsewhere = freshRoot();
    rmSync(join(root, name), { recursive: true });
    symlinkSync(elsewhere, join(root, name));
    expect((await failureOf(openAt(root))).message).toContain(`${join(root, name)} is not a directory`);
  });

  it('a link in place of the lock, or of its owner', async () => {
    await provider.close();
    const victim = join(freshRoot(), 'victim');
    writeFileSync(victim, 'precious');
    rmSync(join(root, 'lock.owner'));
    symlinkSync(victim, join(root, 'lock.owner'));
    await (await openAt(root)).close();
    rmSync(join(root, 'lock'));
    symlinkSync(victim, join(root, 'lock'));
    expect((await failureOf(openAt(root))).message).toContain('lock is not a file');
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it('a file that waits in staging is not written through', async () => {
    const key = newStorageKey();
    const victim = join(root, 'victim');
    writeFileSync(victim, 'precious');
    linkSync(victim, join(root, 'staging', key));
    expect(await failureOf(provider.write(key, inChunks(pattern(10), 10)))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it('a key that is a path', async () => {
    for (const key of ['../../etc/passwd', '', 'a'.repeat(31), `${'a'.repeat(31)}/`, 'A'.repeat(32)]) {
      const failures = [
        provider.read(key),
        provider.stat(key),
        provider.delete(key),
        provider.write(key, inChunks(pattern(1), 1)),
      ];
      for (const failure of failures) expect(await failureOf(failure)).toMatchObject({ code: 'INVALID_REQUEST' });
    }
  });
});
