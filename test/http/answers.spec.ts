import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { rawExchange, rawRequest } from '../support/raw';
import { auth, seen } from './support/shell';
import { ask, useShell } from './support/use-shell';

const shell = useShell();

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

it.each([
  ['a file', 'GET', '/v1/files/a', auth, 200],
  ['HEAD', 'HEAD', '/v1/files/a', auth, 200],
  ['JSON of ours', 'PUT', '/v1/files/a', auth, 201],
  ['what Nest sends', 'POST', '/v1/files/a', auth, 201],
  ['an error of a controller', 'GET', '/v1/files/a?fail=FILE_NOT_FOUND', auth, 404],
  ['a bug', 'GET', '/v1/files/a?fail=bug', auth, 500],
  ['no key', 'GET', '/v1/files/a', {}, 401],
  ['an unknown route', 'GET', '/nowhere', {}, 404],
  ['an unknown route of the API', 'GET', '/v1/nowhere', auth, 404],
  ['OPTIONS', 'OPTIONS', '/v1/files/a', auth, 204],
  ['a wrong method', 'POST', '/download/token', {}, 405],
  ['an escape that the router rejects', 'GET', '/download/%zz', {}, 400],
  ['a method that nobody knows', 'BREW', '/v1/files/a', auth, 405],
  ['metrics', 'GET', '/metrics', auth, 200],
  ['health', 'GET', '/health', {}, 200],
  ['documentation', 'GET', '/docs', {}, 200],
  ['a file of the documentation', 'GET', '/docs/swagger-ui.css', {}, 200],
])('has a request id and the security headers: %s', async (_name, method, target, headers, status) => {
  const answer = await ask(shell, method, target, headers);
  expect(answer.status).toBe(status);
  expect(Object.fromEntries(answer.headers)).toMatchObject(SECURITY_HEADERS);
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  expect(answer.headers.get('permissions-policy')).toContain('camera=()');
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(answer.headers.has('strict-transport-security')).toBe(false);
  expect(answer.headers.has('access-control-allow-origin')).toBe(false);
  expect(answer.headers.has('server')).toBe(false);
  if (status >= 400) {
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.json).toMatchObject({ request_id: answer.headers.get('x-request-id') });
    expect(answer.json.code).toMatch(/^[A-Z_]+$/);
    expect(answer.json.message).not.toBe('');
  }
});

it('sandboxes what users stored', async () => {
  const { headers } = await ask(shell, 'GET', '/v1/files/a', auth);
  expect(headers.get('content-security-policy')).toBe("sandbox; default-src 'none'");
});

it('never uses a request id twice nor takes one from the client', async () => {
  const ids = new Set<string | undefined>();
  for (let i = 0; i < 300; i++) {
    const { headers } = await ask(shell, 'GET', '/v1/files/a', { ...auth, 'X-Request-ID': 'mine' });
    ids.add(headers.get('x-request-id'));
  }
  expect(ids.size).toBe(300);
  expect(ids.has('mine')).toBe(false);
});

it('answers a bug with an id and nothing else, and logs the cause under that id', async () => {
  const answer = await ask(shell, 'GET', '/v1/files/x?fail=bug', auth);
  expect(answer.json).toEqual({
    code: 'INTERNAL_ERROR',
    message: 'Something went wrong inside. Quote the request id to the operator.',
    request_id: answer.headers.get('x-request-id'),
  });
  const line = await shell.line((entry) => entry.level === 'error' && entry.request_id === answer.json.request_id);
  expect(JSON.stringify(line)).toContain('the secret inside');
});

it('keeps the cause of a 503 for the log and says when to come back', async () => {
  const answer = await ask(shell, 'GET', '/v1/files/x?fail=METADATA_UNAVAILABLE', auth);
  expect(answer.status).toBe(503);
  expect(answer.text).not.toContain('the secret inside');
  expect(answer.headers.get('retry-after')).toBe('2');
  const line = await shell.line((entry) => entry.level === 'error' && entry.request_id === answer.json.request_id);
  expect(JSON.stringify(line)).toContain('the secret inside');
});

it('adds details to an error without letting them replace its code, message or id', async () => {
  const answer = await ask(shell, 'GET', '/v1/files/x?fail=FILE_ALREADY_EXISTS', auth);
  expect(answer.status).toBe(409);
  expect(answer.json).toEqual({
    code: 'FILE_ALREADY_EXISTS',
    message: 'No /x',
    request_id: answer.headers.get('x-request-id'),
    existing_path: '/x',
    size: 10,
  });
});

