import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileTarget, type Answer, type Client } from '../support/client';
import { must } from '../support/fixture';
import { download, makeLink, newAddress } from '../support/links';
import { RedisServer } from '../support/redis';
import { ROOT_KEY, withServer, type TestServer } from '../support/server';
import { useServer } from '../support/use-server';

const outcomes = (answers: readonly Answer[]) => answers.map(({ outcome }) => outcome);
const count = (answers: readonly Answer[], outcome: string) => outcomes(answers).filter((found) => found === outcome).length;
const TOO_MANY = '429 RATE_LIMIT_EXCEEDED';

/** Asks that often at once; of them no more may be let in than a rate has for the time that they took. */
async function allAtOnce(
  times: number,
  ask: (index: number) => Promise<Answer>,
  { perSecond, burst }: { perSecond: number; burst: number },
): Promise<Answer[]> {
  const begunMs = performance.now();
  const answers = await Promise.all(Array.from({ length: times }, (_, index) => ask(index)));
  const seconds = (performance.now() - begunMs) / 1000;
  expect(times - count(answers, TOO_MANY)).toBeLessThanOrEqual(burst + perSecond * seconds);
  return answers;
}

describe('limits that are there without being asked for', () => {
  const DOWNLOADS = { perSecond: 10, burst: 5 };
  const server = useServer();
  let root: Client;
  let anonymous: Client;

  beforeAll(() => {
    root = server.client();
    anonymous = server.anonymous();
  });

  it('downloads: five at once from one address, whatever their tokens; others are not affected', async () => {
    await must(root.put('/file', 'content'));
    const { token } = await makeLink(root, '/file', { max_uses: 1000 });
    const localAddress = newAddress();
    const first = await download(anonymous, token, {}, { localAddress });
    expect([first.status, first.header('x-ratelimit-limit'), first.header('x-ratelimit-remaining')]).toEqual([200, '5', '4']);
    expect(first.header('x-ratelimit-reset')).toBe('1');
    const either = (i: number) => download(anonymous, i % 2 === 0 ? token : `guess-${i}`, {}, { localAddress });
    const answers = await allAtOnce(200, either, DOWNLOADS);
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.header('retry-after'))).toBeGreaterThan(0);
    expect(refused?.header('x-ratelimit-limit')).toBe('5');
    expect(refused?.header('x-ratelimit-remaining')).toBe('0');
    expect(refused?.json).toMatchObject({ limit: 5, remaining: 0, retry_after: 1 });
    expect((await download(anonymous, token, {}, { localAddress: newAddress() })).status).toBe(200);
  });

  it('a download that is refused spends no use', async () => {
    const { token, id } = await makeLink(root, '/file', { max_uses: 1000 });
    const localAddress = newAddress();
    const answers = await Promise.all(Array.from({ length: 40 }, () => download(anonymous, token, {}, { localAddress })));
    const { items } = (await root.request('GET', '/v1/links')).json as { items: { id: string; uses: number }[] };
    expect(items.find((item) => item.id === id)?.uses).toBe(count(answers, '200'));
  });

  it('links: one at once for a key, and another key has its own', async () => {
    const alice = server.client('alice');
    const generate = (client: Client) => client.postJson('/v1/links/generate', { path: '/file', expiry_seconds: 60 });
    const answers = await allAtOnce(60, () => generate(root), { perSecond: 100, burst: 1 });
    expect(count(answers, '201') + count(answers, TOO_MANY)).toBe(60);
    expect((await generate(alice)).status).toBe(201);
  });

  it('reads, writes and lists have none, and say nothing of any', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => root.get('/file')));
    expect(count(answers, '200')).toBe(200);
    expect(Object.keys(answers[0]?.headers ?? {}).filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
  });

  it('A8 an address does not become another by saying so', async () => {
    const { token } = await makeLink(root, '/file', { max_uses: 1000 });
    const localAddress = newAddress();
    const claiming = (i: number) => download(anonymous, token, { 'x-forwarded-for': `10.0.0.${i}` }, { localAddress });
    await allAtOnce(40, claiming, DOWNLOADS);
  });
});

