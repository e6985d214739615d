import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { fileTarget, type Answer, type Client } from '../support/client';
import { must } from '../support/fixture';
import { rawExchange, rawRequest } from '../support/raw';
import { prepareServer, ROOT_KEY, SECRETS, USERS, type ConfigTree } from '../support/server';
import { useServer } from '../support/use-server';

const HASHED_KEY = 'a-key-kept-as-its-hash-only';
const server = useServer({
  config: {
    auth: {
      api_keys: [ROOT_KEY, `sha256:${createHash('sha256').update(HASHED_KEY).digest('hex')}`],
      api_key_users: { dave: 'dave-key-0123456789abcdef' },
    },
  },
});
let root: Client;
let anonymous: Client;

beforeAll(() => {
  root = server.client();
  anonymous = server.anonymous();
});

let address = 1;
/** Every test fails its authentications from an address of its own, so that none meets another's limit. */
const newAddress = () => `127.1.0.${++address}`;

describe('A1 what is no key', () => {
  const HEADERS: readonly (readonly [string, string | undefined])[] = [
    ['nothing', undefined],
    ['an empty header', ''],
    ['a scheme alone', 'Bearer'],
    ['a scheme and a space', 'Bearer '],
    ['another scheme', `Basic ${Buffer.from(`root:${ROOT_KEY}`).toString('base64')}`],
    ['no scheme', ROOT_KEY],
    ['a key in two parts', `Bearer ${ROOT_KEY} ${ROOT_KEY}`],
    ['a key with a space in it', `Bearer root key`],
    ['another key', 'Bearer wrong-key-0123456789abcdef'],
    ['the beginning of a key', `Bearer ${ROOT_KEY.slice(0, -1)}`],
    ['a key and more', `Bearer ${ROOT_KEY}x`],
    ['a key in capitals', `Bearer ${ROOT_KEY.toUpperCase()}`],
    ['the hash of a key', `Bearer sha256:${createHash('sha256').update(ROOT_KEY).digest('hex')}`],
    ['the digits of the hash of a key', `Bearer ${createHash('sha256').update(HASHED_KEY).digest('hex')}`],
    ['letters beyond ASCII', 'Bearer k\u00e4y'],
    ['A9 the secret between nodes', `Bearer ${SECRETS.internalProxy}`],
    ['A9 the secret of links', `Bearer ${SECRETS.singleUseLink}`],
  ];

  it.each(HEADERS)('%s: 401, and always the same', async (_, authorization) => {
    const localAddress = newAddress();
    const headers = authorization === undefined ? {} : { authorization };

    const answer = await anonymous.request('GET', fileTarget('/'), { headers, localAddress });
    const plain = await anonymous.request('GET', fileTarget('/'), { localAddress });

    expect(answer.outcome).toBe('401 AUTHENTICATION_FAILED');
    expect(answer.header('www-authenticate')).toBe('Bearer');
    const { request_id: _id, ...body } = answer.json as Record<string, unknown>;
    const { request_id: _other, ...reference } = plain.json as Record<string, unknown>;
    expect(body).toEqual(reference);
  });

  it.each(['key', 'api_key', 'access_token', 'token', 'authorization'])('a key in the query (%s): 401', async (name) => {
    const target = `${fileTarget('/')}?${name}=${ROOT_KEY}`;
    expect((await anonymous.request('GET', target, { localAddress: newAddress() })).outcome).toBe('401 AUTHENTICATION_FAILED');
  });

  it.each(['x-api-key', 'api-key', 'proxy-authorization', 'cookie'])('a key in another header (%s): 401', async (name) => {
    const headers = { [name]: name === 'cookie' ? `key=${ROOT_KEY}` : ROOT_KEY };
    expect((await anonymous.request('GET', fileTarget('/'), { headers, localAddress: newAddress() })).outcome).toBe(
      '401 AUTHENTICATION_FAILED',
    );
  });

  it('a key of a megabyte: 431, and the server goes on', async () => {
    const { responses } = await rawExchange(
      server,
      rawRequest('GET', '/v1/files/', { Authorization: `Bearer ${'k'.repeat(1_000_000)}` }),
    );

    expect(responses[0]?.status).toBe(431);
    expect((await root.get('/')).status).toBe(200);
  });

  it('a NUL in a key: 400, and the connection ends', async () => {
    const bytes = rawRequest('GET', '/v1/files/', { Authorization: `Bearer ${ROOT_KEY}\0` });
    const { responses, closed } = await rawExchange(server, bytes, { untilClose: true });

    expect([responses[0]?.status, closed]).toEqual([400, true]);
  });

  it('two keys are none: another could take the other one', async () => {
    const bytes = rawRequest('GET', '/v1/files/', {
      Authorization: 'Bearer wrong-key-0123456789abcdef',
      authorization: `Bearer ${ROOT_KEY}`,
    });
    const { responses } = await rawExchange(server, bytes);

    expect(responses[0]?.status).toBe(400);
  });

  it.each(['PUT', 'POST', 'DELETE', 'PATCH'])('%s without a key changes nothing', async (method) => {
    await must(root.put('/guarded', 'kept'));

    const answer = await anonymous.request(method, fileTarget('/guarded'), { body: 'x', localAddress: newAddress() });

    expect(answer.outcome).toBe('401 AUTHENTICATION_FAILED');
    expect((await root.get('/guarded')).text).toBe('kept');
  });
});

