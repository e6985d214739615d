import { CallfsError } from '@callfs/core';
import type { Identity } from './identity';
import { keyEnded } from './key-ended';
import { digestKey, KEY_MAX_CHARS, keyTable, type KeyDigest, type KeyEntry, type KnownKey } from './key-table';

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
  private clock: () => number = Date.now;
  private table!: ReadonlyMap<KeyDigest, KnownKey>;
  private people!: ReadonlyMap<string, Identity>;
  /** Which key an identity came in with: what makes it possible to ask later whether it still counts. */
  private readonly origins = new WeakMap<Identity, KeyDigest>();

  /** `INVALID_REQUEST` for a key that no request could present. */
  constructor(entries: readonly KeyEntry[]) {
    this.replace(entries);
  }

  /** Keys expire by this clock from now on, instead of the machine's. */
  keepTimeBy(clock: () => number): void {
    this.clock = clock;
  }

  /** In milliseconds since the epoch, by the clock by which keys expire. */
  nowMs(): number {
    return this.clock();
  }

  /**
   * From now on these keys count and no others: what was revoked is refused by the next call. `people` are the users there
   * are, also those without a key; those who have one when not given.
   */
  replace(entries: readonly KeyEntry[], people = entries.map(({ identity }) => identity)): void {
    const next = keyTable(entries);
    for (const [digest, known] of next) {
      known.usedMs = this.table?.get(digest)?.usedMs ?? 0;
      this.origins.set(known.identity, digest);
    }
    this.table = next;
    // A key's limits are the key's and not the user's.
    this.people = new Map(people.map((person) => [person.user, { ...person, keyId: '', scope: undefined }]));
  }

  /**
   * For a request that began a while ago and is about to change something: `AUTHENTICATION_FAILED` when the key it came
   * with was revoked or has expired since.
   */
  revalidate(identity: Identity): void {
    const digest = this.origins.get(identity);
    // Who did not come with a key of this table was judged elsewhere.
    if (digest === undefined || this.current(digest)) return;
    throw keyEnded(identity);
  }

  /** When each key with a scope was last presented, by its digest, as far as that is later than `sinceMs`. */
  *lastUses(sinceMs: number): Iterable<{ digest: KeyDigest; usedMs: number }> {
    for (const [digest, { usedMs }] of this.table) if (usedMs > sinceMs) yield { digest, usedMs };
  }

  /** The user of that name, if there still is one: for what was asked for earlier and is done on its behalf now. */
  userNamed(name: string): Identity | undefined {
    return this.people.get(name);
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
    const known = this.current(digestKey(isPossible ? token : DECOY));
    if (!isPossible || !known) return undefined;
    if (known.identity.scope) known.usedMs = this.nowMs();
    return known.identity;
  }

  private current(digest: KeyDigest): KnownKey | undefined {
    const known = this.table.get(digest);
    return known && (known.expiresMs === Number.POSITIVE_INFINITY || this.nowMs() < known.expiresMs) ? known : undefined;
  }
}

function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization?.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  return authorization.slice(SCHEME.length);
}