describe('limits that are configured', () => {
  const slow = { per_second: 0.001, burst: 3 };
  const server = useServer({
    config: {
      server: { listen_addr: '127.0.0.1:0', protocol: 'http', trusted_proxies: ['127.0.0.1'] },
      rate_limits: {
        read: slow,
        write: { ...slow, burst: 20 },
        list: slow,
        admin: slow,
        download: slow,
        link_generation: 'off',
        failed_authentication: slow,
      },
    },
  });

  it('hold for each group and key alone, through every way to read', async () => {
    const root = server.client();
    const alice = server.client('alice');
    await must(root.put('/file', 'content'));
    const reads = [];
    for (let i = 0; i < 5; i++) reads.push(await root.get('/file'));
    expect(outcomes(reads)).toEqual(['200', '200', '200', TOO_MANY, TOO_MANY]);
    expect(reads.slice(0, 3).map((answer) => answer.header('x-ratelimit-remaining'))).toEqual(['2', '1', '0']);
    expect(Number(reads[3]?.header('retry-after'))).toBeGreaterThan(900);
    expect((await root.head('/file')).status).toBe(429);
    expect((await root.get('/none')).outcome).toBe(TOO_MANY);
    expect((await root.list('/')).status).toBe(200);
    expect((await root.request('GET', '/v1/admin/locks')).status).toBe(200);
    const missing = await alice.get('/none');
    expect([missing.outcome, missing.header('x-ratelimit-remaining')]).toEqual(['404 FILE_NOT_FOUND', '2']);
    for (const watched of ['/health', '/metrics']) expect((await root.request('GET', watched)).status).toBe(200);
  });

  it('A8 tell clients apart by what a trusted proxy says, and believe nobody else', async () => {
    const root = server.client();
    const anonymous = server.anonymous();
    const { token } = await makeLink(root, '/file', { max_uses: 1000 });
    const through = (client: string, localAddress?: string) =>
      download(anonymous, token, { 'x-forwarded-for': client }, { localAddress, method: 'HEAD' });
    for (let i = 0; i < 3; i++) expect((await through('192.0.2.1')).status).toBe(200);
    expect((await through('192.0.2.1')).status).toBe(429);
    // What a client claims itself stands before what the proxy has seen.
    expect((await through('203.0.113.9, 192.0.2.1')).status).toBe(429);
    expect((await through('192.0.2.2')).status).toBe(200);
    const direct = newAddress();
    for (let i = 0; i < 3; i++) expect((await through(`192.0.2.${10 + i}`, direct)).status).toBe(200);
    expect((await through('192.0.2.99', direct)).status).toBe(429);

    const guess = (client: string) =>
      anonymous.request('GET', fileTarget('/file'), { headers: { authorization: 'Bearer wrong', 'x-forwarded-for': client } });
    for (let i = 0; i < 3; i++) expect((await guess('192.0.2.50')).outcome).toBe('401 AUTHENTICATION_FAILED');
    expect((await guess('192.0.2.50')).outcome).toBe(TOO_MANY);
    expect((await guess('192.0.2.51')).outcome).toBe('401 AUTHENTICATION_FAILED');
    // Whoever has one address of IPv6 has 2^64 of them.
    for (let i = 0; i < 3; i++) expect((await guess(`2001:db8:1:2::${i}`)).outcome).toBe('401 AUTHENTICATION_FAILED');
    expect((await guess('2001:db8:1:2:3:4:5:6')).outcome).toBe(TOO_MANY);
    expect((await guess('2001:db8:1:3::1')).outcome).toBe('401 AUTHENTICATION_FAILED');
    const right = { authorization: `Bearer ${ROOT_KEY}`, 'x-forwarded-for': '192.0.2.50' };
    expect((await anonymous.request('GET', '/metrics', { headers: right })).status).toBe(200);
  });
});

describe('D3 requests at once', () => {
  const server = useServer({
    config: { server: { listen_addr: '127.0.0.1:0', protocol: 'http', max_requests_per_key: 3 } },
  });

  it('are limited for each key; who waits for one to end may go on', async () => {
    const root = server.client();
    const alice = server.client('alice');
    await must(root.put('/file', 'content'));
    const bodies = Array.from({ length: 3 }, () => new PassThrough());
    const uploads = bodies.map((body, i) =>
      root.put(`/slow-${i}`, body).then(
        ({ outcome }) => outcome,
        () => 'broken',
      ),
    );
    for (const body of bodies) body.write('some');
    await expect.poll(async () => (await root.get('/file')).outcome, { timeout: 60_000 }).toBe(TOO_MANY);
    expect((await root.get('/file')).header('retry-after')).toBe('1');
    expect((await alice.get('/file')).status).toBe(200);
    expect((await root.request('GET', '/health')).status).toBe(200);
    bodies[0]?.end();
    expect(await uploads[0]).toBe('201');
    await expect.poll(async () => (await root.get('/file')).status, { timeout: 60_000 }).toBe(200);
    for (const body of bodies) body.destroy();
    expect(await Promise.all(uploads)).toEqual(['201', 'broken', 'broken']);
    await expect.poll(async () => (await root.get('/file')).status, { timeout: 60_000 }).toBe(200);
    for (let i = 0; i < 20; i++) expect((await root.get('/file')).status).toBe(200);
  });
});

describe('two nodes with one Redis', () => {
  const slow = { per_second: 0.001, burst: 4 };
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(async () => {
    await redis.stop();
  });

  it('count together, and each alone while Redis is away: no limit is off, and nobody is shut out; and together again', async () => {
    const config = {
      dlm: { type: 'redis', redis_addr: redis.address },
      rate_limits: { read: slow, failed_authentication: slow },
    };
    await withServer({ config }, (one) =>
      withServer({ config }, async (two) => {
        const localAddress = newAddress();
        const guess = (node: TestServer) =>
          node.anonymous().request('GET', fileTarget('/'), { localAddress, headers: { authorization: 'Bearer wrong' } });
        const read = async (node: TestServer) => (await node.client('alice').get('/home/alice/')).status;
        const both = [one, two, one, two, one, two];
        const statuses = [];
        for (const node of both) statuses.push(await read(node));
        expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
        expect(count(await Promise.all(both.map(guess)), TOO_MANY)).toBe(2);

        // In the middle of requests, which nobody notices but by their limits.
        const underWay = Promise.all(Array.from({ length: 200 }, (_, i) => (i % 2 ? one : two).client('bob').get('/home/bob/')));
        await redis.kill();
        expect([...new Set(outcomes(await underWay))].sort()).toEqual(['200', TOO_MANY]);
        for (const node of [one, two]) {
          const alone = [];
          for (let i = 0; i < 6; i++) alone.push(await read(node));
          expect(alone).toEqual([200, 200, 200, 200, 429, 429]);
          await node.waitFor(/rate limits count on this node alone/);
        }

        await redis.restart();
        for (const node of [one, two]) {
          const again = async () => (await node.client('carol').get('/home/carol/'), node.output);
          await expect.poll(again, { timeout: 60_000 }).toMatch(/rate limits count for all nodes together again/);
        }
        const together = [];
        for (const node of both) together.push(await read(node));
        expect(together).toEqual([200, 200, 200, 200, 429, 429]);
      }),
    );
  });
});
