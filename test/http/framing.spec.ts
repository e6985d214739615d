import { expect, it } from 'vitest';
import { rawExchange, rawRequest } from '../support/raw';
import { auth } from './support/shell';
import { ask, useShell } from './support/use-shell';

const shell = useShell();
const AUTHORIZATION = `Authorization: ${auth.Authorization}\r\n`;

const CHUNKED = { ...auth, 'Transfer-Encoding': 'chunked' };

// CHECKS H10: another reader on the way may have seen another request, so nothing after it can be trusted.
it.each([
  [
    'two Content-Length',
    `PUT /v1/files/a HTTP/1.1\r\nHost: x\r\n${AUTHORIZATION}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
  ],
  [
    'equal Content-Length twice',
    `PUT /v1/files/a HTTP/1.1\r\nHost: x\r\n${AUTHORIZATION}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
  ],
  ['a list as Content-Length', rawRequest('PUT', '/v1/files/a', { ...auth, 'Content-Length': '3, 3' }, 'abc')],
  ['a signed Content-Length', rawRequest('PUT', '/v1/files/a', { ...auth, 'Content-Length': '+3' }, 'abc')],
  ['a negative Content-Length', rawRequest('PUT', '/v1/files/a', { ...auth, 'Content-Length': '-1' }, '')],
  [
    'Content-Length and Transfer-Encoding',
    rawRequest('PUT', '/v1/files/a', { ...CHUNKED, 'Content-Length': 3 }, '3\r\nabc\r\n0\r\n\r\n'),
  ],
  ['xchunked', rawRequest('PUT', '/v1/files/a', { ...auth, 'Transfer-Encoding': 'xchunked' }, '3\r\nabc\r\n0\r\n\r\n')],
  ['gzip, chunked', rawRequest('PUT', '/v1/files/a', { ...auth, 'Transfer-Encoding': 'gzip, chunked' }, '3\r\nabc\r\n0\r\n\r\n')],
  [
    'chunked twice',
    rawRequest('PUT', '/v1/files/a', { ...auth, 'Transfer-Encoding': 'chunked, chunked' }, '3\r\nabc\r\n0\r\n\r\n'),
  ],
  ['obs-fold', `GET /v1/files/a HTTP/1.1\r\nHost: x\r\n${AUTHORIZATION}X-A: 1\r\n 2\r\n\r\n`],
  ['a bare LF', `GET /v1/files/a HTTP/1.1\nHost: x\n${AUTHORIZATION.replace('\r', '')}\n`],
  ['a space before the colon', `GET /v1/files/a HTTP/1.1\r\nHost : x\r\n${AUTHORIZATION}\r\n`],
  ['NUL in a header', `GET /v1/files/a HTTP/1.1\r\nHost: x\r\n${AUTHORIZATION}X-A: \0\r\n\r\n`],
  ['no Host', `GET /v1/files/a HTTP/1.1\r\n${AUTHORIZATION}\r\n`],
  ['two Hosts', `GET /v1/files/a HTTP/1.1\r\nHost: x\r\nHost: y\r\n${AUTHORIZATION}\r\n`],
  [
    'a transfer coding in HTTP/1.0',
    `PUT /v1/files/a HTTP/1.0\r\nConnection: keep-alive\r\n${AUTHORIZATION}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  ],
  ['a chunk size 0x10', rawRequest('PUT', '/v1/files/a', CHUNKED, '0x10\r\n0123456789abcdef\r\n0\r\n\r\n')],
  ['a chunk size -1', rawRequest('PUT', '/v1/files/a', CHUNKED, '-1\r\na\r\n0\r\n\r\n')],
  ['a chunk that is longer than its size', rawRequest('PUT', '/v1/files/a', CHUNKED, '3\r\nabcd\r\n0\r\n\r\n')],
  ['an HTTP version of the future', `GET /v1/files/a HTTP/3.7\r\nHost: x\r\n${AUTHORIZATION}\r\n`],
  ['no HTTP at all', 'hello there\r\n\r\n'],
])('refuses %s with 400 and closes the connection', async (_name, request) => {
  const { responses, closed } = await rawExchange(shell, request, { untilClose: true });
  expect(responses).toHaveLength(1);
  expect(responses[0]?.status).toBe(400);
  expect(responses[0]?.headers.get('connection')).toBe('close');
  expect(responses[0]?.headers.get('content-type')).toBe('application/json');
  expect(responses[0]?.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  expect(JSON.parse(String(responses[0]?.body))).toMatchObject({ code: 'INVALID_REQUEST' });
  expect(closed).toBe(true);
});

it('takes a smuggled request for what it is: not a request', async () => {
  const smuggled = rawRequest('GET', '/v1/files/smuggled', auth);
  const request = rawRequest('PUT', '/v1/files/a', { ...CHUNKED, 'Content-Length': 4 }, `0\r\n\r\n${smuggled}`);
  const { responses } = await rawExchange(shell, request, { untilClose: true });
  expect(responses.map(({ status }) => status)).toEqual([400]);
});

it('says how to write a URL that is not ASCII', async () => {
  const { responses } = await rawExchange(shell, rawRequest('GET', '/v1/files/caf\u00e9', auth), { untilClose: true });
  expect(responses[0]?.status).toBe(400);
  expect(JSON.parse(String(responses[0]?.body))).toMatchObject({ code: 'INVALID_PATH' });
});

// CHECKS H9.
it.each(['BREW', 'FOO', 'X'])('has no method %s and says which there are', async (method) => {
  const answer = await ask(shell, method, '/v1/files/a', auth);
  expect([answer.status, answer.json.code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
  expect(answer.headers.get('allow')).toBe('DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT');
});

it.each(['PROPFIND', 'TRACE', 'MKCOL', 'COPY', 'LOCK', 'SEARCH', 'M-SEARCH', 'PURGE', 'QUERY'])(
  'answers the known but unused method %s with 405 and the methods of the route',
  async (method) => {
    const answer = await ask(shell, method, '/v1/files/a', auth);
    expect([answer.status, answer.json.code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(answer.headers.get('allow')).toBe('DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT');
  },
);

it('answers CONNECT with 405', async () => {
  const answer = await ask(shell, 'CONNECT', 'example.org:443', auth);
  expect([answer.status, answer.json.code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
});

it('answers what was sent before a CONNECT first', async () => {
  const requests = rawRequest('GET', '/v1/files/a', auth) + rawRequest('CONNECT', 'example.org:443');
  const { responses, closed } = await rawExchange(shell, requests, { untilClose: true });
  expect(responses.map(({ status, body }) => [status, body.toString().slice(0, 7)])).toEqual([
    [200, 'path=/a'],
    [405, '{"code"'],
  ]);
  expect(closed).toBe(true);
});

it.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])('ignores %s', async (name) => {
  const answer = await ask(shell, 'GET', '/v1/files/a?_method=DELETE', { ...auth, [name]: 'DELETE' });
  expect([answer.status, answer.text]).toEqual([200, 'path=/a']);
});

it('lists the methods of a route for OPTIONS, and has none for what is no route', async () => {
  const known = await ask(shell, 'OPTIONS', '/v1/files/any/thing', auth);
  expect([known.status, known.headers.get('allow')]).toEqual([204, 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT']);
  const open = await ask(shell, 'OPTIONS', '/download/token');
  expect([open.status, open.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS']);
  expect((await ask(shell, 'OPTIONS', '/v1/nothing', auth)).status).toBe(404);
  expect((await ask(shell, 'OPTIONS', '/v1/files/a')).status).toBe(401);
});

// CHECKS H11.
it.each([
  ['one header of 16 KiB', { 'X-Long': 'v'.repeat(16 * 1024) }],
  ['one header of 1 MB', { 'X-Long': 'v'.repeat(1024 * 1024) }],
  ['many small headers', Object.fromEntries(Array.from({ length: 1200 }, (_, i) => [`X-Number-${i}`, 'value']))],
])('refuses %s with 431', async (_name, headers) => {
  const answer = await ask(shell, 'GET', '/v1/files/a', { ...auth, ...headers });
  expect([answer.status, answer.json.code]).toEqual([431, 'HEADERS_TOO_LARGE']);
});

it('takes headers of almost 16 KiB and a URL of 16 KiB', async () => {
  const url = `/v1/files/${'n'.repeat(16 * 1024 - '/v1/files/'.length)}`;
  const answer = await ask(shell, 'GET', url, { ...auth, 'X-Long': 'v'.repeat(16 * 1024 - 200) });
  expect(answer.status).toBe(200);
});

it('refuses a URL over 16 KiB with 414', async () => {
  for (const url of [`/v1/files/${'n'.repeat(16 * 1024)}`, `/v1/files/a?q=${'n'.repeat(20 * 1024)}`]) {
    const answer = await ask(shell, 'GET', url, auth);
    expect([answer.status, answer.json.code]).toEqual([414, 'URI_TOO_LONG']);
  }
});

it('takes HTTP/1.0 and closes after it', async () => {
  const { responses, closed } = await rawExchange(shell, `GET /v1/files/a HTTP/1.0\r\n${AUTHORIZATION}\r\n`, {
    untilClose: true,
  });
  expect(responses[0]?.body.toString()).toBe('path=/a');
  expect(closed).toBe(true);
});
