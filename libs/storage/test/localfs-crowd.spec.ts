import { newStorageKey } from '@callfs/core';
import { expect, it } from 'vitest';
import { BlockSums } from '../src/block-sums';
import { FOOTER_BYTES } from '../src/blob-format';
import { collect, pattern } from '../src/testing/bodies';
import { freshRoot, openAt } from './localfs-root';

/** More than a pool has buffers for. */
const WRITERS = 200;
const SIZE = 300_001;

it('D3: keeps what very many write at once, in chunks of any length, with their sums', async () => {
  const provider = await openAt(freshRoot());
  let waiting = 0;
  let letGo = () => {};
  const all = new Promise<void>((resolve) => (letGo = resolve));
  async function* body(content: Buffer, step: number): AsyncGenerator<Buffer> {
    yield content.subarray(0, 70_000);
    // Everybody has a buffer by now.
    if (++waiting === WRITERS) letGo();
    await all;
    for (let at = 70_000; at < content.length; at += step) yield content.subarray(at, at + step);
  }
  const written = Array.from({ length: WRITERS }, async (_, number) => {
    const key = newStorageKey();
    const content = pattern(SIZE + number, number);
    await provider.write(key, body(content, 10_007 + 997 * (number % 70)), { size: content.length });
    return { key, content };
  });
  for (const { key, content } of await Promise.all(written))
    expect((await collect(await provider.read(key))).equals(content)).toBe(true);
});

it('sums a content alike in whatever pieces it comes', () => {
  const content = pattern(5 * 65_536 + 77);
  const trailerOf = (step: number) => {
    const sums = new BlockSums();
    for (let at = 0; at < content.length; at += step) sums.add(content.subarray(at, at + step));
    const trailer = Buffer.alloc(sums.trailerLength);
    sums.writeTrailer(trailer, 'ab'.repeat(16));
    return trailer;
  };
  const whole = trailerOf(content.length);
  expect(whole.length).toBe(6 * 4 + FOOTER_BYTES);
  for (const step of [1000, 65_535, 65_536, 65_537, 200_000]) expect(trailerOf(step).equals(whole)).toBe(true);
});
