import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { freshDirectory, must, snapshot } from '../support/fixture';
import { settlesWithin } from '../support/observed';
import { digestField, patternBytes } from '../support/random';
import { useServer } from '../support/use-server';

const server = useServer();
const settles = settlesWithin(60_000);
let root: Client;
let base: string;

beforeAll(async () => {
  root = server.client();
  base = await freshDirectory(root);
  await must(root.put(`${base}/file`, 'old'));
});

const BODY = 'a body';
const SHA_256 = digestField(BODY);
const SHA_512 = digestField(BODY, 'sha-512');
const WRONG_256 = digestField('another body');
const WRONG_512 = digestField('another body', 'sha-512');

describe('H8 an upload', () => {
  it.each<[string, Record<string, string>]>([
    ['sha-256', { 'content-digest': SHA_256 }],
    ['sha-512', { 'content-digest': SHA_512 }],
    ['Repr-Digest', { 'repr-digest': SHA_256 }],
    ['two algorithms', { 'content-digest': `${SHA_256}, ${SHA_512}` }],
    ['both fields', { 'content-digest': SHA_256, 'repr-digest': SHA_512 }],
    ['an unknown algorithm alone', { 'content-digest': 'md5=:1B2M2Y8AsgTpgAmY7PhCfg==:' }],
    ['an unknown algorithm beside a right one', { 'content-digest': `unixsum=:AQI=:, ${SHA_256}` }],
    ['parameters', { 'content-digest': `${SHA_256};a=1` }],
  ])('with a right digest is stored: %s', async (_, headers) => {
    await must(root.put(`${base}/right`, BODY, headers));

    const answer = await root.get(`${base}/right`);
    expect([answer.text, answer.header('repr-digest')]).toEqual([BODY, SHA_256]);
    await must(root.delete(`${base}/right`));
  });

  it.each<[string, Record<string, string>, string]>([
    ['wrong sha-256', { 'content-digest': WRONG_256 }, '400 DIGEST_MISMATCH'],
    ['wrong sha-512', { 'content-digest': WRONG_512 }, '400 DIGEST_MISMATCH'],
    ['wrong Repr-Digest', { 'repr-digest': WRONG_256 }, '400 DIGEST_MISMATCH'],
    ['one right, one wrong', { 'content-digest': `${SHA_256}, ${WRONG_512}` }, '400 DIGEST_MISMATCH'],
    ['fields that contradict each other', { 'content-digest': SHA_256, 'repr-digest': WRONG_256 }, '400 DIGEST_MISMATCH'],
    ['malformed: no colons', { 'content-digest': 'sha-256=abc' }, '400 INVALID_REQUEST'],
    ['malformed: of another length', { 'content-digest': 'sha-256=:AAAA:' }, '400 INVALID_REQUEST'],
    ['malformed: not a dictionary', { 'repr-digest': '=;=' }, '400 INVALID_REQUEST'],
    ['malformed: hexadecimal', { 'content-digest': `sha-256=${'0'.repeat(64)}` }, '400 INVALID_REQUEST'],
  ])('is refused and changes nothing: %s', async (_, headers, outcome) => {
    const before = await snapshot(root, base);

    expect((await root.put(`${base}/file`, BODY, headers)).outcome).toBe(outcome);
    expect((await root.post(`${base}/new`, BODY, headers)).outcome).toBe(outcome);
    expect((await root.put(`${base}/chunked`, Readable.from([BODY]), headers)).outcome).toBe(outcome);

    expect(await snapshot(root, base)).toEqual(before);
  });

  it('of content that is not inline is verified all the same', async () => {
    const bytes = patternBytes(3, 500_000);
    for (const algorithm of ['sha-256', 'sha-512'] as const) {
      expect((await root.put(`${base}/big`, bytes, { 'content-digest': digestField(bytes, algorithm) })).status).toBe(201);
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(400_000) ^ 1, 400_000);
      const answer = await root.put(`${base}/big`, flipped, { 'content-digest': digestField(bytes, algorithm) });
      expect(answer.outcome).toBe('400 DIGEST_MISMATCH');
      expect((await root.get(`${base}/big`)).header('repr-digest')).toBe(digestField(bytes));
      await must(root.delete(`${base}/big`));
    }
  });

  it('with a wrong digest leaves no bytes behind', async () => {
    expect((await root.put(`${base}/big`, patternBytes(4, 500_000), { 'content-digest': WRONG_256 })).outcome).toBe(
      '400 DIGEST_MISMATCH',
    );

    expect((await root.get(`${base}/big`)).status).toBe(404);
    const staging = join(server.dataDir, 'staging');
    await settles(async () => (await server.openDescriptors()).filter((file) => file.startsWith(staging)), []);
    await settles(() => readdir(staging), []);
  });
});
