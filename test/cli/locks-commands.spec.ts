import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LockView } from '../../apps/callfs/src/http/admin/lock-view';
import { RedisServer } from '../support/redis';
import { ROOT_KEY, startServer, type TestServer } from '../support/server';
import { claimPort } from '../support/ports';
import { runCli, useDirectory } from './run-cli';

const directory = useDirectory();
let redis: RedisServer;
let server: TestServer;

beforeAll(async () => {
  redis = await RedisServer.start();
  server = await startServer({ config: { dlm: { type: 'redis', redis_addr: redis.address, acquire_timeout: '2m' } } });
});
beforeEach(async () => {
  const keys = await redis.client().keys('callfs:lock:*');
  if (keys.length > 0) await redis.client().del(keys);
});
afterAll(async () => {
  await server.remove();
  await redis.stop();
});

const plant = (path: string) => redis.client().set(`callfs:lock:${path}`, 'by hand');
const left = async () => (await redis.client().keys('callfs:lock:*')).map((key) => key.slice('callfs:lock:'.length)).sort();
const locks = (...args: string[]) =>
  runCli(['locks', ...args], { cwd: directory.path, env: { CALLFS_URL: server.url, CALLFS_API_KEY: ROOT_KEY } });

/** A lease as a live node of another name would have it. */
async function plantLease(path: string, id: string): Promise<void> {
  const lease = { id, names: JSON.stringify([path]), instance: 'node-2', boot: 'b', operation: 'put', user: 'bob', request: 'r' };
  await redis.client().hset(`callfs:lock:${path}`, { ...lease, acquired: Date.now() - 660_000, fence: 0, channel: 'c' });
  await redis.client().pexpire(`callfs:lock:${path}`, 599_999);
}

