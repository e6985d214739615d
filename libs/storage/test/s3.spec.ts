import { newStorageKey } from '@callfs/core';
import { openS3, type PlaceMarks, type S3Options, type StorageProvider } from '@callfs/storage';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy, type SeenRequest } from '../../../test/support/fault-proxy';
import { claimPort } from '../../../test/support/ports';
import { collect, failing, failureOf, inChunks, pattern, sha256, stalling } from '../src/testing/bodies';
import { storageProviderSuite } from '../src/testing/storage-provider-suite';
import { TestBucket } from '../../../test/support/s3-bucket';

const KIB = 1024;
const MIB = 1024 * KIB;
const BLOCK = 64 * KIB;

let bucket: TestBucket;

beforeAll(async () => {
  bucket = await TestBucket.start();
});

afterAll(async () => {
  await bucket?.stop();
});

storageProviderSuite('s3', {
  open: () => openS3(bucket.options()),
  leftovers: () => bucket.leftovers(),
  close: async () => undefined,
  sizes: [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, 40 * MIB + 3],
  finishesDeletedReads: false,
  isClaimable: true,
});

async function store(provider: StorageProvider, content: Buffer): Promise<string> {
  const key = newStorageKey();
  await provider.write(key, inChunks(content, 256 * KIB), { size: content.length });
  return key;
}

