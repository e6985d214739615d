import { expect, it } from 'vitest';
import { auth, KEY } from './support/shell';
import { ask, useShell } from './support/use-shell';

// Wrong keys are limited for each address, so each request here comes from one of its own.
const shell = useShell({ server: { trustedProxies: ['127.0.0.1'] } });
let hosts = 0;
const fromElsewhere = () => ({ 'X-Forwarded-For': `192.0.2.${++hosts}` });

// CHECKS A1. A header of 1 MB and one with NUL never come to a key check: `framing.spec.ts` has them.
it.each([
  ['none', {}],
  ['an empty one', { Authorization: '' }],
  ['a scheme alone', { Authorization: 'Bearer' }],
  ['a scheme and a space', { Authorization: 'Bearer ' }],
  ['another scheme', { Authorization: `Basic ${KEY}` }],
  ['a key without a scheme', { Authorization: KEY }],
  ['a wrong key', { Authorization: 'Bearer wrong-key-0123456789' }],
  ['a key with a letter more', { Authorization: `Bearer ${KEY}x` }],
  ['a key with a letter less', { Authorization: `Bearer ${KEY.slice(0, -1)}` }],
  ['two keys', { Authorization: `Bearer ${KEY} ${KEY}` }],
  ['15 KiB', { Authorization: `Bearer ${'k'.repeat(15 * 1024)}` }],
  ['another header', { 'X-API-Key': KEY }],
  ['a cookie', { Cookie: `key=${KEY}` }],
])('answers 401 in the same words to %s', async (_name, headers) => {
  for (const target of ['/v1/files/a', '/metrics', '/v1/nowhere', '/debug/pprof/heap']) {
    const answer = await ask(shell, 'GET', target, { ...fromElsewhere(), ...headers });
    expect([target, answer.status]).toEqual([target, 401]);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.json).toEqual({
      code: 'AUTHENTICATION_FAILED',
      message: 'The API key is missing or wrong.',
      request_id: answer.headers.get('x-request-id'),
    });
  }
});

it('takes no key from the query', async () => {
  for (const name of ['key', 'api_key', 'access_token', 'token', 'Authorization']) {
    expect((await ask(shell, 'GET', `/v1/files/a?${name}=${KEY}`)).status).toBe(401);
  }
});

it('looks at the key before the path, the query and the body', async () => {
  expect((await ask(shell, 'GET', '/v1/files/a%00?x=%')).status).toBe(401);
  expect((await ask(shell, 'PATCH', '/v1/files/a', { 'Content-Length': 1 }, '{')).status).toBe(401);
  expect((await ask(shell, 'DELETE', '/download/token')).status).toBe(405);
});

it.each(['/health', '/health/live', '/health/ready', '/docs', '/docs-json', '/download/token'])(
  'lets anyone see %s',
  async (target) => {
    expect((await ask(shell, 'GET', target)).status).toBe(200);
  },
);

it('lets a key through', async () => {
  expect((await ask(shell, 'GET', '/v1/files/a', auth)).status).toBe(200);
});

it('tells nobody without a key which routes there are below /v1', async () => {
  const answers = await Promise.all(
    ['/v1', '/v1/', '/v1/nowhere', '/v1/files', '/v1/links/x'].map((target) => ask(shell, 'GET', target)),
  );
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
  expect((await ask(shell, 'GET', '/elsewhere')).status).toBe(404);
});

// CHECKS A8.
it('slows down whoever guesses keys, and nobody else', async () => {
  const guesser = { 'X-Forwarded-For': '198.51.100.1', Authorization: 'Bearer guess-0123456789' };
  const begunMs = performance.now();
  let guesses = 0;
  let limited = await ask(shell, 'GET', '/v1/files/a', guesser);
  for (; limited.status === 401; guesses++) limited = await ask(shell, 'GET', '/v1/files/a', guesser);
  // Twenty, and one more for every three seconds that they took.
  expect(guesses).toBeGreaterThanOrEqual(20);
  expect(guesses).toBeLessThanOrEqual(20 + (performance.now() - begunMs) / 3_000);
  expect([limited.status, limited.json.code]).toEqual([429, 'RATE_LIMIT_EXCEEDED']);
  expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(limited.headers.get('x-ratelimit-remaining')).toBe('0');

  expect((await ask(shell, 'GET', '/v1/files/a', { ...guesser, ...auth })).status).toBe(200);
  expect((await ask(shell, 'GET', '/v1/files/a', { ...guesser, 'X-Forwarded-For': '198.51.100.2' })).status).toBe(401);
  expect((await ask(shell, 'GET', '/v1/files/a', { 'X-Forwarded-For': '198.51.100.1' })).status).toBe(401);
});
