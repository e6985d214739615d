import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatRfc3339, parseRfc3339 } from './timestamp';

const MAX_INT64 = 2n ** 63n - 1n;
const time = fc.bigInt({ min: -MAX_INT64, max: MAX_INT64 });

it('reads back what it formats, to the nanosecond, before 1970 as well', () => {
  fc.assert(fc.property(time, (ns) => parseRfc3339(formatRfc3339(ns)) === ns));
});

it('formats times of one second apart from each other, in any order', () => {
  const inOneSecond = fc.tuple(fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }), fc.bigInt({ min: 0n, max: 10n ** 9n - 1n }));
  fc.assert(
    fc.property(inOneSecond, ([second, fraction]) => {
      const texts = [0n, fraction, 999_999_999n].map((ns) => formatRfc3339(second * 10n ** 9n + ns));
      expect(texts).toEqual([...texts].sort());
      expect(new Set(texts.map((text) => text.slice(0, 19))).size).toBe(1);
      expect(texts[1]?.slice(20)).toBe(`${String(fraction).padStart(9, '0')}Z`);
    }),
  );
});

it('knows the epoch, leap days and the first nanosecond before 1970', () => {
  expect(formatRfc3339(0n)).toBe('1970-01-01T00:00:00.000000000Z');
  expect(formatRfc3339(-1n)).toBe('1969-12-31T23:59:59.999999999Z');
  expect(formatRfc3339(1_709_164_800_000_000_001n)).toBe('2024-02-29T00:00:00.000000001Z');
});
