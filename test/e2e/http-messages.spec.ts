import { beforeAll, describe, expect, it } from 'vitest';
import { fileTarget, names, type Client } from '../support/client';
import { freshDirectory, must, snapshot } from '../support/fixture';
import { settlesWithin } from '../support/observed';
import { patternBytes } from '../support/random';
import { rawExchange, rawRequest } from '../support/raw';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';

const MAX_UPLOAD = 1_000_000;
const settles = settlesWithin(60_000);
const KEY = { Authorization: `Bearer ${ROOT_KEY}` };

const server = useServer({ config: { server: { listen_addr: '127.0.0.1:0', protocol: 'http', max_upload_bytes: MAX_UPLOAD } } });
let root: Client;
let base: string;

beforeAll(async () => {
  root = server.client();
  base = await freshDirectory(root);
  await must(root.put(`${base}/file`, 'content'));
  await must(root.put(`${base}/page`, '<p>', { 'content-type': 'text/html' }));
  await must(root.put(`${base}/big`, patternBytes(2, 200_000)));
  await must(root.put(`${base}/empty`, ''));
});

/** `name` as it stands in a URL, query included. */
const target = (name: string) => `${fileTarget(base)}/${name}`;

/** Statuses and, where there are any, codes of what came back. */
function outcomes(exchange: Awaited<ReturnType<typeof rawExchange>>): string[] {
  return exchange.responses.map(({ status, body }) => {
    if (status < 400) return `${status}`;
    return `${status} ${(JSON.parse(body.toString()) as { code: string }).code}`;
  });
}

describe('H5 HEAD', () => {
  it.each(['file', 'page', 'big', 'empty', '', 'missing', 'file/below', '%zz', 'file/'])(
    'has the status and headers of GET, and no body: "%s"',
    async (name) => {
      const [get, head] = [await root.request('GET', target(name)), await root.request('HEAD', target(name))];

      expect(head.status).toBe(get.status);
      expect(head.body).toHaveLength(0);
      // The framing of a body is no field of what it frames: a listing is made while it is sent.
      const own = { date: null, 'x-request-id': null, 'transfer-encoding': null };
      expect({ ...head.headers, ...own }).toEqual({ ...get.headers, ...own });
    },
  );
});

describe('H6 Expect: 100-continue', () => {
  const expectation = { Expect: '100-continue', 'Content-Length': 5 };

  it.each<[string, string, string, Record<string, string | number>, string]>([
    ['no key', 'PUT', 'n', {}, '401 AUTHENTICATION_FAILED'],
    ['a wrong key', 'PUT', 'n', { Authorization: 'Bearer of-nothing-0123456789' }, '401 AUTHENTICATION_FAILED'],
    ['no permission', 'PUT', 'file', { Authorization: 'Bearer alice-key-0123456789abcdef' }, '403 PERMISSION_DENIED'],
    ['a condition', 'PUT', 'file', { ...KEY, 'If-Match': '"other"' }, '412 PRECONDITION_FAILED'],
    ['another condition', 'PUT', 'file', { ...KEY, 'If-None-Match': '*' }, '412 PRECONDITION_FAILED'],
    ['the size', 'PUT', 'n', { ...KEY, 'Content-Length': MAX_UPLOAD + 1 }, '413 PAYLOAD_TOO_LARGE'],
    ['what exists', 'POST', 'file', KEY, '409 FILE_ALREADY_EXISTS'],
    ['a directory', 'PUT', '', KEY, '400 IS_A_DIRECTORY'],
    ['the encoding', 'PUT', 'n', { ...KEY, 'Content-Encoding': 'gzip' }, '415 UNSUPPORTED_ENCODING'],
    ['a malformed digest', 'PUT', 'n', { ...KEY, 'Content-Digest': 'sha-256=x' }, '400 INVALID_REQUEST'],
    ['the path', 'PUT', 'a%00b', KEY, '400 INVALID_PATH'],
    ['the route', 'PUT', 'no route', KEY, '404 ROUTE_NOT_FOUND'],
  ])('is refused before the body is sent because of %s', async (_, method, name, headers, outcome) => {
    const path = name === 'no route' ? '/v1/nothing' : target('') + name;

    const exchange = await rawExchange(server, rawRequest(method, path, { ...expectation, ...headers }));

    expect(outcomes(exchange)).toEqual([outcome]);
  });

  it('is granted to an upload that can be stored, which is then stored', async () => {
    const exchange = await rawExchange(server, [rawRequest('PUT', target('expected'), { ...expectation, ...KEY }), 'hello']);

    expect(outcomes(exchange)).toEqual(['100', '201']);
    expect((await root.get(`${base}/expected`)).text).toBe('hello');
  });
});

