import { CallfsError } from '@callfs/core';
import type { Identity } from './identity';
import { digestKey, KEY_MAX_CHARS, keyTable, type KeyDigest, type KeyEntry } from './key-table';

const SCHEME = 'bearer ';
/** Hashed in place of what can be no key: as much work as for one of the usual length. */
const DECOY = '-'.repeat(43);

/**
 * Tells whose key a request carries.
 *
 * Keys are held and looked up as SHA-256 digests, which is what makes an ordinary `Map` safe: how long a lookup takes
 * can depend on the digest of what was presented and on those in the table, never on a key. Whoever could read a
 * stored digest off the clock, digit by digit, would hold a number that opens nothing and cannot be turned back into
 * a key of any entropy. The key itself is compared with nothing.
 */
export class Authenticator {
  private table: ReadonlyMap<KeyDigest, Identity>;

  /** `INVALID_REQUEST` for a key that no request could present. */
  constructor(entries: readonly KeyEntry[]) {
    this.table = keyTable(entries);
  }

  /** From now on these keys count and no others: what was revoked is refused by the next call. */
  replace(entries: readonly KeyEntry[]): void {
    this.table = keyTable(entries);
  }

  /** The user of that name, if there still is one: for what was asked for earlier and is done on its behalf now. */
  userNamed(name: string): Identity | undefined {
    for (const identity of this.table.values()) if (identity.user === name) return identity;
    return undefined;
  }

  /**
   * Reads an `Authorization` field (RFC 6750 §2.1): `Bearer` in any case, one space, the key.
   * `AUTHENTICATION_FAILED`, with the same words and after the same work, whatever is wrong with it.
   */
  authenticate(authorization: string | undefined): Identity {
    return this.authenticateToken(bearerToken(authorization));
  }

  /** The same, `undefined` where `authenticate` throws. */
  recognise(authorization: string | undefined): Identity | undefined {
    return this.find(bearerToken(authorization));
  }

  /** The same for a front end that carries the key otherwise. */
  authenticateToken(token: string | undefined): Identity {
    const identity = this.find(token);
    if (identity !== undefined) return identity;
    throw new CallfsError('AUTHENTICATION_FAILED', 'The API key is missing or wrong. Send "Authorization: Bearer <api-key>".');
  }

  private find(token: string | undefined): Identity | undefined {
    const isPossible = token !== undefined && token !== '' && token.length <= KEY_MAX_CHARS;
    const identity = this.table.get(digestKey(isPossible ? token : DECOY));
    return isPossible ? identity : undefined;
  }
}

function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization?.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  return authorization.slice(SCHEME.length);
}
