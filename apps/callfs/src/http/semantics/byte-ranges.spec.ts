import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentRange, parseRange, RANGES_MAX, unsatisfiedRange, type RangeRequest } from './byte-ranges';

const ranges = (...pairs: [offset: number, length: number][]): RangeRequest => ({
  kind: 'ranges',
  ranges: pairs.map(([offset, length]) => ({ offset, length })),
});
const none: RangeRequest = { kind: 'none' };
const unsatisfiable: RangeRequest = { kind: 'unsatisfiable' };

describe('parseRange', () => {
  it.each<[string, RangeRequest]>([
    ['bytes=0-0', ranges([0, 1])],
    ['bytes=0-9', ranges([0, 10])],
    ['bytes=9-', ranges([9, 1])],
    ['bytes=-1', ranges([9, 1])],
    ['bytes=-10', ranges([0, 10])],
    ['bytes=-20', ranges([0, 10])],
    ['bytes=5-100', ranges([5, 5])],
    ['bytes=007-0008', ranges([7, 2])],
    ['BYTES=0-0', ranges([0, 1])],
    ['bytes=0-18446744073709551616', ranges([0, 10])],
    [`bytes=0-${'9'.repeat(400)}`, ranges([0, 10])],
    [`bytes=-${'9'.repeat(400)}`, ranges([0, 10])],
    ['bytes=10-', unsatisfiable],
    ['bytes=-0', unsatisfiable],
    ['bytes=100-200', unsatisfiable],
    ['bytes=18446744073709551616-', unsatisfiable],
    ['bytes=18446744073709551615-18446744073709551616', unsatisfiable],
    ['bytes=18446744073709551616-18446744073709551615', none],
    ['bytes=5-3', none],
    ['bytes=a-b', none],
    ['bytes=', none],
    ['bytes=-', none],
    ['bytes=,', none],
    ['bytes=0', none],
    ['bytes=0-1-2', none],
    ['bytes=+0-1', none],
    ['bytes=0x0-1', none],
    ['bytes=1 - 2', none],
    ['bytes', none],
    ['bytes:0-1', none],
    ['items=0-1', none],
    ['0-1', none],
    ['', none],
  ])('H1 %s of 10 bytes', (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected);
  });

  it.each<[string, RangeRequest]>([
    ['bytes=0-0,2-2', ranges([0, 1], [2, 1])],
    ['bytes=8-8, 2-3 ,,0-0', ranges([8, 1], [2, 2], [0, 1])],
    ['bytes=0-4,3-6', ranges([0, 7])],
    ['bytes=0-1,2-3', ranges([0, 4])],
    ['bytes=0-0,4-4,2-2,1-3', ranges([0, 5])],
    ['bytes=9-9,0-1,1-2', ranges([9, 1], [0, 3])],
    ['bytes=0-1,9-9,1-2', ranges([0, 3], [9, 1])],
    ['bytes=0-0,100-', ranges([0, 1])],
    ['bytes=100-,200-', unsatisfiable],
    ['bytes=0-0,5-3', none],
    ['bytes=0-0,x', none],
  ])('several ranges: %s of 10 bytes', (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected);
  });

  it('has nothing to say without a header', () => expect(parseRange(undefined, 10)).toEqual(none));

  it('H1 finds every valid range of an empty file unsatisfiable and ignores the others', () => {
    for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=-0']) expect(parseRange(header, 0)).toEqual(unsatisfiable);
    expect(parseRange('bytes=5-3', 0)).toEqual(none);
  });

  it('H2 answers up to 16 ranges and ignores a field with more, however they overlap', () => {
    const apart = (count: number) => `bytes=${Array.from({ length: count }, (_, i) => `${i * 2}-${i * 2}`).join(',')}`;
    const request = parseRange(apart(RANGES_MAX), 100);
    expect(request.kind === 'ranges' && request.ranges.length).toBe(16);
    expect(parseRange(apart(RANGES_MAX + 1), 100)).toEqual(none);
    expect(parseRange(`bytes=${Array.from({ length: 1000 }, () => '0-').join(',')}`, 100)).toEqual(none);
  });

  it('selects the bytes that a naive reading of RFC 9110 selects, once each', () => {
    const spec = fc.oneof(
      fc.tuple(fc.nat(40), fc.nat(40)).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      fc.nat(40).map((first) => `${first}-`),
      fc.nat(40).map((suffix) => `-${suffix}`),
    );
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 16 }), fc.nat(30), (specs, size) => {
        const request = parseRange(`bytes=${specs.join(',')}`, size);
        const sent = request.kind === 'ranges' ? request.ranges.flatMap(bytesOf) : [];
        expect(request.kind).not.toBe('none');
        expect(new Set(sent).size).toBe(sent.length);
        expect(sent.sort((a, b) => a - b)).toEqual(naive(specs, size));
      }),
    );
  });
});

it('writes Content-Range for parts and for 416', () => {
  expect(contentRange({ offset: 5, length: 5 }, 10)).toBe('bytes 5-9/10');
  expect(unsatisfiedRange(10)).toBe('bytes */10');
});

function bytesOf({ offset, length }: { offset: number; length: number }): number[] {
  return Array.from({ length }, (_, i) => offset + i);
}

function naive(specs: string[], size: number): number[] {
  return Array.from({ length: size }, (_, at) => at).filter((at) =>
    specs.some((spec) => {
      const [first, last] = spec.split('-');
      if (first === '') return at >= size - Number(last);
      return at >= Number(first) && (last === '' || at <= Number(last));
    }),
  );
}
