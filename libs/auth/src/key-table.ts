import { hash } from 'node:crypto';
import { CallfsError } from '@callfs/core';
import type { Identity } from './identity';

/** SHA-256 of an API key, 64 lower-case hexadecimal digits: the only form in which keys are kept. */
export type KeyDigest = string;

/** A key and whom it stands for. `key` is in clear, or `sha256:` and 64 hexadecimal digits. */
export interface KeyEntry {
  readonly key: string;
  readonly identity: Omit<Identity, 'keyId'>;
}

/** A key of the table: whom it stands for, until when, and when it was last presented (of those with a scope). */
export interface KnownKey {
  readonly identity: Identity;
  readonly expiresMs: number;
  usedMs: number;
}

/** The longest key there is. What is longer is refused unhashed, so that a megabyte costs what a key costs. */
export const KEY_MAX_CHARS = 512;

/** How keys begin that were issued, so that one is known for a key wherever it turns up. */
export const ISSUED_KEY_PREFIX = 'callfs_';

const KEY_ID_DIGITS = 8;
const KEY_ID = new RegExp(`^[0-9a-f]{${KEY_ID_DIGITS}}$`);
const DIGEST_FORM = /^sha256:([0-9a-fA-F]{64})$/;
/** What a header field carries unchanged, and no scheme or list ends: visible ASCII. */
const SENDABLE = /^[\x21-\x7e]+$/;

export function digestKey(key: string): KeyDigest {
  return hash('sha256', key, 'hex');
}

/** What names a key in logs without telling it. */
export function keyIdOf(digest: KeyDigest): string {
  return digest.slice(0, KEY_ID_DIGITS);
}

/** Whether a text can name a key. A key itself cannot. */
export function isKeyId(text: string): boolean {
  return KEY_ID.test(text);
}

/** What names each of these keys. */
export function keyIdsOf(entries: readonly KeyEntry[]): ReadonlySet<string> {
  return new Set([...keyTable(entries).values()].map(({ identity }) => identity.keyId));
}

/**
 * The identities by the digest of their key; keys in clear are forgotten. When a key is there twice, its first entry
 * counts: no later one can take it over. `INVALID_REQUEST`, without the key, for one that no request could present.
 */
export function keyTable(entries: readonly KeyEntry[]): ReadonlyMap<KeyDigest, KnownKey> {
  const table = new Map<KeyDigest, KnownKey>();
  for (const { key, identity } of entries) {
    const digest = digestOf(key, identity.user);
    if (table.has(digest)) continue;
    const groups = Object.freeze([...identity.groups]);
    const known = Object.freeze({ ...identity, groups, keyId: keyIdOf(digest) });
    table.set(digest, { identity: known, expiresMs: identity.scope?.expiresMs ?? Number.POSITIVE_INFINITY, usedMs: 0 });
  }
  return table;
}

function digestOf(key: string, user: string): KeyDigest {
  if (key.startsWith('sha256:')) {
    const digest = DIGEST_FORM.exec(key)?.[1]?.toLowerCase();
    if (digest === undefined) throw unusable(user, '"sha256:" is followed by exactly 64 hexadecimal digits');
    return digest;
  }
  if (key.length > KEY_MAX_CHARS) throw unusable(user, `a key has at most ${KEY_MAX_CHARS} characters`);
  if (!SENDABLE.test(key)) throw unusable(user, 'a key is made of visible ASCII characters, without spaces');
  return digestKey(key);
}

function unusable(user: string, rule: string): CallfsError {
  return new CallfsError('INVALID_REQUEST', `An API key of ${user} could never be presented: ${rule}.`);
}
