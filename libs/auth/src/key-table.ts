import { createHash } from 'node:crypto';
import type { Identity } from './identity';

/** A key and whom it stands for. `key` is in clear, or `sha256:` and 64 hexadecimal digits. */
export interface KeyEntry {
  readonly key: string;
  readonly identity: Omit<Identity, 'keyId'>;
}

/** The identities by the digest of their key; keys in clear are forgotten. */
export function keyTable(entries: readonly KeyEntry[]): ReadonlyMap<string, Identity> {
  const table = new Map<string, Identity>();
  for (const { key, identity } of entries) {
    const digest = key.startsWith('sha256:') ? key.slice(7).toLowerCase() : createHash('sha256').update(key).digest('hex');
    table.set(digest, Object.freeze({ ...identity, keyId: digest.slice(0, 8) }));
  }
  return table;
}
