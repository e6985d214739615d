import { createHash, type Hash } from 'node:crypto';
import { CallfsError } from '@callfs/core';

/** Digests that a client says its body has, in lower-case hexadecimal. */
export interface ExpectedDigests {
  readonly sha256?: string;
  readonly sha512?: string;
}

/**
 * Compares a body with what the client announced. Whoever stages the body hashes it with SHA-256 anyway, so this
 * hashes only what is asked for beyond that.
 */
export class DigestCheck {
  private readonly sha512: Hash | undefined;

  constructor(private readonly expected: ExpectedDigests) {
    this.sha512 = expected.sha512 === undefined ? undefined : createHash('sha512');
  }

  update(chunk: Uint8Array): void {
    this.sha512?.update(chunk);
  }

  /** To be called once, after the last chunk, before the commit. `DIGEST_MISMATCH`. */
  verify(sha256: string): void {
    compare('sha-256', this.expected.sha256, sha256);
    if (this.sha512) compare('sha-512', this.expected.sha512, this.sha512.digest('hex'));
  }
}

function compare(algorithm: string, expected: string | undefined, actual: string): void {
  if (expected === undefined || expected === actual) return;
  const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
  throw new CallfsError(
    'DIGEST_MISMATCH',
    `The body's ${algorithm} is not the one announced, so nothing was stored. Send the file again.`,
    { details: { algorithm, expected: base64(expected), actual: base64(actual) } },
  );
}
