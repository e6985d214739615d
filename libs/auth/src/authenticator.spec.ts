import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CallfsError } from '@callfs/core';
import { Authenticator } from './authenticator';
import { KEY_MAX_CHARS, type KeyEntry } from './key-table';

const KEY = 'alice-key-0123456789abcdef';
const HASHED = 'bob-key-0123456789abcdef';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const identity = (user: string, uid: number) => ({ user, uid, gid: uid, groups: [3000], umask: 0o022 });
const ENTRIES: readonly KeyEntry[] = [
  { key: KEY, identity: identity('alice', 2001) },
  { key: `sha256:${sha256(HASHED).toUpperCase()}`, identity: identity('bob', 2002) },
];

function refusal(call: () => unknown): CallfsError {
  try {
    call();
  } catch (error) {
    if (error instanceof CallfsError) return error;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('Authenticator', () => {
  const authenticator = new Authenticator(ENTRIES);

  it.each([
    ['Bearer', KEY, 'alice'],
    ['bearer', KEY, 'alice'],
    ['BEARER', HASHED, 'bob'],
  ])('knows the key behind %s', (scheme, key, user) => {
    const found = authenticator.authenticate(`${scheme} ${key}`);
    expect(found).toEqual({ ...identity(user, user === 'alice' ? 2001 : 2002), keyId: sha256(key).slice(0, 8) });
    expect(authenticator.authenticateToken(key)).toBe(found);
  });

  it('hands out identities that nobody can change', () => {
    const { groups } = authenticator.authenticateToken(KEY);
    expect(Object.isFrozen(authenticator.authenticateToken(KEY)) && Object.isFrozen(groups)).toBe(true);
  });

  // CHECKS A1, A2
  it.each<[string, string | undefined]>([
    ['nothing', undefined],
    ['an empty field', ''],
    ['a scheme alone', 'Bearer'],
    ['a scheme and a space', 'Bearer '],
    ['a space too many', `Bearer  ${KEY}`],
    ['a tab', `Bearer\t${KEY}`],
    ['a space in front', ` Bearer ${KEY}`],
    ['a space behind', `Bearer ${KEY} `],
    ['no scheme', KEY],
    ['another scheme', `Basic ${KEY}`],
    ['a longer scheme', `Bearers ${KEY}`],
    ['another key', 'Bearer wrong-key-0123456789abcdef'],
    ['the beginning of a key', `Bearer ${KEY.slice(0, -1)}`],
    ['a key and more', `Bearer ${KEY}x`],
    ['a key and NUL', `Bearer ${KEY}\0`],
    ['a key in capitals', `Bearer ${KEY.toUpperCase()}`],
    ['two keys', `Bearer ${KEY} ${KEY}`],
    ['the digest of a key', `Bearer ${sha256(KEY)}`],
    ['the configured form of a digest', `Bearer sha256:${sha256(HASHED)}`],
    ['a lone surrogate', 'Bearer \ud800'],
    ['a megabyte', `Bearer ${'k'.repeat(1_000_000)}`],
  ])('A1 %s: refused in the same words', (_, authorization) => {
    const error = refusal(() => authenticator.authenticate(authorization));
    expect({ code: error.code, message: error.message, details: error.details }).toEqual({
      code: 'AUTHENTICATION_FAILED',
      message: 'The API key is missing or wrong. Send "Authorization: Bearer <api-key>".',
      details: {},
    });
  });

  it('has no key that is empty or longer than a key may be', () => {
    const longest = 'k'.repeat(KEY_MAX_CHARS);
    const one = new Authenticator([
      { key: longest, identity: identity('alice', 2001) },
      { key: `sha256:${sha256('')}`, identity: identity('bob', 2002) },
      { key: `sha256:${sha256(`${longest}k`)}`, identity: identity('bob', 2002) },
    ]);
    expect(one.authenticateToken(longest).user).toBe('alice');
    for (const token of ['', `${longest}k`, undefined])
      expect(refusal(() => one.authenticateToken(token)).code).toBe('AUTHENTICATION_FAILED');
  });

  it('forgets a revoked key at once and knows a new one', () => {
    const one = new Authenticator(ENTRIES);
    one.replace([{ key: 'carol-key-0123456789abcdef', identity: identity('carol', 2003) }]);
    expect(refusal(() => one.authenticateToken(KEY)).code).toBe('AUTHENTICATION_FAILED');
    expect(one.authenticateToken('carol-key-0123456789abcdef').user).toBe('carol');
  });

  it('gives a key to the first who has it', () => {
    const one = new Authenticator([ENTRIES[0] as KeyEntry, { key: `sha256:${sha256(KEY)}`, identity: identity('mallory', 0) }]);
    expect(one.authenticateToken(KEY).user).toBe('alice');
  });

  it.each([
    ['an empty key', ''],
    ['a key with a space', 'two words'],
    ['a key with a line feed', 'line\nfeed'],
    ['a key beyond ASCII', 'kéy-0123456789abcdef'],
    ['a key that is too long', 'k'.repeat(KEY_MAX_CHARS + 1)],
    ['a digest that is too short', `sha256:${'0'.repeat(63)}`],
    ['a digest that is none', `sha256:${'g'.repeat(64)}`],
  ])('refuses %s in the table, without telling it', (_, key) => {
    const error = refusal(() => new Authenticator([...ENTRIES, { key, identity: identity('dave', 2004) }]));
    expect(error.code).toBe('INVALID_REQUEST');
    expect(error.message).toMatch(/^An API key of dave could never be presented: /);
    if (key !== '') expect(error.message).not.toContain(key);
  });

  it('keeps the table that it has when a new one is refused', () => {
    const one = new Authenticator(ENTRIES);
    refusal(() => one.replace([{ key: '', identity: identity('dave', 2004) }]));
    expect(one.authenticateToken(KEY).user).toBe('alice');
  });
});
