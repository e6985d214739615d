import type { Stats } from 'node:fs';
import { newStorageKey } from '@callfs/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { fileSizeOf } from '../blob-format';
import { VerifiedBlocks } from './verified-blocks';

const WRITTEN = 1_000_000;
const file = { ino: 1, dev: 1, size: fileSizeOf(1_000_000), mtimeMs: WRITTEN, ctimeMs: WRITTEN } as Stats;
const key = newStorageKey();

let now: number;
let verified: VerifiedBlocks;

beforeEach(() => {
  now = WRITTEN + 60_000;
  verified = new VerifiedBlocks(() => now);
});

describe('VerifiedBlocks', () => {
  it('knows the blocks that were found sound, and no others', () => {
    verified.of(key, file).add(2, 7);
    const sound = verified.of(key, file);
    expect(sound.has(2, 7)).toBe(true);
    expect(sound.has(8, 1)).toBe(true);
    expect(sound.has(1, 2)).toBe(false);
    expect(sound.has(8, 2)).toBe(false);
    expect(verified.of(newStorageKey(), file).has(2, 1)).toBe(false);
  });

  it.each(['ino', 'dev', 'size', 'mtimeMs', 'ctimeMs'] as const)('forgets a file whose %s has changed', (field) => {
    verified.of(key, file).add(0, 5);
    expect(verified.of(key, { ...file, [field]: file[field] + 1 }).has(0, 1)).toBe(false);
    expect(verified.of(key, file).has(0, 1)).toBe(false);
  });

  it('C7 forgets when the clock was set back', () => {
    verified.of(key, file).add(0, 5);
    now -= 30_000;
    expect(verified.of(key, file).has(0, 1)).toBe(false);
  });

  it('forgets after ten seconds, however often it is asked', () => {
    verified.of(key, file).add(0, 5);
    for (let seconds = 0; seconds < 9; seconds++) {
      now += 1000;
      expect(verified.of(key, file).has(0, 5)).toBe(true);
      verified.of(key, file).add(0, 5);
    }
    now += 1000;
    expect(verified.of(key, file).has(0, 1)).toBe(false);
  });

  it.each([
    ['just now', WRITTEN + 99],
    ['in the future', WRITTEN - 5000],
  ])('does not trust a file that was written %s: it could change within the same tick', (_, time) => {
    now = time;
    verified.of(key, file).add(0, 5);
    expect(verified.of(key, file).has(0, 1)).toBe(false);
  });

  it('keeps at most 512 files, and none of more than 4 GiB', () => {
    const keys = Array.from({ length: 600 }, newStorageKey);
    for (const each of keys) verified.of(each, file).add(0, 1);
    for (const each of keys.slice(-512)) expect(verified.of(each, file).has(0, 1)).toBe(true);
    expect(verified.of(keys[87] ?? '', file).has(0, 1)).toBe(false);
    const huge = { ...file, size: fileSizeOf(5 * 1024 ** 3) };
    verified.of(key, huge).add(0, 1);
    expect(verified.of(key, huge).has(0, 1)).toBe(false);
  });
});
