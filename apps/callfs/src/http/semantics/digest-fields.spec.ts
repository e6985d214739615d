import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectedDigests, reprDigest } from './digest-fields';

const digest = (algorithm: string, text: string) => createHash(algorithm).update(text).digest();
const sha256 = `sha-256=:${digest('sha256', 'hello').toString('base64')}:`;
const sha512 = `sha-512=:${digest('sha512', 'hello').toString('base64')}:`;
const other256 = `sha-256=:${digest('sha256', 'other').toString('base64')}:`;
const hex256 = digest('sha256', 'hello').toString('hex');
const hex512 = digest('sha512', 'hello').toString('hex');

describe('H8 expectedDigests', () => {
  it.each([
    [{}, undefined],
    [{ 'content-digest': sha256 }, { sha256: hex256 }],
    [{ 'repr-digest': sha256 }, { sha256: hex256 }],
    [{ 'content-digest': `${sha256}, ${sha512}` }, { sha256: hex256, sha512: hex512 }],
    [
      { 'content-digest': sha256, 'repr-digest': sha512 },
      { sha256: hex256, sha512: hex512 },
    ],
    [{ 'content-digest': sha256, 'repr-digest': sha256 }, { sha256: hex256 }],
    [{ 'content-digest': 'md5=:1B2M2Y8AsgTpgAmY7PhCfg==:' }, undefined],
    [{ 'content-digest': `md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, ${sha512}` }, { sha512: hex512 }],
    [{ 'content-digest': '' }, undefined],
  ])('%j', (fields, expected) => {
    expect(expectedDigests(fields)).toEqual(expected);
  });

  it.each([
    ['sha-256=:AAAA:', 'INVALID_REQUEST'],
    ['sha-256=5', 'INVALID_REQUEST'],
    ['sha-256=abc', 'INVALID_REQUEST'],
    ['sha-256', 'INVALID_REQUEST'],
    [`${sha256.slice(0, -1)}`, 'INVALID_REQUEST'],
    [sha512.replace('512', '256'), 'INVALID_REQUEST'],
  ])('%s: %s', (header, code) => {
    for (const name of ['content-digest', 'repr-digest'])
      expect(() => expectedDigests({ [name]: header })).toThrow(
        expect.objectContaining({ code, message: expect.stringContaining(name) }),
      );
  });

  it('refuses two fields that contradict each other before any byte is read', () => {
    expect(() => expectedDigests({ 'content-digest': sha256, 'repr-digest': other256 })).toThrow(
      expect.objectContaining({ code: 'DIGEST_MISMATCH' }),
    );
  });

  it('reads what reprDigest writes', () => {
    expect(reprDigest(hex256)).toBe(sha256);
    expect(expectedDigests({ 'repr-digest': reprDigest(hex256) })).toEqual({ sha256: hex256 });
  });
});