describe('H7 a body', () => {
  it.each<[string, Record<string, string | number>, string]>([
    ['shorter than announced', { 'Content-Length': 10 }, 'short'],
    ['that never begins', { 'Content-Length': 10 }, ''],
    ['whose last chunk is missing', { 'Transfer-Encoding': 'chunked' }, '5\r\nshort\r\n'],
    ['cut off inside a chunk', { 'Transfer-Encoding': 'chunked' }, 'a\r\nshort'],
  ])('%s makes nothing visible and leaves nothing behind', async (_, framing, body) => {
    const before = await snapshot(root, base);

    for (const name of ['file', 'short']) {
      for (const way of [{ halfClose: true }, { reset: true }]) {
        await rawExchange(server, rawRequest('PUT', target(name), { ...KEY, ...framing }, body), { ...way, untilClose: true });
      }
    }
    // Large enough that bytes of it were staged in the store.
    await rawExchange(
      server,
      [rawRequest('PUT', target('short'), { ...KEY, 'Content-Length': 300_000 }), patternBytes(6, 200_000)],
      {
        halfClose: true,
        untilClose: true,
      },
    );

    expect(await snapshot(root, base)).toEqual(before);
  });

  it('with bytes beyond its length: those are not stored', async () => {
    const exchange = await rawExchange(
      server,
      rawRequest('PUT', target('longer'), { ...KEY, 'Content-Length': 3 }, 'abcdef\r\n\r\n'),
      {
        untilClose: true,
      },
    );

    // What follows is no request, so the connection ends (RFC 9112 §2.2).
    expect([outcomes(exchange), exchange.closed]).toEqual([['201'], true]);
    expect((await root.get(`${base}/longer`)).text).toBe('abc');
  });

  it.each<[string, Record<string, string>, string]>([
    ['no key', {}, '401 AUTHENTICATION_FAILED'],
    ['a condition', { ...KEY, 'If-Match': '"other"' }, '412 PRECONDITION_FAILED'],
    ['a bad path', { ...KEY, 'X-Path': 'bad' }, '400 INVALID_PATH'],
    ['the encoding', { ...KEY, 'Content-Encoding': 'gzip' }, '415 UNSUPPORTED_ENCODING'],
    ['the method', { ...KEY, 'X-Method': 'bad' }, '405 METHOD_NOT_ALLOWED'],
  ])('of a request refused because of %s is not the next request', async (_, headers, outcome) => {
    await must(root.put(`${base}/victim`, 'alive'));
    const inner = rawRequest('DELETE', target('victim'), KEY);
    const path = 'X-Path' in headers ? `${target('')}a%00b` : target('file');
    const method = 'X-Method' in headers ? 'REPORT' : 'PUT';
    const chunked = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;

    for (const [framing, body] of [
      [{ 'Content-Length': inner.length }, inner],
      [{ 'Transfer-Encoding': 'chunked' }, chunked],
    ] as const) {
      // The server may close the connection or read the body over; the client then says that it has no more to ask.
      const exchange = await rawExchange(server, rawRequest(method, path, { ...headers, ...framing }, body), {
        halfClose: true,
        untilClose: true,
      });
      expect(outcomes(exchange)).toEqual([outcome]);
    }

    expect((await root.get(`${base}/victim`)).text).toBe('alive');
  });

  it('of a GET is not the next request and changes nothing', async () => {
    const inner = rawRequest('DELETE', target('file'), KEY);

    const exchange = await rawExchange(
      server,
      rawRequest('GET', target('file'), { ...KEY, 'Content-Length': inner.length }, inner),
      {
        halfClose: true,
        untilClose: true,
      },
    );

    expect(exchange.responses.map(({ status }) => status)).toEqual([200]);
    expect((await root.get(`${base}/file`)).status).toBe(200);
  });

  it('then another request on the same connection: both are answered', async () => {
    const put = rawRequest('PUT', target('kept'), { ...KEY, 'Content-Length': 3 }, 'abc');

    const exchange = await rawExchange(server, put + rawRequest('GET', target('kept'), KEY), { responses: 2 });

    expect(outcomes(exchange)).toEqual(['201', '200']);
    expect(exchange.responses[1]?.body.toString()).toBe('abc');
  });

  it('then requests that depend on one another: each begins when the one before is over (RFC 9112 §9.3.2)', async () => {
    const put = (text: string) => rawRequest('PUT', target('order'), { ...KEY, 'Content-Length': text.length }, text);
    const read = rawRequest('GET', target('order'), KEY);
    const remove = rawRequest('DELETE', target('order'), KEY);

    const exchange = await rawExchange(server, put('one') + read + put('second') + read + remove + read, { responses: 6 });

    expect(outcomes(exchange)).toEqual(['201', '200', '200', '200', '204', '404 FILE_NOT_FOUND']);
    expect([1, 3].map((i) => exchange.responses[i]?.body.toString())).toEqual(['one', 'second']);
  });

  it('then a request behind one that closes the connection: that is never begun', async () => {
    await must(root.put(`${base}/victim`, 'alive'));
    const last = rawRequest('GET', target('file'), { ...KEY, Connection: 'close' });

    const exchange = await rawExchange(server, last + rawRequest('DELETE', target('victim'), KEY), { untilClose: true });

    expect(outcomes(exchange)).toEqual(['200']);
    expect((await root.get(`${base}/victim`)).text).toBe('alive');
  });

  it('then a request behind a last answer that is out at once: that is never begun and holds nothing', async () => {
    await must(root.put(`${base}/large`, patternBytes(3, 900_000)));
    const last = rawRequest('PUT', target('n'), { Expect: '100-continue', 'Content-Length': 0 });
    for (const behind of [
      rawRequest('GET', `${target('large')}?follow=true`, KEY),
      rawRequest('PUT', target('behind'), { ...KEY, 'Content-Length': 1 }, 'b'),
      rawRequest('DELETE', target('large'), KEY),
    ]) {
      expect(outcomes(await rawExchange(server, last + behind, { untilClose: true }))).toEqual(['401 AUTHENTICATION_FAILED']);
      // What begins later is over first, unless nothing was begun before.
      await must(root.put(`${base}/later`, patternBytes(4, 900_000)));
    }
    expect((await root.get(`${base}/behind`)).outcome).toBe('404 FILE_NOT_FOUND');
    expect((await root.get(`${base}/large`)).body).toEqual(patternBytes(3, 900_000));
    await settles(async () => (await server.openDescriptors()).filter((name) => name.includes('/blobs/')), []);
  });
});

