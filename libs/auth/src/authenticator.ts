import { hash } from 'node:crypto';
import { CallfsError } from '@callfs/core';
import type { Identity } from './identity';
import { keyTable, type KeyEntry } from './key-table';

/** Longer texts are no keys of ours; what is beyond is not hashed, so that a megabyte costs what a key costs. */
const KEY_MAX_LENGTH = 512;
const SCHEME = /^bearer $/i;

/**
 * Tells whose key a request carries. A key is looked up by its SHA-256: how far a wrong guess's digest agrees with a
 * stored one says nothing about the key, so the comparison may stop early without telling anything (the digest cannot
 * be steered towards a prefix without already knowing it).
 */
export class Authenticator {
  private table: ReadonlyMap<string, Identity>;

  constructor(entries: readonly KeyEntry[]) {
    this.table = keyTable(entries);
  }

  /** From now on these keys count and no others. */
  replace(entries: readonly KeyEntry[]): void {
    this.table = keyTable(entries);
  }

  /** Reads an `Authorization` field (RFC 6750 §2.1). `AUTHENTICATION_FAILED`, with the same words whatever was wrong. */
  authenticate(authorization: string | undefined): Identity {
    const isBearer = authorization !== undefined && SCHEME.test(authorization.slice(0, 7));
    return this.authenticateToken(isBearer ? authorization.slice(7) : '');
  }

  /** The same for a front end that carries the key otherwise. */
  authenticateToken(token: string): Identity {
    const identity = this.table.get(hash('sha256', token.slice(0, KEY_MAX_LENGTH + 1), 'hex'));
    if (identity && token.length <= KEY_MAX_LENGTH) return identity;
    throw new CallfsError('AUTHENTICATION_FAILED', 'The API key is missing or wrong. Send "Authorization: Bearer <api-key>".');
  }
}