describe('what is a key', () => {
  const ask = (authorization: string): Promise<Answer> =>
    anonymous.request('GET', fileTarget('/'), { headers: { authorization } });

  it.each([
    ['Bearer', `Bearer ${ROOT_KEY}`],
    ['the scheme in small letters (RFC 9110 §11.1)', `bearer ${ROOT_KEY}`],
    ['the scheme in capitals', `BEARER ${ROOT_KEY}`],
    ['a key that is configured as its hash', `Bearer ${HASHED_KEY}`],
    ['a key of auth.api_key_users', 'Bearer dave-key-0123456789abcdef'],
    ...USERS.map((user): [string, string] => [`the key of ${user.name}`, `Bearer ${user.key}`]),
  ])('%s: 200', async (_, authorization) => {
    expect((await ask(authorization)).status).toBe(200);
  });

  it('A4 a user is who the key says, whatever else is claimed', async () => {
    const headers = { 'x-forwarded-user': 'root', 'x-remote-user': 'root', 'x-callfs-owner': 'root', 'x-callfs-uid': '0' };
    await must(server.client('alice').put('/home/alice/claim', 'x', headers));

    expect((await root.head('/home/alice/claim')).header('x-callfs-owner')).toBe('alice');
  });
});

describe('open routes', () => {
  it.each(['/health', '/health/live', '/health/ready'])('%s needs no key', async (target) => {
    expect((await anonymous.request('GET', target)).status).toBe(200);
  });

  it('/metrics on the API port needs one', async () => {
    expect((await anonymous.request('GET', '/metrics', { localAddress: newAddress() })).outcome).toBe(
      '401 AUTHENTICATION_FAILED',
    );
    expect((await root.request('GET', '/metrics')).status).toBe(200);
  });
});

describe('A8 failed authentication', () => {
  const fail = (localAddress: string, headers: Record<string, string> = {}) =>
    anonymous.request('GET', fileTarget('/'), {
      localAddress,
      headers: { authorization: 'Bearer wrong-key-0123456789abcdef', ...headers },
    });

  /** Fails until it is refused, which has to be after twenty times, and one more for every three seconds that they took. */
  async function failUntilRefused(attempt: (index: number) => Promise<Answer>): Promise<Answer> {
    const begunMs = performance.now();
    for (let failed = 0; ; failed++) {
      const answer = await attempt(failed);
      if (answer.outcome === '401 AUTHENTICATION_FAILED') continue;
      expect(answer.outcome).toBe('429 RATE_LIMIT_EXCEEDED');
      expect(failed).toBeGreaterThanOrEqual(20);
      expect(failed).toBeLessThanOrEqual(20 + (performance.now() - begunMs) / 3_000);
      return answer;
    }
  }

  it('is limited to 20 a minute from one address; others are not affected', async () => {
    const guilty = newAddress();
    const refused = await failUntilRefused(() => fail(guilty));
    expect(Number(refused.header('retry-after'))).toBeGreaterThan(0);
    expect((await fail(newAddress())).outcome).toBe('401 AUTHENTICATION_FAILED');
    expect((await root.request('GET', fileTarget('/'))).status).toBe(200);
  });

  it('does not believe X-Forwarded-For from anybody', async () => {
    const guilty = newAddress();
    await failUntilRefused((index) => fail(guilty, { 'x-forwarded-for': `10.0.0.${index}` }));

    expect((await fail(newAddress(), { 'x-forwarded-for': guilty })).outcome).toBe('401 AUTHENTICATION_FAILED');
  });
});

describe('A9 secrets that are none', () => {
  const good = 'a-good-long-secret-of-its-own';

  it.each<readonly [string, ConfigTree, RegExp]>([
    ['short', { auth: { internal_proxy_secret: 'short' } }, /internal_proxy_secret/],
    ['a placeholder', { auth: { single_use_link_secret: 'change-me-in-production' } }, /single_use_link_secret/],
    [
      'equal',
      { auth: { internal_proxy_secret: good, single_use_link_secret: good } },
      /single_use_link_secret|internal_proxy_secret/,
    ],
    ['a short key', { auth: { api_keys: ['short'] } }, /api_keys/],
    ['a key for two users', { auth: { api_keys: [ROOT_KEY, USERS[0].key] } }, /api_keys|users/],
    ['a key that is a secret', { auth: { api_keys: [SECRETS.internalProxy] } }, /api_keys|internal_proxy_secret/],
  ])('%s: no start, and the message names the key and not the value', async (_, config, named) => {
    const refused = await prepareServer({ config });
    try {
      await expect(refused.start()).rejects.toThrow(/ended/);
      expect(await refused.exit()).toBe(1);
      expect(refused.stderr).toMatch(named);
      for (const secret of [good, ROOT_KEY, ...Object.values(SECRETS), ...USERS.map(({ key }) => key)])
        expect(refused.output).not.toContain(secret);
      expect(refused.output).not.toMatch(/^\s+at /m);
    } finally {
      await refused.remove();
    }
  });
});
