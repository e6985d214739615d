import { createHash, type Hash } from 'node:crypto';
import { CallfsError } from '@callfs/core';

export const CHECKSUM_ALGORITHMS = ['md5', 'sha1', 'sha256', 'sha512'] as const;

/** What the bytes of one request are to hash to. */
export interface Checksum {
  readonly algorithm: (typeof CHECKSUM_ALGORITHMS)[number];
  readonly digest: Buffer;
}

/** Compares the bytes of a request with the checksum that came with them. */
export class ChecksumCheck {
  private readonly hash: Hash;

  constructor(private readonly expected: Checksum) {
    this.hash = createHash(expected.algorithm);
  }

  update(chunk: Uint8Array): void {
    this.hash.update(chunk);
  }

  /** To be called once, after the last chunk. `CHECKSUM_MISMATCH`. */
  verify(): void {
    const { algorithm, digest } = this.expected;
    if (this.hash.digest().equals(digest)) return;
    const message = `The ${algorithm} of the bytes is not the one announced, so none of them was kept. Send them again.`;
    throw new CallfsError('CHECKSUM_MISMATCH', message, { details: { algorithm } });
  }
}
