import type { ByteRange } from '@callfs/core';

/** What a `Range` field asks of a content: nothing that counts, nothing that exists, or these bytes in this order. */
export type RangeRequest =
  | { readonly kind: 'none' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] };

/** A request for more ranges than this is answered with the whole content, as RFC 9110 §14.2 allows. */
export const RANGES_MAX = 16;

const NONE: RangeRequest = { kind: 'none' };
const UNSATISFIABLE: RangeRequest = { kind: 'unsatisfiable' };

const RANGE_SPEC = /^(\d*)-(\d*)$/;

/**
 * Reads a `Range` field against a content of `size` bytes (RFC 9110 §14.1.2). A malformed field or another unit is
 * `none`, since such a field is to be ignored. Ranges that overlap or touch become one, so no byte is sent twice.
 */
export function parseRange(header: string | undefined, size: number): RangeRequest {
  if (header === undefined) return NONE;
  if (header.slice(0, 6).toLowerCase() !== 'bytes=') return NONE;
  const ranges: ByteRange[] = [];
  let specs = 0;
  for (const element of header.slice(6).split(',')) {
    const spec = element.trim();
    if (spec === '') continue; // RFC 9110 §5.6.1.2: empty elements of a list do not count
    if (++specs > RANGES_MAX) return NONE;
    const range = parseSpec(spec, size);
    if (range === 'malformed') return NONE;
    if (range !== 'unsatisfiable') addCoalesced(ranges, range);
  }
  if (specs === 0) return NONE;
  return ranges.length === 0 ? UNSATISFIABLE : { kind: 'ranges', ranges };
}

/** The `Content-Range` of a part. */
export function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.offset}-${range.offset + range.length - 1}/${size}`;
}

/** The `Content-Range` of a 416. */
export function unsatisfiedRange(size: number): string {
  return `bytes */${size}`;
}

function parseSpec(spec: string, size: number): ByteRange | 'malformed' | 'unsatisfiable' {
  const match = RANGE_SPEC.exec(spec);
  if (!match) return 'malformed';
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return 'malformed';
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { offset: size - length, length };
  }
  if (last !== '' && isGreater(first, last)) return 'malformed';
  const offset = Number(first);
  if (offset >= size) return 'unsatisfiable';
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  return { offset, length: end - offset };
}

/** Compares decimal digits as they stand: numbers above 2^53 would compare equal to their neighbours. */
function isGreater(a: string, b: string): boolean {
  const x = a.replace(/^0+/, '');
  const y = b.replace(/^0+/, '');
  return x.length === y.length ? x > y : x.length > y.length;
}

/** Puts `range`, grown by all it overlaps or touches, where the first of them stood. */
function addCoalesced(ranges: ByteRange[], range: ByteRange): void {
  let start = range.offset;
  let end = range.offset + range.length;
  let place = ranges.length;
  for (let i = ranges.length - 1; i >= 0; i--) {
    const other = ranges[i];
    if (other === undefined || other.offset > end || other.offset + other.length < start) continue;
    start = Math.min(start, other.offset);
    end = Math.max(end, other.offset + other.length);
    ranges.splice(i, 1);
    place = i;
  }
  ranges.splice(place, 0, { offset: start, length: end - start });
}
