import { describe, expect, it } from 'vitest';
import { judgeRead, rangeApplies, writeCondition, type ReadOutcome } from './conditions';
import type { RequestFields } from './request-fields';
import type { WriteCondition } from '../../use-cases/write-condition';

const ETAG = '"a"';
const MTIME = 'Sun, 06 Nov 1994 08:49:37 GMT';
const EARLIER = 'Sun, 06 Nov 1994 08:49:36 GMT';
const LATER = 'Sun, 06 Nov 1994 08:49:38 GMT';
const mtimeNs = BigInt(Date.UTC(1994, 10, 6, 8, 49, 37)) * 1_000_000n + 500_000_000n;

describe('judgeRead, H4 precedence of RFC 9110 §13.2.2', () => {
  it.each<[ReadOutcome, RequestFields]>([
    ['send', {}],
    ['send', { 'if-match': '"a"' }],
    ['send', { 'if-match': '"x", "a"' }],
    ['send', { 'if-match': '*' }],
    ['failed', { 'if-match': '"x"' }],
    ['failed', { 'if-match': 'W/"a"' }],
    ['failed', { 'if-match': '"x"', 'if-none-match': '"a"' }],
    ['not-modified', { 'if-match': '"a"', 'if-none-match': '"a"' }],
    ['send', { 'if-match': '"a"', 'if-unmodified-since': EARLIER }],
    ['send', { 'if-unmodified-since': MTIME }],
    ['failed', { 'if-unmodified-since': EARLIER }],
    ['failed', { 'if-unmodified-since': EARLIER, 'if-none-match': '"a"' }],
    ['send', { 'if-unmodified-since': 'yesterday' }],
    ['not-modified', { 'if-none-match': '"a"' }],
    ['not-modified', { 'if-none-match': 'W/"a"' }],
    ['not-modified', { 'if-none-match': '"x", "a"' }],
    ['not-modified', { 'if-none-match': '*' }],
    ['send', { 'if-none-match': '"x"' }],
    ['send', { 'if-none-match': 'a' }],
    ['send', { 'if-none-match': '"x"', 'if-modified-since': LATER }],
    ['not-modified', { 'if-none-match': '"a"', 'if-modified-since': EARLIER }],
    ['not-modified', { 'if-modified-since': MTIME }],
    ['not-modified', { 'if-modified-since': LATER }],
    ['not-modified', { 'if-modified-since': 'Sunday, 06-Nov-94 08:49:37 GMT' }],
    ['send', { 'if-modified-since': EARLIER }],
    ['send', { 'if-modified-since': '1994-11-06' }],
    ['not-modified', { 'if-unmodified-since': LATER, 'if-modified-since': LATER }],
  ])('%s: %j', (expected, fields) => {
    expect(judgeRead(fields, ETAG, mtimeNs)).toBe(expected);
  });

  it('refuses a malformed If-Match rather than drop the guard', () => {
    expect(() => judgeRead({ 'if-match': 'a' }, ETAG, mtimeNs)).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST', message: expect.stringContaining('with its quotes') }),
    );
  });
});

describe('rangeApplies, H3', () => {
  it.each<[boolean, string | undefined]>([
    [true, undefined],
    [true, ETAG],
    [true, MTIME],
    [false, '"old"'],
    [false, 'W/"a"'],
    [false, 'a'],
    [false, '"a", "b"'],
    [false, LATER],
    [false, EARLIER],
    [false, 'Sunday, 06-Nov-94 08:49:37 GMT'],
    [false, ''],
  ])('%s for If-Range: %s', (expected, header) => {
    expect(rangeApplies(header, ETAG, mtimeNs)).toBe(expected);
  });
});

describe('writeCondition', () => {
  it.each<[RequestFields, WriteCondition | undefined]>([
    [{}, undefined],
    [{ 'if-match': '*' }, { ifMatch: '*' }],
    [{ 'if-match': '"a", W/"b"' }, { ifMatch: ['"a"', 'W/"b"'] }],
    [{ 'if-none-match': '*' }, { ifNoneMatch: '*' }],
    [{ 'if-none-match': 'W/"a", "b"' }, { ifNoneMatch: ['"a"', '"b"'] }],
    [{ 'if-unmodified-since': MTIME }, { ifUnmodifiedSinceMs: Date.UTC(1994, 10, 6, 8, 49, 37) }],
    [{ 'if-unmodified-since': 'yesterday' }, undefined],
    [{ 'if-match': '"a"', 'if-unmodified-since': MTIME }, { ifMatch: ['"a"'] }],
    [{ 'if-modified-since': MTIME }, undefined],
  ])('%j', (fields, expected) => {
    expect(writeCondition(fields)).toEqual(expected);
  });

  it.each(['if-match', 'if-none-match'])('refuses a malformed %s', (name) => {
    for (const value of ['a', '', '*, "a"', '"a'])
      expect(() => writeCondition({ [name]: value })).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  });
});
