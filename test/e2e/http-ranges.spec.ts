import { once } from 'node:events';
import { get } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import { fileTarget, type Answer, type Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { digestField, patternBytes, sha256 } from '../support/random';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';

const TEN = '0123456789';
const MTIME = 'Sun, 06 Nov 1994 08:49:37 GMT';

const server = useServer();
let root: Client;
let base: string;

beforeAll(async () => {
  root = server.client();
  base = await freshDirectory(root);
  await must(root.put(`${base}/ten`, TEN, { 'content-type': 'text/plain', 'x-callfs-mtime': '1994-11-06T08:49:37.5Z' }));
  await must(root.put(`${base}/empty`, ''));
  await must(root.put(`${base}/big`, patternBytes(1, 300_000)));
});

const range = (file: string, header: string, more: Record<string, string> = {}) =>
  root.get(`${base}/${file}`, { range: header, ...more });

describe('H1 a range of 10 bytes', () => {
  it.each([
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=0-9', TEN, 'bytes 0-9/10'],
    ['bytes=9-', '9', 'bytes 9-9/10'],
    ['bytes=-1', '9', 'bytes 9-9/10'],
    ['bytes=-10', TEN, 'bytes 0-9/10'],
    ['bytes=-20', TEN, 'bytes 0-9/10'],
    ['bytes=5-100', '56789', 'bytes 5-9/10'],
    ['bytes=0-18446744073709551616', TEN, 'bytes 0-9/10'],
    ['bytes=0-4,2-6', '0123456', 'bytes 0-6/10'],
  ])('%s: 206 with exactly these bytes', async (header, text, contentRange) => {
    const answer = await range('ten', header);

    expect([answer.status, answer.text]).toEqual([206, text]);
    expect(answer.headers).toMatchObject({
      'content-range': contentRange,
      'content-length': `${text.length}`,
      'content-type': 'text/plain',
      'accept-ranges': 'bytes',
      'repr-digest': digestField(TEN),
      etag: (await root.head(`${base}/ten`)).header('etag'),
    });
  });

  it.each(['bytes=10-', 'bytes=-0', 'bytes=100-200', 'bytes=18446744073709551616-', 'bytes=10-,20-30'])(
    '%s: 416 that says how long it is',
    async (header) => {
      const answer = await range('ten', header);

      expect(answer.outcome).toBe('416 RANGE_NOT_SATISFIABLE');
      expect(answer.header('content-range')).toBe('bytes */10');
    },
  );

  it.each(['bytes=5-3', 'bytes=a-b', 'bytes=', 'items=0-1', 'bytes=0-1-2', 'bytes', 'bytes=0-0,x'])(
    '%s: ignored, 200 with everything',
    async (header) => {
      const answer = await range('ten', header);

      expect([answer.status, answer.text, answer.header('content-range')]).toEqual([200, TEN, undefined]);
    },
  );

  it.each(['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=-0'])('%s of an empty file: 416', async (header) => {
    const answer = await range('empty', header);

    expect(answer.outcome).toBe('416 RANGE_NOT_SATISFIABLE');
    expect(answer.header('content-range')).toBe('bytes */0');
  });

  it('does not count on HEAD, where RFC 9110 §14.2 defines none', async () => {
    const answer = await root.head(`${base}/ten`, { range: 'bytes=0-0' });

    expect([answer.status, answer.header('content-length'), answer.header('content-range')]).toEqual([200, '10', undefined]);
  });

  it('of content that is not inline is cut as exactly', async () => {
    const bytes = patternBytes(1, 300_000);
    for (const [from, to] of [
      [0, 0],
      [65_535, 65_536],
      [131_000, 262_145],
      [299_999, 299_999],
    ] as const) {
      const answer = await range('big', `bytes=${from}-${to}`);
      expect([answer.status, sha256(answer.body)]).toEqual([206, sha256(bytes.subarray(from, to + 1))]);
    }
  });
});

describe('H2 many ranges', () => {
  it('come as multipart/byteranges, in the order asked for, of the length announced', async () => {
    const answer = await range('ten', 'bytes=8-,0-1, 4-4');

    expect(answer.status).toBe(206);
    expect(answer.header('content-range')).toBeUndefined();
    expect(answer.header('content-length')).toBe(`${answer.body.length}`);
    expect(parts(answer)).toEqual([
      { contentType: 'text/plain', contentRange: 'bytes 8-9/10', text: '89' },
      { contentType: 'text/plain', contentRange: 'bytes 0-1/10', text: '01' },
      { contentType: 'text/plain', contentRange: 'bytes 4-4/10', text: '4' },
    ]);
  });

  it('of content that is not inline', async () => {
    const bytes = patternBytes(1, 300_000);

    const answer = await range('big', 'bytes=-10,0-99999,200000-200009');

    expect(parts(answer).map(({ text }) => sha256(Buffer.from(text, 'latin1')))).toEqual(
      [bytes.subarray(299_990), bytes.subarray(0, 100_000), bytes.subarray(200_000, 200_010)].map(sha256),
    );
  });

  it('those that do not exist are left out', async () => {
    const answer = await range('ten', 'bytes=0-0,100-200');

    expect([answer.status, answer.text, answer.header('content-range')]).toEqual([206, '0', 'bytes 0-0/10']);
  });

  it('more than 16 are ignored', async () => {
    const spread = Array.from({ length: 17 }, (_, i) => `${i * 10}-${i * 10}`).join(',');

    expect((await range('big', `bytes=${spread}`)).status).toBe(200);
    expect(parts(await range('big', `bytes=${spread.split(',').slice(1).join(',')}`))).toHaveLength(16);
  });

  it('a thousand overlapping ones never make more than the file itself', async () => {
    const answer = await range('big', `bytes=${'0-,'.repeat(1000)}0-`);

    expect([answer.status, answer.body.length]).toEqual([200, 300_000]);
  });
});

describe('H3 If-Range', () => {
  it.each<[string, (etag: string) => string, number]>([
    ['the right tag', (etag) => etag, 206],
    ['the right date', () => MTIME, 206],
    ['an old tag', () => '"old"', 200],
    ['a weak tag', (etag) => `W/${etag}`, 200],
    ['an older date', () => 'Sun, 06 Nov 1994 08:49:36 GMT', 200],
    ['a later date', () => 'Sun, 06 Nov 1994 08:49:38 GMT', 200],
    ['nonsense', () => 'nonsense', 200],
  ])('with %s', async (_, header, status) => {
    const etag = (await root.head(`${base}/ten`)).header('etag') ?? '';

    const answer = await range('ten', 'bytes=2-3', { 'if-range': header(etag) });

    expect([answer.status, answer.text]).toEqual([status, status === 206 ? '23' : TEN]);
  });

  it('with an old tag sends the whole even where the range does not exist', async () => {
    expect((await range('ten', 'bytes=100-', { 'if-range': '"old"' })).status).toBe(200);
    expect((await range('ten', 'bytes=100-')).status).toBe(416);
  });

  it('comes after the conditions (RFC 9110 §13.2.2)', async () => {
    const etag = (await root.head(`${base}/ten`)).header('etag') ?? '';

    expect((await range('ten', 'bytes=0-0', { 'if-range': etag, 'if-none-match': etag })).status).toBe(304);
    expect((await range('ten', 'bytes=100-', { 'if-match': '"old"' })).status).toBe(412);
  });
});

describe('P2 H3 while a file is overwritten', () => {
  it.each([
    ['inline', 2_000],
    ['blob', 200_000],
  ])('every range and every whole comes from one version (%s)', async (kind, size) => {
    const path = `${base}/changing-${kind}`;
    // A version is one byte repeated, so that any mix shows; its tag says which it is.
    const version = (n: number) => Buffer.alloc(size, 97 + (n % 26));
    const letters = new Map<string, number>();
    const write = async (n: number) => {
      const etag = (await must(root.put(path, version(n)))).header('etag');
      letters.set(etag ?? 'PUT answered without an ETag', 97 + (n % 26));
    };
    await write(0);
    let isWriting = true;
    const seen: Answer[] = [];
    const read = async (headers: Record<string, string>) => {
      while (isWriting) seen.push(await root.get(path, headers));
    };
    const readers = [
      read({ range: `bytes=${size / 4}-${size / 2}` }),
      read({ range: `bytes=-${size - 1}` }),
      read({ range: `bytes=0-9,${size / 2}-${size - 1}` }),
      read({}),
    ];

    for (let n = 1; n <= 40 || seen.length <= 40; n++) await write(n);
    isWriting = false;
    await Promise.all(readers);

    for (const answer of seen) {
      const bytes = answer.header('content-type')?.startsWith('multipart/')
        ? Buffer.from(
            parts(answer)
              .map(({ text }) => text)
              .join(''),
            'latin1',
          )
        : answer.body;
      expect([answer.status === 200 || answer.status === 206, bytes.length > 0]).toEqual([true, true]);
      expect([...new Set(bytes)]).toEqual([letters.get(answer.header('etag') ?? '')]);
    }
  });

  it.each(['PUT', 'DELETE'])('a slow reader finishes the version it began (%s)', async (method) => {
    const path = `${base}/slow-${method}`;
    const bytes = patternBytes(5, 24 * 1024 * 1024);
    await must(root.put(path, bytes));
    const { hostname, port } = new URL(server.url);
    const outgoing = get({ hostname, port, path: fileTarget(path), headers: { authorization: `Bearer ${ROOT_KEY}` } });
    const [incoming] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage];
    // Not a byte is read yet: what the sockets cannot hold is still to be read from the store.

    await must(method === 'PUT' ? root.put(path, 'new') : root.delete(path));
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);

    expect(sha256(Buffer.concat(chunks))).toBe(sha256(bytes));
  });
});

interface Part {
  readonly contentType: string | undefined;
  readonly contentRange: string | undefined;
  /** Latin-1. */
  readonly text: string;
}

/** Reads a multipart/byteranges body; throws when it is not laid out as RFC 2046 has it. */
function parts(answer: Answer): Part[] {
  const boundary = /^multipart\/byteranges; boundary=([\w-]+)$/.exec(answer.header('content-type') ?? '')?.[1];
  if (boundary === undefined) throw new Error(`Not multipart/byteranges: ${answer.header('content-type')}`);
  const pieces = `\r\n${answer.body.toString('latin1')}`.split(`\r\n--${boundary}`);
  if (pieces[0] !== '' || pieces.at(-1) !== '--\r\n') throw new Error('The body does not begin and end with its boundary.');
  return pieces.slice(1, -1).map((piece) => {
    const end = piece.indexOf('\r\n\r\n');
    const field = (name: string) => new RegExp(`\r\n${name}: (.*)(?:\r\n|$)`, 'i').exec(piece.slice(0, end))?.[1];
    return { contentType: field('Content-Type'), contentRange: field('Content-Range'), text: piece.slice(end + 4) };
  });
}