describe('callfs locks', () => {
  it('shows a key that was planted by hand, and clears it, so that the write that it blocked goes on', async () => {
    await plant('/p/f');
    const blocked = server.client().put('/p/f', 'content');
    const list = await locks('list');
    expect(list).toMatchObject({ code: 0, stderr: '' });
    expect(list.stdout).toMatch(
      /^STATE +AGE +ENDS IN .*PATH +ID\nforeign, stale +- +never +- +- +- +\/p\/f +foreign\.[0-9a-f]{40}\n$/,
    );
    expect(await locks('check')).toMatchObject({ code: 1, stdout: expect.stringMatching(/1 locks, 1 stale, 1 foreign\n$/) });
    const dry = await locks('clear', '--stale');
    expect(dry).toMatchObject({ code: 0, stderr: 'callfs: nothing was changed; do it with --yes\n' });
    expect(dry.stdout).toContain('would be cleared');
    expect(await left()).toEqual(['/p/f']);
    expect(await locks('clear', '--stale', '--yes')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^cleared /m) });
    expect((await blocked).status).toBe(201);
    expect(await locks('check')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^redis answers in .*: 0 locks/) });
    expect(await locks('list')).toMatchObject({ code: 0, stdout: '', stderr: 'callfs: no such locks\n' });
  });

  it('takes a prefix for a path and what is below it: /a is not /ab', async () => {
    for (const path of ['/a', '/a/b', '/ab']) await plant(path);
    const { stdout } = await locks('list', '--prefix', '/a/', '--json');
    expect((JSON.parse(stdout) as LockView[]).flatMap(({ paths }) => paths).sort()).toEqual(['/a', '/a/b']);
    expect(await locks('clear', '--prefix', '/a', '--yes')).toMatchObject({ code: 0 });
    expect(await left()).toEqual(['/ab']);
  });

  it('leaves a live lock alone unless it is forced with a reason, and says what became of each', async () => {
    await plantLease('/live', 'b.1');
    await plant('/stale');
    expect((await locks('show', '/live')).stdout).toMatch(/^user +bob$/m);
    expect((await locks('list', '--owner', 'bob', '--node', 'node-2', '--op', 'put', '--older-than', '10m')).stdout).toMatch(
      /^live +11m\d\ds +9m\d\ds +node-2 +bob +put +\/live +b\.1$/m,
    );
    const some = await locks('clear', '--prefix', '/', '--yes', '--json');
    expect(some.code).toBe(3);
    const outcomes = (JSON.parse(some.stdout) as { id: string; outcome: string }[]).map(({ outcome }) => outcome).sort();
    expect(outcomes).toEqual(['cleared', 'refused']);
    expect(await locks('clear', 'b.1', '--yes')).toMatchObject({ code: 1, stdout: expect.stringMatching(/^refused /m) });
    expect(await locks('clear', 'b.1', '--force', '--yes')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--reason'),
    });
    const forced = await locks('clear', 'b.1', 'none', '--force', '--reason', 'node-2 hangs', '--yes');
    expect(forced).toMatchObject({ code: 0, stdout: expect.stringMatching(/^cleared .*\/live +b\.1\ngone {2}none\n$/m) });
    // L10: whose, by whom and why is in the log.
    await server.waitFor(/"lock_id":"b\.1".*"reason":"node-2 hangs".*a lock was cleared/);
  });

  it.each([
    ['nothing chosen', ['clear', '--yes']],
    ['an empty prefix', ['clear', '--prefix', '', '--yes']],
    ['a relative prefix', ['list', '--prefix', 'a']],
    ['a bad duration', ['list', '--older-than', 'ten']],
    ['an empty owner', ['clear', '--owner', '', '--yes']],
    ['an empty id', ['clear', '', '--yes']],
    ['ids and filters', ['clear', 'b.1', '--stale', '--yes']],
    ['no lock to show', ['show']],
    ['an unknown command', ['drop']],
  ])('takes %s for wrong usage, never for "all"', async (_, args) => {
    await plant('/kept');
    expect(await locks(...args)).toMatchObject({ code: 2, stdout: '' });
    expect(await left()).toEqual(['/kept']);
  });

  it('ends with 4 when no node is there, and with 1 for a lock that is not', async () => {
    const env = { CALLFS_URL: `http://127.0.0.1:${await claimPort()}`, CALLFS_API_KEY: ROOT_KEY };
    const away = await runCli(['locks', 'list'], { cwd: directory.path, env });
    expect(away).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringMatching(/^callfs: cannot reach http.*ECONNREFUSED/),
    });
    expect(await locks('show', '/nothing')).toMatchObject({ code: 1, stderr: 'callfs: there is no lock /nothing\n' });
  });

  it('goes straight to Redis with --direct, without any node', async () => {
    const cwd = join(directory.path, 'direct');
    await mkdir(cwd, { recursive: true });
    const config = {
      auth: {
        api_keys: [ROOT_KEY],
        internal_proxy_secret: 'Hk3-proxy-93jf02kd8a',
        single_use_link_secret: 'Zp9-links-1mf84ha0xq',
      },
      server: { listen_addr: '127.0.0.1:0', protocol: 'http' },
      backend: { localfs_root_path: join(cwd, 'data') },
      metadata_store: { sqlite_path: join(cwd, 'metadata.sqlite') },
      dlm: { redis_addr: redis.address },
    };
    await writeFile(join(cwd, 'config.json'), JSON.stringify(config));
    const direct = (...args: string[]) => runCli(['locks', ...args, '--direct'], { cwd });
    await plant('/d');
    await plantLease('/live', 'b.2');
    expect(await direct('check')).toMatchObject({ code: 1, stdout: expect.stringMatching(/2 locks, 1 stale, 1 foreign\n$/) });
    expect(await direct('clear', '--prefix', '/', '--yes')).toMatchObject({ code: 3 });
    expect(await left()).toEqual(['/live']);
    expect(await direct('clear', 'b.2', '--force', '--reason', 'all nodes are down', '--yes')).toMatchObject({ code: 0 });
    expect(await left()).toEqual([]);
    await writeFile(
      join(cwd, 'config.json'),
      JSON.stringify({ ...config, dlm: { redis_addr: `127.0.0.1:${await claimPort()}` } }),
    );
    expect(await direct('list')).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^callfs: dlm\.redis_addr: cannot connect/),
    });
    await writeFile(join(cwd, 'config.json'), JSON.stringify({ ...config, dlm: {} }));
    expect(await direct('list')).toMatchObject({ code: 1, stderr: expect.stringContaining('dlm.type is local') });
  });

  it.each([['list'], ['show'], ['clear'], ['check']])('explains %s with examples', async (command) => {
    const help = await locks(command, '--help');
    expect(help).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`Examples:\\n  callfs locks ${command}`)) });
    expect(help.stdout).toContain('--direct');
  });
});
