import { randomBytes } from 'node:crypto';

/** 32 lower-case hexadecimal digits, chosen at random by us: no key ever says anything about a user's path. */
export type StorageKey = string;

export function newStorageKey(): StorageKey {
  return randomBytes(16).toString('hex');
}

export function isStorageKey(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}