describe('H9 methods', () => {
  const ALLOWED = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT';

  it.each(['TRACE', 'PROPFIND', 'REPORT', 'LINK'])('%s: 405 with Allow', async (method) => {
    const answer = await root.request(method, target('file'));

    expect(answer.outcome).toBe('405 METHOD_NOT_ALLOWED');
    expect(answer.header('allow')).toBe(ALLOWED);
  });

  it.each(['BREW', 'get', 'Delete2', 'FLUSH', "!#$%&'*+-.^_`|~9", 'X'.repeat(100)])(
    '%s, which nobody has: 405',
    async (method) => {
      const exchange = await rawExchange(server, rawRequest(method, target('file'), KEY), { untilClose: true });

      expect(outcomes(exchange)).toEqual(['405 METHOD_NOT_ALLOWED']);
      expect(exchange.responses[0]?.headers.get('allow')).toBe(ALLOWED);
    },
  );

  it('one in small letters: says how it is written', async () => {
    const exchange = await rawExchange(server, rawRequest('get', target('file'), KEY), { untilClose: true });
    expect(String(exchange.responses[0]?.body)).toContain('There is no such method. Methods are written in capitals.');
  });

  it.each(['', 'G@T', 'GET\t'])('what is no method ("%s"): 400 and close', async (method) => {
    const exchange = await rawExchange(server, rawRequest(method, target('file'), KEY), { untilClose: true });

    expect(outcomes(exchange)).toEqual(['400 INVALID_REQUEST']);
  });

  it.each(['x-http-method-override', 'x-http-method', 'x-method-override'])('%s is ignored', async (header) => {
    const before = await snapshot(root, base);

    expect((await root.get(`${base}/file`, { [header]: 'DELETE' })).text).toBe('content');
    expect((await root.request('GET', `${target('file')}?_method=DELETE`)).text).toBe('content');
    expect((await root.post(`${base}/file`, '', { [header]: 'DELETE' })).outcome).toBe('409 FILE_ALREADY_EXISTS');

    expect(await snapshot(root, base)).toEqual(before);
  });

  it('GET, HEAD and OPTIONS never change anything', async () => {
    const before = await snapshot(root, base);

    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      for (const name of ['file', 'missing', 'missing/', '', 'file?recursive=true'])
        await root.request(method, target('') + name, { headers: { 'x-callfs-copy-source': target('file') }, body: 'x' });
    }

    expect(await snapshot(root, base)).toEqual(before);
    expect(names(await root.list(base))).not.toContain('missing');
  });
});

