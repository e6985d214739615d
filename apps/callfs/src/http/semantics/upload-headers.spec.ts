import { VirtualPath, type ErrorCode } from '@callfs/core';
import { describe, expect, it } from 'vitest';
import { copySource, readUploadHeaders } from './upload-headers';
import type { RequestFields } from './request-fields';

describe('readUploadHeaders', () => {
  it('has nothing but a missing content type to tell of a bare chunked upload', () => {
    expect(readUploadHeaders({})).toEqual({ contentType: null });
  });

  it.each<[RequestFields, object]>([
    [{ 'content-length': '0' }, { size: 0 }],
    [{ 'content-length': '9007199254740991' }, { size: 9007199254740991 }],
    [{ 'content-type': 'text/plain' }, { contentType: 'text/plain' }],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, { contentType: null }],
    [{ 'content-type': 'nonsense' }, { contentType: null }],
    [{ 'x-callfs-mode': '0640' }, { mode: 0o640 }],
    [{ 'x-callfs-mode': '640' }, { mode: 0o640 }],
    [{ 'x-callfs-mode': '07777' }, { mode: 0o7777 }],
    [{ 'x-callfs-mode': '0' }, { mode: 0 }],
    [{ 'x-callfs-mtime': '2023-11-14T22:13:20.5Z' }, { mtimeNs: 1_700_000_000_500_000_000n }],
    [{ 'x-callfs-mtime': '1700000000.123456789' }, { mtimeNs: 1_700_000_000_123_456_789n }],
    [{ 'x-callfs-mtime': '-1' }, { mtimeNs: -1_000_000_000n }],
    [{ 'x-oc-mtime': '1700000000' }, { mtimeNs: 1_700_000_000_000_000_000n }],
    [{ 'x-oc-mtime': '5', 'x-callfs-mtime': '6' }, { mtimeNs: 6_000_000_000n }],
    [{ 'content-encoding': 'identity' }, {}],
    [{ 'content-encoding': '' }, {}],
    [{ 'repr-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` }, { digests: { sha256: '00'.repeat(32) } }],
  ])('%j', (fields, expected) => {
    expect(readUploadHeaders(fields)).toEqual({ contentType: null, ...expected });
  });

  it.each<[RequestFields, ErrorCode]>([
    [{ 'content-length': '-1' }, 'INVALID_REQUEST'],
    [{ 'content-length': '0x10' }, 'INVALID_REQUEST'],
    [{ 'content-length': '1e3' }, 'INVALID_REQUEST'],
    [{ 'content-length': '5, 5' }, 'INVALID_REQUEST'],
    [{ 'content-length': '' }, 'INVALID_REQUEST'],
    [{ 'content-length': '9007199254740992' }, 'PAYLOAD_TOO_LARGE'],
    [{ 'content-length': '9'.repeat(400) }, 'PAYLOAD_TOO_LARGE'],
    [{ 'x-callfs-mode': '0888' }, 'INVALID_REQUEST'],
    [{ 'x-callfs-mode': '10000' }, 'INVALID_REQUEST'],
    [{ 'x-callfs-mode': '0o644' }, 'INVALID_REQUEST'],
    [{ 'x-callfs-mode': 'rw-r--r--' }, 'INVALID_REQUEST'],
    [{ 'x-callfs-mode': '' }, 'INVALID_REQUEST'],
    [{ 'x-callfs-mtime': 'yesterday' }, 'INVALID_REQUEST'],
    [{ 'x-callfs-mtime': '9999-01-01T00:00:00Z' }, 'INVALID_REQUEST'],
    [{ 'x-oc-mtime': '2023-11-14T22:13:20Z' }, 'INVALID_REQUEST'],
    [{ 'content-range': 'bytes 0-4/10' }, 'INVALID_REQUEST'],
    [{ 'content-encoding': 'gzip' }, 'UNSUPPORTED_ENCODING'],
    [{ 'content-encoding': 'identity, br' }, 'UNSUPPORTED_ENCODING'],
    [{ 'content-digest': 'sha-256=nope' }, 'INVALID_REQUEST'],
  ])('%j: %s', (fields, code) => {
    expect(() => readUploadHeaders(fields)).toThrow(expect.objectContaining({ code }));
  });
});

describe('copySource', () => {
  it('reads a percent-encoded path', () => {
    expect(copySource({})).toBeUndefined();
    expect(copySource({ 'x-callfs-copy-source': '/a%20b/caf%C3%A9' })).toEqual(VirtualPath.fromText('/a b/café'));
  });

  it.each(['/a/../../b', '/a%2fb', '/a%00', '%zz', '/a\\b'])('refuses %s', (value) => {
    expect(() => copySource({ 'x-callfs-copy-source': value })).toThrow(expect.objectContaining({ code: 'INVALID_PATH' }));
  });
});
