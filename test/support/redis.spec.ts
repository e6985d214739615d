import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisServer } from './redis';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start({ password: 'a-password', user: { name: 'callfs', password: 'another' }, tls: true });
});
afterAll(() => redis.stop());

it('is a Redis with a password, a user and TLS, that can be stopped, killed and brought back', async () => {
  const client = redis.client({ retryStrategy: () => 20 });
  expect(await client.set('callfs:x', '1')).toBe('OK');
  const user = redis.client({ username: 'callfs', password: 'another' });
  expect(await user.get('callfs:x')).toBe('1');
  await expect(user.get('other')).rejects.toThrow('NOPERM');
  redis.signal('SIGSTOP');
  const answer = client.get('callfs:x');
  redis.signal('SIGCONT');
  expect(await answer).toBe('1');
  await redis.restart();
  expect(await client.get('callfs:x')).toBeNull();
});
