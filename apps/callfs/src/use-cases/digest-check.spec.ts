import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { DigestCheck, type ExpectedDigests } from './digest-check';

const hex = (algorithm: string, text: string) => createHash(algorithm).update(text).digest('hex');

function check(expected: ExpectedDigests, ...chunks: string[]): void {
  const digests = new DigestCheck(expected);
  for (const chunk of chunks) digests.update(Buffer.from(chunk));
  digests.verify(hex('sha256', chunks.join('')));
}

it('accepts a body that is what was announced, however it was cut', () => {
  check({}, 'hello');
  check({ sha256: hex('sha256', 'hello') }, 'hel', 'lo');
  check({ sha512: hex('sha512', 'hello') }, 'h', 'ello');
  check({ sha256: hex('sha256', ''), sha512: hex('sha512', '') });
});

it.each<[string, ExpectedDigests]>([
  ['sha-256', { sha256: hex('sha256', 'other') }],
  ['sha-512', { sha512: hex('sha512', 'other') }],
  ['sha-512', { sha256: hex('sha256', 'hello'), sha512: hex('sha512', 'other') }],
  ['sha-256', { sha256: hex('sha256', 'other'), sha512: hex('sha512', 'hello') }],
])('refuses a body whose %s is another: %j', (algorithm, expected) => {
  expect(() => check(expected, 'hello')).toThrow(
    expect.objectContaining({ code: 'DIGEST_MISMATCH', details: expect.objectContaining({ algorithm }) }),
  );
});