describe('a start that cannot succeed names the setting', () => {
  const cases: [string, (options: S3Options) => Promise<Partial<S3Options>> | Partial<S3Options>, string[]][] = [
    ['no such bucket', () => ({ bucketName: 'no-such-bucket' }), ['"no-such-bucket" does not exist', 'backend.s3.bucket_name']],
    ['unknown access key', () => ({ accessKey: 'nobody' }), ['InvalidAccessKeyId', 'backend.s3.access_key']],
    ['wrong secret', () => ({ secretKey: 'a wrong one' }), ['SignatureDoesNotMatch', 'backend.s3.secret_key']],
    [
      'nothing listens there',
      async () => ({ endpoint: `http://127.0.0.1:${await claimPort()}` }),
      ['cannot be reached (ECONNREFUSED)', 'backend.s3.endpoint'],
    ],
  ];

  it.each(cases)('%s', async (_, overrides, words) => {
    const failure = await failureOf(openS3(bucket.options(await overrides(bucket.options()))));
    expect(failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    for (const word of words) expect(failure.message).toContain(word);
    expect(failure.message).not.toContain('a wrong one');
  });
});

describe('with a network in between', () => {
  let proxy: FaultProxy;
  let provider: StorageProvider;

  beforeEach(async () => {
    proxy = await FaultProxy.start(bucket.server.port);
    provider = await openS3(bucket.options({ endpoint: proxy.url, fileOpTimeoutMs: 1_000 }));
    proxy.seen.length = 0;
  });

  afterEach(async () => {
    await provider.close();
    await proxy.stop();
  });

  const isGet = ({ method }: SeenRequest): boolean => method === 'GET';
  const SLOW_DOWN = { status: 503, body: '<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>' };

  it.each([
    ['GET', 1],
    ['GET', 2],
    ['PUT', 2],
  ])('N4 503 SlowDown to a %s, %i times: tried again', async (method, times) => {
    let left = times;
    proxy.fault = (request) => (request.method === method && left-- > 0 ? SLOW_DOWN : undefined);
    const content = pattern(100 * KIB);
    const key = await store(provider, content);
    expect((await collect(await provider.read(key))).equals(content)).toBe(true);
  });

  it('N4 503 SlowDown all the time: BACKEND_UNAVAILABLE, and nothing is left', async () => {
    const key = await store(provider, pattern(100));
    proxy.fault = () => SLOW_DOWN;
    expect(await failureOf(provider.read(key))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await failureOf(provider.stat(key))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await failureOf(store(provider, pattern(100)))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await failureOf(provider.check())).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await bucket.leftovers()).toEqual([]);
  });

  it('N4 403 to everything: BACKEND_UNAVAILABLE', async () => {
    const key = await store(provider, pattern(100));
    proxy.fault = () => ({ status: 403, body: '<Error><Code>AccessDenied</Code></Error>' });
    expect(await failureOf(provider.read(key))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await failureOf(store(provider, pattern(100)))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });

  it('a quota that is used up: INSUFFICIENT_STORAGE', async () => {
    proxy.fault = ({ method }) =>
      method === 'PUT' ? { status: 403, body: '<Error><Code>QuotaExceeded</Code></Error>' } : undefined;
    expect(await failureOf(store(provider, pattern(100)))).toMatchObject({ code: 'INSUFFICIENT_STORAGE' });
  });

  it.each([
    ['cut', { cutAfter: 1_500_000 }],
    ['stalled', { stallAfter: 1_500_000 }],
  ])('N4 a body that is %s midway goes on where it ended', async (_, fault) => {
    const content = pattern(5 * MIB);
    const key = await store(provider, content);
    let left = 2;
    proxy.fault = (request) => (isGet(request) && left-- > 0 ? fault : undefined);
    expect(sha256(await collect(await provider.read(key)))).toBe(sha256(content));
    expect(left).toBeLessThan(0);
  });

  it.each([
    ['cut', { cutAfter: 0 }],
    ['silent', 'silence' as const],
  ])('N4 a body that is %s again and again fails, in bounded time', async (_, fault) => {
    const key = await store(provider, pattern(5 * MIB));
    let gets = 0;
    proxy.fault = () => (++gets === 1 ? { cutAfter: 1_500_000 } : gets === 2 ? undefined : fault);
    const started = Date.now();
    expect(await failureOf(provider.read(key).then(collect))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(gets).toBeGreaterThan(2);
    expect(Date.now() - started).toBeLessThan(15_000);
  });

  it('a server that falls silent is given up in bounded time', async () => {
    const key = await store(provider, pattern(100));
    proxy.fault = () => 'silence';
    const started = performance.now();
    const gaveUpAfter = async (work: () => Promise<unknown>, method: string): Promise<number> => {
      proxy.seen.length = 0;
      expect(await failureOf(work())).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
      return proxy.seen.filter((request) => request.method === method).length;
    };
    // Once more than once: it may be the connection alone that is dead.
    expect(await gaveUpAfter(() => provider.read(key), 'GET')).toBe(2);
    expect(await gaveUpAfter(() => store(provider, pattern(100)), 'PUT')).toBe(2);
    expect(await gaveUpAfter(() => store(provider, pattern(9 * MIB)), 'POST')).toBe(2);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  it('encryption, key and ACL are asked for, of objects and of uploads', async () => {
    const settings = { serverSideEncryption: 'aws:kms', kmsKeyId: 'the-key', acl: 'private' };
    // The server has no key of that name, which is not the question: it is asked.
    proxy.fault = ({ method }) => (method === 'PUT' ? { status: 200, body: '' } : method === 'POST' ? SLOW_DOWN : undefined);
    const configured = await openS3(bucket.options({ endpoint: proxy.url, ...settings }));
    await failureOf(store(configured, pattern(9 * MIB)));
    await configured.close();
    const expected = {
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'the-key',
      'x-amz-acl': 'private',
    };
    for (const wanted of ['PUT', 'POST'])
      expect(proxy.seen.find(({ method }) => method === wanted)?.headers).toMatchObject(expected);
  });

  it('a mark is put without a condition where the server knows none, and one that cannot be read is not taken for none', async () => {
    const { marks } = provider as StorageProvider & { marks: PlaceMarks };
    const [first, second] = ['3'.repeat(32), '4'.repeat(32)] as const;
    const { owner } = await marks.read();
    expect(await marks.claim(first, owner)).toBe(first);
    const unknown = { status: 501, body: '<Error><Code>NotImplemented</Code></Error>' };
    proxy.fault = ({ headers }) => (headers['if-none-match'] === undefined ? undefined : unknown);
    expect(await marks.claim(second, first)).toBe(second);
    expect(await marks.read()).toEqual({ owner: second, guests: [] });
    proxy.fault = ({ method }) =>
      method === 'GET' ? { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' } : undefined;
    expect(await failureOf(marks.read())).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await failureOf(marks.claim(first))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  });

  it('a hundred uploads in parts that fail leave nothing', async () => {
    const content = pattern(9 * MIB);
    const error = new Error('the client went away');
    for (let i = 0; i < 100; i += 10)
      await Promise.all(
        Array.from({ length: 10 }, async () =>
          expect(await failureOf(provider.write(newStorageKey(), failing(content, content.length, error)))).toBe(error),
        ),
      );
    expect(
      proxy.seen.filter(({ method, path }) => method === 'POST' && /[?&]uploads\b/.test(path)).length,
    ).toBeGreaterThanOrEqual(100);
    expect(await bucket.leftovers()).toEqual([]);
    for await (const { size } of provider.list()) expect(size).not.toBe(content.length);
  });

  it('an upload that began twice, since the first answer was late, leaves nothing', async () => {
    const isBegin = ({ method, path }: SeenRequest): boolean => method === 'POST' && /[?&]uploads\b/.test(path);
    let late = true;
    proxy.fault = (request) => {
      if (!isBegin(request) || !late) return undefined;
      late = false;
      return { stallAfter: 0 };
    };
    const content = pattern(9 * MIB);
    const key = await store(provider, content);
    expect(proxy.seen.filter(isBegin).length).toBe(2);
    expect(sha256(await collect(await provider.read(key)))).toBe(sha256(content));
    expect(await bucket.leftovers()).toEqual([]);
  });

  it('a part that is refused ends the upload while its body is still waited for', async () => {
    proxy.fault = ({ path }) =>
      path.includes('partNumber=1') ? { status: 400, body: '<Error><Code>BadDigest</Code></Error>' } : undefined;
    const body = stalling(pattern(9 * MIB), 9 * MIB, () => undefined);
    const key = newStorageKey();
    expect(await failureOf(provider.write(key, body))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(body.returned).toBe(true);
    expect(await bucket.leftovers()).toEqual([]);
  });

  it('an upload that cannot be completed leaves nothing', async () => {
    proxy.fault = ({ method, path }) =>
      method === 'POST' && path.includes('uploadId')
        ? { status: 400, body: '<Error><Code>InvalidPart</Code></Error>' }
        : undefined;
    const key = newStorageKey();
    expect(await failureOf(provider.write(key, inChunks(pattern(9 * MIB), MIB)))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await bucket.leftovers()).toEqual([]);
    expect(await failureOf(provider.stat(key))).toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('C6 what the server returns is verified', () => {
  let provider: StorageProvider;
  beforeAll(async () => {
    provider = await openS3(bucket.options());
  });
  afterAll(() => provider.close());

  const flipped = (at: number) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes);
    changed[at < 0 ? bytes.length + at : at]! ^= 1;
    return changed;
  };

  it.each([
    ['small', 100 * KIB],
    ['large', 3 * MIB],
  ])('a flipped bit in the second block of a %s object', async (_, size) => {
    const content = pattern(size);
    const key = await store(provider, content);
    await bucket.tamper(key, flipped(BLOCK + 7));
    const came: Buffer[] = [];
    const failure = await failureOf(
      (async () => {
        for await (const chunk of await provider.read(key)) came.push(Buffer.from(chunk));
      })(),
    );
    expect(failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(Buffer.concat(came).equals(content.subarray(0, BLOCK))).toBe(true);
    const range = { offset: 0, length: 100 };
    expect((await collect(await provider.read(key, { range }))).equals(content.subarray(0, 100))).toBe(true);
  });

  it.each([
    ['in the footer', flipped(-30)],
    ['cut short', (bytes: Buffer) => bytes.subarray(0, -100)],
    ['emptied', () => Buffer.alloc(0)],
    ['replaced', () => pattern(3 * MIB, 2)],
  ])('an object that was changed %s', async (_, change) => {
    for (const size of [1000, 3 * MIB]) {
      const key = await store(provider, pattern(size));
      await bucket.tamper(key, change);
      expect(await failureOf(provider.read(key))).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    }
  });
});

it('many uploads share a bounded memory and all come through', async () => {
  const content = pattern(17 * MIB);
  const provider = await openS3(bucket.options({ uploadBufferBytes: 64 * MIB }));
  const before = process.memoryUsage().arrayBuffers;
  let peak = 0;
  const keys = Array.from({ length: 20 }, newStorageKey);
  const watched = (): AsyncIterable<Uint8Array> =>
    (async function* () {
      for await (const chunk of inChunks(content, 256 * KIB)) {
        peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
        yield chunk;
      }
    })();
  await Promise.all(keys.map((key) => provider.write(key, watched())));
  // What the garbage collector has not come to yet is on top of the 64 MiB; all bodies would be 340.
  expect(peak).toBeLessThan(200 * MIB);
  for (const key of keys) {
    expect(await provider.stat(key)).toEqual({ key, size: content.length });
    await provider.delete(key);
  }
  await provider.close();
});
