import fc from 'fast-check';
import { expect, it } from 'vitest';
import { multipartByteRanges, newBoundary } from './multipart-byteranges';

it('lays out the parts as RFC 9110 §14.6 shows them', () => {
  const body = multipartByteRanges(
    [
      { offset: 500, length: 3 },
      { offset: 7000, length: 2 },
    ],
    8000,
    'application/pdf',
    'THIS_STRING_SEPARATES',
  );
  const bytes =
    body.parts.map(({ head, range }) => `${head.toString()}${'x'.repeat(range.length)}`).join('') + body.tail.toString();
  expect(body.contentType).toBe('multipart/byteranges; boundary=THIS_STRING_SEPARATES');
  expect(bytes).toBe(
    [
      '--THIS_STRING_SEPARATES',
      'Content-Type: application/pdf',
      'Content-Range: bytes 500-502/8000',
      '',
      'xxx',
      '--THIS_STRING_SEPARATES',
      'Content-Type: application/pdf',
      'Content-Range: bytes 7000-7001/8000',
      '',
      'xx',
      '--THIS_STRING_SEPARATES--',
      '',
    ].join('\r\n'),
  );
});

it('knows its length before the first byte is read', () => {
  const range = fc.record({ offset: fc.nat(1_000_000), length: fc.integer({ min: 1, max: 1000 }) });
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 16 }), (ranges) => {
      const body = multipartByteRanges(ranges, 2_000_000, 'text/plain; charset=utf-8');
      const heads = body.parts.reduce((sum, part) => sum + part.head.length + part.range.length, 0);
      expect(body.contentLength).toBe(heads + body.tail.length);
    }),
  );
});

it('never uses a boundary twice', () => {
  expect(newBoundary()).toMatch(/^callfs-[0-9a-f]{32}$/);
  expect(newBoundary()).not.toBe(newBoundary());
});
