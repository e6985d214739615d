import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { slotOf } from '../../libs/locking/src/redis/cluster-slots';
import { runCli } from '../cli/run-cli';
import { must } from '../support/fixture';
import { claimPort } from '../support/ports';
import { RedisServer } from '../support/redis';
import { RedisCluster } from '../support/redis-cluster';
import { RedisSentinel } from '../support/redis-sentinel';
import { prepareServer, ROOT_KEY, withServer, type TestServer } from '../support/server';

/** Writes, moves, removes and lists locks: everything that comes to Redis. */
async function works(node: TestServer): Promise<void> {
  const client = node.client();
  await must(client.put('/a/f', 'one'));
  await must(client.move('/a', '/b/c', { create_parents: true }));
  expect((await client.get('/b/c/f')).text).toBe('one');
  await must(client.delete('/b', { recursive: true }));
  const env = { CALLFS_URL: node.url, CALLFS_API_KEY: ROOT_KEY };
  expect(await runCli(['locks', 'check'], { cwd: node.dir, env })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('0 locks'),
  });
  expect(await runCli(['locks', 'list', '--config', node.configFile, '--direct'], { cwd: node.dir, env: nodeEnv })).toMatchObject(
    { code: 0 },
  );
}

let nodeEnv: Record<string, string> = {};

/** Reads go on while there is no master; writes are refused, and work again by themselves once `heir` has taken over. */
async function survives(node: TestServer, master: RedisServer | undefined, heir: RedisServer, path = '/kept'): Promise<void> {
  const client = node.client();
  await must(client.put(path, 'content'));
  // Until it is let go on, nobody takes over.
  heir.signal('SIGSTOP');
  await master?.kill();
  expect((await client.put(path, 'other')).outcome).toBe('503 LOCKS_UNAVAILABLE');
  expect((await client.get(path)).text).toBe('content');
  heir.signal('SIGCONT');
  await expect.poll(async () => (await client.put(path, 'new')).outcome, { timeout: 60_000 }).toBe('200');
}

/** The one line on which a start ends. */
async function refusal(node: TestServer): Promise<string> {
  const { code, stderr } = await runCli(['server', '--config', node.configFile], { cwd: node.dir, env: nodeEnv });
  expect([code, stderr.trimEnd().split('\n').length]).toEqual([1, 1]);
  return stderr.replaceAll(/127\.0\.0\.1:\d+/g, '*');
}

async function refusedWith(dlm: Record<string, unknown>): Promise<string> {
  const node = await prepareServer({ config: { dlm: { type: 'redis', ...dlm } } });
  try {
    return await refusal(node);
  } finally {
    await node.remove();
  }
}

describe('a node whose Redis', () => {
  it('speaks TLS alone, and wants a user and a password', async () => {
    const user = { name: 'callfs', password: 'Us8-of-callfs' };
    const redis = await RedisServer.start({ tls: true, password: 'Rd5-of-redis', user });
    const node = await prepareServer({
      config: {
        dlm: {
          type: 'redis',
          redis_addr: redis.address,
          redis_tls: true,
          redis_username: user.name,
          redis_password: user.password,
        },
        rate_limits: { read: { per_second: 0.001, burst: 2 } },
      },
    });
    try {
      // An authority that Node.js does not know.
      expect(await refusal(node)).toMatch(
        /^callfs: dlm\.redis_tls: the certificate of Redis at \* is not trusted: .* NODE_EXTRA_CA_CERTS=FILE\.$/m,
      );
      const ca = join(node.dir, 'redis-ca.pem');
      await writeFile(ca, redis.certificate ?? '');
      nodeEnv = { NODE_EXTRA_CA_CERTS: ca };
      await node.start(nodeEnv);
      await works(node);
      // Limits are kept there, too.
      await node.client('alice').get('/home/alice/');
      expect(await redis.client().keys('callfs:limit:*')).not.toEqual([]);
      await node.stop();
      expect(node.output).not.toContain(user.password);
    } finally {
      nodeEnv = {};
      await node.remove();
      await redis.stop();
    }
  });

  it('does not speak TLS although it should, or does although it should not', async () => {
    const [plain, encrypted] = [await RedisServer.start(), await RedisServer.start({ tls: true })];
    try {
      expect(await refusedWith({ redis_addr: plain.address, redis_tls: true })).toMatch(
        /^callfs: dlm\.redis_addr: cannot connect to Redis at \*: .* that it speaks TLS there\. .* redis-cli --tls /,
      );
      expect(await refusedWith({ redis_addr: encrypted.address })).toMatch(
        /^callfs: dlm\.redis_addr: cannot connect to Redis at \*: .* that it wants no TLS \(dlm\.redis_tls\)\./,
      );
    } finally {
      await plain.stop();
      await encrypted.stop();
    }
  });

  it('is a master behind Sentinel, which dies', { timeout: 240_000 }, async () => {
    const redis = await RedisSentinel.start({ password: 'Rd5-of-redis' });
    const dlm = { redis_sentinels: [redis.sentinel.address], redis_password: 'Rd5-of-redis' };
    try {
      await withServer({ config: { dlm: { type: 'redis', ...dlm } } }, async (node) => {
        await works(node);
        await survives(node, redis.master, redis.replica);
      });
      expect(await refusedWith({ ...dlm, redis_sentinel_master: 'other' })).toMatch(
        /^callfs: dlm\.redis_sentinel_master: the sentinels at \* know no master "other"\./,
      );
      expect(await refusedWith({ ...dlm, redis_sentinels: [`127.0.0.1:${await claimPort()}`] })).toMatch(
        /^callfs: dlm\.redis_sentinels: cannot connect to Redis at \*/,
      );
    } finally {
      await redis.stop();
    }
  });

  it('is a Redis Cluster of several masters, one of which dies', { timeout: 240_000 }, async () => {
    const redis = await RedisCluster.start();
    try {
      await withServer({ config: { dlm: { type: 'redis', redis_addr: redis.addresses } } }, async (node) => {
        await works(node);
        const dying = redis.masters.at(-1);
        const paths = Array.from({ length: 100 }, (_, i) => `/path-${i}`);
        const path = paths.find((one) => redis.masterOf(slotOf(`callfs:lock:${one}`)) === dying);
        await survives(node, dying, redis.replica, path);
      });
      expect(await refusedWith({ redis_addr: redis.addresses.slice(0, 1), redis_db: 1 })).toMatch(
        /^callfs: dlm\.redis_cluster: Redis at \* is a node of a cluster/,
      );
    } finally {
      await redis.stop();
    }
  });
});
