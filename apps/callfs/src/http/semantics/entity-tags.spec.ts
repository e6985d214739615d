import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { opaqueTags, parseEntityTags, type EntityTags } from './entity-tags';

describe('parseEntityTags', () => {
  it.each<[string, EntityTags | undefined]>([
    ['*', '*'],
    [' * ', '*'],
    ['"a"', ['"a"']],
    ['W/"a"', ['W/"a"']],
    ['""', ['""']],
    ['"a", W/"b" ,"c"', ['"a"', 'W/"b"', '"c"']],
    ['"a,b", "c"', ['"a,b"', '"c"']],
    [',"a",, "b",', ['"a"', '"b"']],
    ['"\u00e9"', ['"\u00e9"']],
    ['', undefined],
    [',', undefined],
    ['a', undefined],
    ['"a', undefined],
    ['a"', undefined],
    ['"a" "b"', undefined],
    ['"a b"', undefined],
    ['w/"a"', undefined],
    ['W/a', undefined],
    ['*, "a"', undefined],
    ['"a", *', undefined],
    ['"a\\"b"', undefined],
  ])('%s', (header, expected) => {
    expect(parseEntityTags(header)).toEqual(expected);
  });

  it('reads back every list it could be sent', () => {
    const etagc = fc.integer({ min: 0x21, max: 0xff }).filter((char) => char !== 0x22 && char !== 0x7f);
    const opaque = fc.array(etagc, { maxLength: 20 }).map((chars) => `"${String.fromCharCode(...chars)}"`);
    const tag = fc.oneof(
      opaque,
      opaque.map((text) => `W/${text}`),
    );
    fc.assert(
      fc.property(fc.array(tag, { minLength: 1, maxLength: 10 }), (tags) => {
        expect(parseEntityTags(tags.join(', '))).toEqual(tags);
      }),
    );
  });

  it('refuses 16 KiB of spaces in linear time', () => {
    // Quadratic matching would take about 10^8 steps here, each of several nanoseconds; the test would time out at 1,000 of them.
    for (let i = 0; i < 1000; i++) expect(parseEntityTags(`,${' '.repeat(16_384)}x`)).toBeUndefined();
  });
});

it('compares weakly without W/', () => {
  expect(opaqueTags(['W/"a"', '"b"'])).toEqual(['"a"', '"b"']);
  expect(opaqueTags('*')).toBe('*');
});
