import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { rawExchange, rawRequest } from '../support/raw';
import { auth, KEY, seen } from './support/shell';
import { ask, useShell } from './support/use-shell';

const shell = useShell({ server: { trustedProxies: ['127.0.0.0/8', '10.0.0.1'] } });

it('has one line for each request, with everything that operators ask for', async () => {
  const { headers } = await ask(
    shell,
    'PUT',
    '/v1/files/a/b.txt?x=secret',
    { ...auth, 'User-Agent': 'probe/1', 'Content-Length': 3 },
    'abc',
  );
  const id = headers.get('x-request-id');
  await shell.lineOf(id);
  const lines = shell.lines().filter((line) => line.request_id === id);
  expect(lines).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      msg: 'request',
      request_id: id,
      trace_id: id,
      method: 'PUT',
      path: '/v1/files/a/b.txt',
      status: 201,
      duration_ms: expect.any(Number),
      bytes_in: 3,
      bytes_out: Number(headers.get('content-length')),
      user: 'root',
      remote_addr: '127.0.0.1',
      user_agent: 'probe/1',
    },
  ]);
});

it('continues a valid trace and ignores others', async () => {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const traced = await ask(shell, 'GET', '/v1/files/a', { ...auth, traceparent: `00-${trace}-b7ad6b7169203331-01` });
  expect((await shell.lineOf(traced.headers.get('x-request-id'))).trace_id).toBe(trace);
  for (const bad of [
    'nonsense',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `ff-${trace}-b7ad6b7169203331-01`,
    `00-${trace}-b7ad6b7169203331-01-x`,
  ]) {
    const id = (await ask(shell, 'GET', '/v1/files/a', { ...auth, traceparent: bad })).headers.get('x-request-id');
    expect((await shell.lineOf(id)).trace_id).toBe(id);
  }
});

it('cannot be made to end a line or forge a field', async () => {
  const agent = 'a"b\\c\td\u00e9\u0085,"user":"root"';
  const { headers } = await ask(shell, 'GET', '/v1/files/"x"%0a%22?a=1', { 'User-Agent': agent });
  const line = await shell.lineOf(headers.get('x-request-id'));
  expect(line.path).toBe('/v1/files/"x"%0a%22');
  expect(line.user_agent).toBe(agent);
  expect(line.user).toBe('');

  expect(shell.text()).toMatch(/^[\x20-\x7e\n]*$/);
});

it.each([
  ['a 404', 'GET', '/nowhere', {}, 404],
  ['a wrong method', 'PUT', '/health', {}, 405],
  ['a missing key', 'GET', '/v1/files/a', {}, 401],
  ['a bug', 'GET', '/v1/files/a?fail=bug', auth, 500],
])('has a line for %s', async (_name, method, target, headers, status) => {
  const answer = await ask(shell, method, target, headers);
  expect(await shell.lineOf(answer.headers.get('x-request-id'))).toMatchObject({ method, status, path: target.split('?')[0] });
});

it('has a line for what is not a request', async () => {
  const { responses } = await rawExchange(shell, 'nonsense\r\n\r\n');
  expect(await shell.lineOf(responses[0]?.headers.get('x-request-id'))).toMatchObject({ method: '-', path: '-', status: 400 });
});

it('marks a request whose client went away', async () => {
  const waiting = once(seen, 'waiting');
  const aborted = once(seen, 'aborted');
  const socket = connect(shell.port, shell.host);
  socket.write(rawRequest('GET', '/v1/files/vanishing?wait=60000', auth));
  await waiting;
  socket.destroy();
  await aborted;
  const line = await shell.line(({ path }) => path === '/v1/files/vanishing');
  expect(line).toMatchObject({ status: 499, aborted: true, remote_addr: '127.0.0.1' });
});

it('names the client behind trusted proxies, and believes nobody else', async () => {
  const addressFor = async (forwarded: string) => {
    const { headers } = await ask(shell, 'GET', '/v1/files/a', { ...auth, 'X-Forwarded-For': forwarded });
    return (await shell.lineOf(headers.get('x-request-id'))).remote_addr;
  };
  expect(await addressFor('203.0.113.7')).toBe('203.0.113.7');
  expect(await addressFor('6.6.6.6, 203.0.113.7, 10.0.0.1')).toBe('203.0.113.7');
  expect(await addressFor('2001:db8::1')).toBe('2001:db8::1');
  expect(await addressFor('"forged')).toBe('127.0.0.1');
  expect(await addressFor('')).toBe('127.0.0.1');
});

// CHECKS B5.
it('never has a key, a token or a query', async () => {
  await ask(shell, 'GET', '/v1/files/a?api_key=query-secret', {
    Authorization: 'Bearer header-secret',
    Cookie: 'c=cookie-secret',
  });
  await ask(shell, 'GET', '/download/token-secret');
  await ask(shell, 'DELETE', '/download/token-secret/more');
  const last = await ask(shell, 'GET', '/download/%74oken-secret');
  await shell.lineOf(last.headers.get('x-request-id'));
  expect(shell.text()).not.toMatch(/-secret/);
  expect(shell.text()).not.toContain(KEY);
  expect(shell.lines().filter(({ path }) => path === '/download/***')).toHaveLength(3);
});