it('shows conditions that have no name of their own outside under that of their kind', async () => {
  const short = await ask(shell, 'DELETE', '/v1/files/x', auth);
  expect([short.status, short.json.code]).toEqual([400, 'INVALID_REQUEST']);
  const parent = await ask(shell, 'GET', '/v1/files/x?fail=PARENT_NOT_A_DIRECTORY', auth);
  expect([parent.status, parent.json.code]).toEqual([409, 'NOT_A_DIRECTORY']);
  const conflict = await ask(shell, 'GET', '/v1/files/x?fail=CONFLICT', auth);
  expect([conflict.status, conflict.json.code]).toEqual([503, 'METADATA_UNAVAILABLE']);
});

it('escapes what an error quotes', async () => {
  const answer = await ask(shell, 'GET', '/v1/files/%22,%22code%22:%22<script>?fail=FILE_NOT_FOUND', auth);
  expect(answer.json.code).toBe('FILE_NOT_FOUND');
  expect(answer.json.message).toBe('No /%22,%22code%22:%22<script>');
});

it('streams a body whole', async () => {
  const answer = await ask(shell, 'GET', '/v1/files/x?stream=3000000', auth);
  expect(answer.complete).toBe(true);
  expect(answer.body.equals(Buffer.alloc(3_000_000, 'x'))).toBe(true);
});

it.each([
  ['fails', 'stop=100000'],
  ['ends early', 'stop=100000&quiet'],
])('breaks the connection when a body %s after the head was sent', async (_name, query) => {
  const { responses, closed } = await rawExchange(shell, rawRequest('GET', `/v1/files/x?stream=200000&${query}`, auth), {
    untilClose: true,
  });
  expect(closed).toBe(true);
  expect(responses[0]?.status).toBe(200);
  expect(responses[0]?.complete).toBe(false);
  expect(responses[0]?.body.length).toBeLessThanOrEqual(100_000);
});

it('reuses a connection, also after errors and for requests that were sent ahead', async () => {
  const request = rawRequest('GET', '/v1/files/a', auth);
  const missing = rawRequest('GET', '/v1/files/b?fail=FILE_NOT_FOUND', auth);
  const { responses, closed } = await rawExchange(shell, request + missing + request, { responses: 3 });
  expect(responses.map(({ status }) => status)).toEqual([200, 404, 200]);
  expect(closed).toBe(false);
});

it('tells the handler when the client goes away', async () => {
  const waiting = once(seen, 'waiting');
  const aborted = once(seen, 'aborted');
  const socket = connect(shell.port, shell.host);
  socket.write(rawRequest('GET', '/v1/files/gone?wait=60000', auth));
  await waiting;
  socket.destroy();
  expect(await aborted).toEqual(['/gone']);
});

it('hands a path of the tree to its controller exactly as it was written', async () => {
  for (const path of ['/a%2fb//./x%2e%2e/', '', '/', '/..%2f', `/${'n'.repeat(9000)}`, '/%zz', '/a?']) {
    const answer = await ask(shell, 'GET', `/v1/files${path}`, auth);
    expect([path, answer.status, answer.body.toString('latin1')]).toEqual([path, 200, `path=${path.replace('?', '')}`]);
  }
  const absolute = await ask(shell, 'GET', 'http://other.example/v1/files/a%2Fb?x=1', auth);
  expect(absolute.text).toBe('path=/a%2Fb');
});

it.each(['/v1/%66iles/a', '//v1/files/a', '/v1//files/a', '/v1/./files/a', '/V1/files/a', '/v1/filesystem'])(
  'has no second spelling for a route: %s',
  async (target) => {
    const answer = await ask(shell, 'GET', target, auth);
    expect([answer.status, answer.json.code]).toEqual([404, 'ROUTE_NOT_FOUND']);
  },
);

it.each(['/v1/files/a?x=%', '/v1/files/a?x=%zz', '/v1/files/a?x=%ff', '/v1/files/a?x=1&x=2', '/v1/files/a#b'])(
  'refuses a URL that can be misread: %s',
  async (target) => {
    const answer = await ask(shell, 'GET', target, auth);
    expect([answer.status, answer.json.code]).toEqual([400, 'INVALID_REQUEST']);
  },
);
