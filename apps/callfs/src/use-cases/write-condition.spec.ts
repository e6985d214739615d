import { expect, it } from 'vitest';
import { holds, type WriteCondition } from './write-condition';

const NOON = 1_700_000_000_000;
const mtimeNs = BigInt(NOON) * 1_000_000n + 999_999_999n; // 0.999999999 s into the second

it.each<[string, WriteCondition, string | null, boolean]>([
  ['nothing asked', {}, null, true],
  ['If-Match: "a", is "a"', { ifMatch: ['"a"'] }, '"a"', true],
  ['If-Match: "x", "a", is "a"', { ifMatch: ['"x"', '"a"'] }, '"a"', true],
  ['If-Match: "x", is "a"', { ifMatch: ['"x"'] }, '"a"', false],
  ['If-Match: W/"a", is "a": strong comparison', { ifMatch: ['W/"a"'] }, '"a"', false],
  ['If-Match: "a", is absent', { ifMatch: ['"a"'] }, null, false],
  ['If-Match: *, is "a"', { ifMatch: '*' }, '"a"', true],
  ['If-Match: *, is absent', { ifMatch: '*' }, null, false],
  ['If-None-Match: *, is absent', { ifNoneMatch: '*' }, null, true],
  ['If-None-Match: *, is "a"', { ifNoneMatch: '*' }, '"a"', false],
  ['If-None-Match: "a", is "a"', { ifNoneMatch: ['"a"'] }, '"a"', false],
  ['If-None-Match: "a", is "b"', { ifNoneMatch: ['"a"'] }, '"b"', true],
  ['If-None-Match: "a", is absent', { ifNoneMatch: ['"a"'] }, null, true],
  ['If-Match holds, If-None-Match does not', { ifMatch: '*', ifNoneMatch: ['"a"'] }, '"a"', false],
  ['unmodified since the second of its mtime', { ifUnmodifiedSinceMs: NOON }, '"a"', true],
  ['modified a second after the date', { ifUnmodifiedSinceMs: NOON - 1000 }, '"a"', false],
  ['a date about what does not exist', { ifUnmodifiedSinceMs: NOON - 1000 }, null, true],
  ['an old date and a matching If-None-Match', { ifUnmodifiedSinceMs: NOON, ifNoneMatch: ['"a"'] }, '"a"', false],
])('%s', (_, condition, etag, expected) => {
  expect(holds(condition, etag, mtimeNs)).toBe(expected);
});
