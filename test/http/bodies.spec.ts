import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { rawExchange, rawRequest } from '../support/raw';
import { auth, seen } from './support/shell';
import { ask, useShell } from './support/use-shell';

const shell = useShell();
const EXPECT = { ...auth, Expect: '100-continue' };

it('counts a body that comes in one piece, in chunks, or not at all', async () => {
  const whole = await ask(shell, 'PUT', '/v1/files/a', { ...auth, 'Content-Length': 3 }, 'abc');
  expect(whole.json).toEqual({ bytes: 3, user: 'root' });
  const chunked = await ask(
    shell,
    'PUT',
    '/v1/files/a',
    { ...auth, 'Transfer-Encoding': 'chunked' },
    '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
  );
  expect(chunked.json).toEqual({ bytes: 5, user: 'root' });
  expect((await ask(shell, 'PUT', '/v1/files/a', auth)).json).toEqual({ bytes: 0, user: 'root' });
});

it.each(['nonsense', 'text/', ';;;', 'multipart/form-data', 'application/json', ''])(
  'leaves the body of an upload alone whatever its Content-Type says: "%s"',
  async (type) => {
    const answer = await ask(shell, 'PUT', '/v1/files/a', { ...auth, 'Content-Type': type, 'Content-Length': 3 }, '{"a');
    expect([answer.status, answer.json.bytes]).toEqual([201, 3]);
  },
);

// CHECKS H6.
it('asks for the body of an expectant client when nothing else is in the way', async () => {
  const head = rawRequest('PUT', '/v1/files/a', { ...EXPECT, 'Content-Length': 3 });
  const { responses } = await rawExchange(shell, [head, 'abc']);
  expect(responses.map(({ status }) => status)).toEqual([100, 201]);
});

it.each([
  ['no key', {}, '', 401],
  ['a failed condition', auth, '?fail=1', 412],
  ['too much', auth, '?max=1000', 413],
])('refuses an expectant client before its body: %s', async (_name, headers, query, status) => {
  const request = rawRequest('PUT', `/v1/files/a${query}`, { ...headers, Expect: '100-continue', 'Content-Length': 10_000 });
  const { responses, closed } = await rawExchange(shell, request, { untilClose: true });
  expect(responses.map((response) => response.status)).toEqual([status]);
  expect(responses[0]?.headers.get('connection')).toBe('close');
  expect(closed).toBe(true);
});

it('ignores expectations it does not know', async () => {
  expect((await ask(shell, 'GET', '/v1/files/a', { ...auth, Expect: 'the-unexpected' })).status).toBe(200);
});

it('lets a client that is refused in the middle of a large body read the answer', async () => {
  const size = 8 * 1024 * 1024;
  const head = rawRequest('PUT', '/v1/files/a?max=1000', { ...auth, 'Content-Length': size });
  const { responses, closed } = await rawExchange(shell, [head, Buffer.alloc(size)], { untilClose: true });
  expect(responses.map(({ status }) => status)).toEqual([413]);
  expect(responses[0]?.headers.get('connection')).toBe('close');
  expect(closed).toBe(true);
});

it('stops a chunked body at its limit', async () => {
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const head = rawRequest('PUT', '/v1/files/a?max=100000', { ...auth, 'Transfer-Encoding': 'chunked' });
  const { responses } = await rawExchange(shell, [head, chunk, chunk, chunk], { untilClose: true });
  expect(responses.map(({ status }) => status)).toEqual([413]);
});

it('goes on with the connection after a small body that was not wanted', async () => {
  const refused = rawRequest('PUT', '/v1/files/a?fail=1', { ...auth, 'Content-Length': 5 }, 'GET /');
  const { responses } = await rawExchange(shell, refused + rawRequest('GET', '/v1/files/b', auth), { responses: 2 });
  expect(responses.map(({ status }) => status)).toEqual([412, 200]);
  expect(responses[1]?.body.toString()).toBe('path=/b');
});

