import { CallfsError } from '@callfs/core';
import type { ExpectedDigests } from '../../use-cases/digest-check';
import { field, type RequestFields } from './request-fields';
import { parseDictionary } from './structured-dictionary';

const FIELDS = ['content-digest', 'repr-digest'] as const;

/**
 * What an upload's `Content-Digest` and `Repr-Digest` announce (RFC 9530); `undefined` when nothing that we check.
 * Without a content coding both speak of the same bytes, so two that differ are `DIGEST_MISMATCH` before any byte is
 * read. Malformed: `INVALID_REQUEST`. Unknown algorithms do not count.
 */
export function expectedDigests(fields: RequestFields): ExpectedDigests | undefined {
  let expected: ExpectedDigests | undefined;
  for (const name of FIELDS) {
    const value = field(fields, name);
    if (value === undefined) continue;
    const members = parseDictionary(value);
    if (!members) throw malformed(name);
    for (const [algorithm, property, length] of [
      ['sha-256', 'sha256', 32],
      ['sha-512', 'sha512', 64],
    ] as const) {
      const bytes = members.get(algorithm);
      if (bytes === undefined) continue;
      if (typeof bytes === 'number' || bytes.length !== length) throw malformed(name);
      const hex = bytes.toString('hex');
      const other = expected?.[property];
      if (other !== undefined && other !== hex) {
        throw new CallfsError(
          'DIGEST_MISMATCH',
          `Content-Digest and Repr-Digest name different ${algorithm} digests of one body.`,
        );
      }
      expected = { ...expected, [property]: hex };
    }
  }
  return expected;
}

/** The `Repr-Digest` of a content whose SHA-256 is these hexadecimal digits. */
export function reprDigest(sha256: string): string {
  return `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
}

function malformed(name: string): CallfsError {
  return new CallfsError(
    'INVALID_REQUEST',
    `${name} is malformed; expected for example sha-256=:<base64 of the 32 bytes>: (RFC 9530).`,
  );
}