describe('H10 framing that could be read in two ways: 400 and close', () => {
  const put = (headers: string, body: string) =>
    `PUT ${target('framed')} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${ROOT_KEY}\r\n${headers}\r\n${body}`;

  it.each([
    ['two different lengths', () => put('Content-Length: 3\r\nContent-Length: 4\r\n', 'abcd')],
    ['two equal lengths', () => put('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc')],
    ['lengths in a list', () => put('Content-Length: 3, 3\r\n', 'abc')],
    ['a negative length', () => put('Content-Length: -3\r\n', 'abc')],
    ['a signed length', () => put('Content-Length: +3\r\n', 'abc')],
    ['a hexadecimal length', () => put('Content-Length: 0x3\r\n', 'abc')],
    ['a length beyond 64 bits', () => put('Content-Length: 18446744073709551619\r\n', 'abc')],
    ['a length and chunks', () => put('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n')],
    ['chunks and a length', () => put('Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', '3\r\nabc\r\n0\r\n\r\n')],
    ['a coding before the chunks', () => put('Transfer-Encoding: gzip, chunked\r\n', '3\r\nabc\r\n0\r\n\r\n')],
    ['an unknown coding', () => put('Transfer-Encoding: xchunked\r\n', '3\r\nabc\r\n0\r\n\r\n')],
    ['chunks that are not last', () => put('Transfer-Encoding: chunked, gzip\r\n', '3\r\nabc\r\n0\r\n\r\n')],
    ['chunks twice', () => put('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '3\r\nabc\r\n0\r\n\r\n')],
    ['a folded header', () => put('Content-Length: 3\r\nX-Folded: a\r\n b\r\n', 'abc')],
    ['a folded coding', () => put('Transfer-Encoding:\r\n chunked\r\n', '3\r\nabc\r\n0\r\n\r\n')],
    ['a space before the colon', () => put('Content-Length : 3\r\n', 'abc')],
    ['bare line feeds', () => put('Content-Length: 3\r\n', 'abc').replaceAll('\r\n', '\n')],
    ['a bare line feed after a header', () => put('Content-Length: 3\nX-A: b\r\n', 'abc')],
    ['a bare carriage return in a header', () => put('Content-Length: 3\r\nX-A: a\rb\r\n', 'abc')],
    ['a NUL in a header', () => put('Content-Length: 3\r\nX-A: a\0b\r\n', 'abc')],
    ['no Host', () => put('Content-Length: 3\r\n', 'abc').replace('Host: a\r\n', '')],
    ['two keys', () => put(`Content-Length: 3\r\nAuthorization: Bearer of-nobody\r\n`, 'abc')],
    ['another version', () => put('Content-Length: 3\r\n', 'abc').replace('HTTP/1.1', 'HTTP/2.0')],
    ['two Hosts', () => put('Content-Length: 3\r\nHost: b\r\n', 'abc')],
  ])('%s', async (_, request) => {
    const exchange = await rawExchange(server, request(), { untilClose: true });

    expect(outcomes(exchange)).toEqual(['400 INVALID_REQUEST']);
    expect((await root.get(`${base}/framed`)).status).toBe(404);
  });

  it.each([
    ['0x10', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['with a space before it', ' 3\r\nabc\r\n0\r\n\r\n'],
    ['longer than it says', '2\r\nabc\r\n0\r\n\r\n'],
    ['ended by a line feed', '3\nabc\n0\n\n'],
    ['beyond 64 bits', 'fffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
  ])('a chunk size %s', async (_, body) => {
    const exchange = await rawExchange(server, put('Transfer-Encoding: chunked\r\n', body), { untilClose: true });

    expect(outcomes(exchange)).toEqual(['400 INVALID_REQUEST']);
    expect((await root.get(`${base}/framed`)).status).toBe(404);
  });
});

describe('H11 too much', () => {
  it('headers over 16 KiB: 431', async () => {
    const exchange = await rawExchange(server, rawRequest('GET', target('file'), { ...KEY, 'X-Long': 'x'.repeat(16_385) }), {
      untilClose: true,
    });

    expect(outcomes(exchange)).toEqual(['431 HEADERS_TOO_LARGE']);
  });

  it('a URL over 16 KiB: 414', async () => {
    const exchange = await rawExchange(server, rawRequest('GET', target(`file?${'x'.repeat(16_385)}`), KEY), {
      untilClose: true,
    });

    expect(outcomes(exchange)).toEqual(['414 URI_TOO_LONG']);
  });

  it('headers of 12 KiB and a URL of 12 KiB pass', async () => {
    expect((await root.request('GET', `${target('file')}?x=${'x'.repeat(12_288)}`)).status).toBe(200);
    expect((await root.get(`${base}/file`, { 'x-long': 'x'.repeat(12_288) })).status).toBe(200);
  });

  it('an endless header is cut off', async () => {
    const piece = `X-${'a'.repeat(1000)}: ${'b'.repeat(1000)}\r\n`;
    const exchange = await rawExchange(
      server,
      [`GET ${target('file')} HTTP/1.1\r\nHost: a\r\n`, ...Array.from({ length: 500 }, () => piece)],
      { untilClose: true },
    );

    // A reset may overtake the answer, since the client goes on sending; what counts is that it ends.
    expect(exchange.closed).toBe(true);
  });
});
