import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { claimPort } from '../support/ports';
import { RedisServer } from '../support/redis';
import { runCli, startCli, useDirectory, variables } from './run-cli';

const directory = useDirectory();
const servers: Record<string, RedisServer> = {};
const options = {
  locked: { password: 'Rd5-of-redis', user: { name: 'callfs', password: 'Us8-of-callfs' } },
  evicting: { config: ['maxmemory 50mb', 'maxmemory-policy allkeys-lru'] },
};
beforeAll(async () => {
  for (const [name, each] of Object.entries(options)) servers[name] = await RedisServer.start(each);
  servers['silent'] = await RedisServer.start();
  servers['silent'].signal('SIGSTOP');
  servers['replica'] = await RedisServer.start({ config: [`replicaof 127.0.0.1 ${await claimPort()}`] });
});
afterAll(async () => {
  for (const server of Object.values(servers)) await server.stop();
});

const environment = (redis: Record<string, string>) => {
  const dlm = Object.entries(redis).map(([key, value]): [string, string] => [`CALLFS_DLM_REDIS_${key}`, value]);
  return { ...variables(join(directory.path, 'data')), ...Object.fromEntries(dlm) };
};
const at = (name: string) => servers[name]?.address ?? '';

it.each<[string, () => Promise<Record<string, string>> | Record<string, string>, string, number]>([
  [
    'wants a password',
    () => ({ ADDR: at('locked') }),
    'dlm.redis_password: Redis at * wants a password. Set dlm.redis_password.',
    1,
  ],
  [
    'refuses it',
    () => ({ ADDR: at('locked'), PASSWORD: 'Wr0ng-one' }),
    'dlm.redis_password: Redis at * refuses the password. Correct',
    1,
  ],
  [
    'evicts',
    () => ({ ADDR: at('evicting') }),
    'dlm.redis_addr: Redis at * evicts keys when its memory is full (maxmemory-policy allkeys-lru)',
    1,
  ],
  ['is a replica', () => ({ ADDR: at('replica') }), 'dlm.redis_addr: Redis at * is a read-only replica. Name the primary.', 1],
  ['is silent', () => ({ ADDR: at('silent') }), 'dlm.redis_addr: cannot connect to Redis at *: it does not answer', 4],
  [
    'is not there',
    async () => ({ ADDR: `127.0.0.1:${await claimPort()}` }),
    'dlm.redis_addr: cannot connect to Redis at *: nothing listens there (ECONNREFUSED).',
    4,
  ],
])('a Redis that %s: the start says so in one line, and so does config validate', async (_, redis, line, validated) => {
  const env = environment(await redis());
  const start = await runCli(['server'], { cwd: directory.path, env });
  const said = start.stderr.replace(/127\.0\.0\.1:\d+/, '*');
  expect({ code: start.code, lines: start.stderr.trimEnd().split('\n').length }).toEqual({ code: 1, lines: 1 });
  expect(said.startsWith(`callfs: ${line}`)).toBe(true);
  expect(start.stderr).not.toContain('Wr0ng-one');
  const check = await runCli(['config', 'validate', '--check-connections'], { cwd: directory.path, env });
  expect(check.code).toBe(validated);
  expect(check.stdout.replaceAll(/127\.0\.0\.1:\d+/g, '*')).toContain(line);
});

it('lets a user in that may do what the documentation says', async () => {
  const env = environment({ ADDR: at('locked'), USERNAME: 'callfs', PASSWORD: 'Us8-of-callfs' });
  const running = await startCli(['server'], { cwd: directory.path, env }, /listening on/);
  running.kill('SIGTERM');
  expect(await running.exit).toBe(0);
});