// CHECKS H7.
it('fails an upload that ends early', async () => {
  const failed = once(seen, 'upload failed');
  const receiving = once(seen, 'upload');
  const head = rawRequest('PUT', '/v1/files/a', { ...auth, 'Content-Length': 10 }, 'abc');
  await rawExchange(shell, [head, () => receiving], { reset: true, untilClose: true });
  expect(await failed).toEqual(['CONTENT_LENGTH_MISMATCH']);
});

it('fails an upload whose client says that nothing more comes', async () => {
  const failed = once(seen, 'upload failed');
  const { responses } = await rawExchange(shell, rawRequest('PUT', '/v1/files/a', { ...auth, 'Content-Length': 10 }, 'abc'), {
    halfClose: true,
    untilClose: true,
  });
  expect(responses[0]?.status).toBe(400);
  expect(await failed).toEqual(['CONTENT_LENGTH_MISMATCH']);
});

// CHECKS D2.
it.each([
  ['a million brackets', '['.repeat(1_000_000), 400, 'INVALID_REQUEST'],
  ['deep nesting', `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`, 400, 'INVALID_REQUEST'],
  ['100,000 keys', `{${Array.from({ length: 100_000 }, (_, i) => `"${i}":1`).join()}}`, 400, 'INVALID_REQUEST'],
  ['__proto__', '{"__proto__":{"admin":true}}', 400, 'INVALID_REQUEST'],
  ['__proto__ below', '{"a":[{"\\u005f_proto__":1}]}', 400, 'INVALID_REQUEST'],
  ['half a document', '{"a":', 400, 'INVALID_REQUEST'],
  ['two documents', '{}{}', 400, 'INVALID_REQUEST'],
  ['invalid UTF-8', '{"a":"\xff"}', 400, 'INVALID_REQUEST'],
  ['2 MB', `"${'x'.repeat(2 * 1024 * 1024)}"`, 413, 'PAYLOAD_TOO_LARGE'],
])('refuses JSON with %s', async (_name, body, status, code) => {
  const answer = await ask(
    shell,
    'PATCH',
    '/v1/files/a',
    { ...auth, 'Content-Type': 'application/json', 'Content-Length': body.length },
    body,
  );
  expect([answer.status, answer.json.code]).toEqual([status, code]);
});

it('reads no more than the limit of a JSON body of 1 GB that does not say its length', async () => {
  const socket = connect(shell.port, shell.host);
  socket.write(rawRequest('PATCH', '/v1/files/a', { ...auth, 'Transfer-Encoding': 'chunked' }));
  const chunk = Buffer.from(`100000\r\n${' '.repeat(0x100000)}\r\n`);
  let sent = 0;
  let answer = '';
  socket.on('data', (data) => (answer += data.toString()));
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  const before = process.memoryUsage().rss;
  while (sent < 1024 && !socket.destroyed && answer === '') {
    sent++;
    await new Promise((resolve) => socket.write(chunk, resolve));
  }
  socket.end();
  await closed;
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(sent).toBeLessThan(64);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
});

it.each([
  ['application/json', 200],
  ['application/json; charset=utf-8', 200],
  ['application/merge-patch+json', 200],
  ['application/x-www-form-urlencoded', 200],
  ['text/xml', 415],
  ['multipart/form-data; boundary=x', 415],
])('takes JSON that calls itself %s: %i', async (type, status) => {
  const answer = await ask(shell, 'PATCH', '/v1/files/a', { ...auth, 'Content-Type': type, 'Content-Length': 7 }, '{"a":1}');
  expect(answer.status).toBe(status);
});

it('takes a JSON route without a body and refuses an encoded one', async () => {
  expect((await ask(shell, 'PATCH', '/v1/files/a', auth)).json).toEqual({ value: null });
  const encoded = await ask(
    shell,
    'PATCH',
    '/v1/files/a',
    { ...auth, 'Content-Encoding': 'gzip', 'Content-Length': 7 },
    '{"a":1}',
  );
  expect([encoded.status, encoded.json.code]).toEqual([415, 'UNSUPPORTED_ENCODING']);
});
