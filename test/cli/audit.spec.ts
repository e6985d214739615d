import { join } from 'node:path';
import { expect, it } from 'vitest';
import { must } from '../support/fixture';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';
import { runCli, startCli, useDirectory } from './run-cli';

const server = useServer();
const directory = useDirectory();
const options = () => ({ cwd: directory.path, env: { CALLFS_URL: server.url, CALLFS_API_KEY: ROOT_KEY } });

it('callfs audit tells the latest last, filtered, as lines or JSON, and follows', async () => {
  await must(server.client().put('/a/one', 'x'));
  await must(server.client('alice').put('/home/alice/two', 'x'));
  const all = await runCli(['audit', '--since', '1h'], options());
  expect(all.stdout).toMatch(
    /^\S+Z  OK +root\([0-9a-f]{8}\) 127\.0\.0\.1  put  \/a\/one\n\S+Z  OK +alice\([0-9a-f]{8}\) 127\.0\.0\.1  put  \/home\/alice\/two\n$/,
  );
  const one = await runCli(['audit', '--path', '/a', '--user', 'root', '--json'], options());
  expect(
    one.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { path: string }).path),
  ).toEqual(['/a/one']);
  const following = await startCli(['audit', '--follow', '--path', '/a'], options(), /\/a\/one\n/);
  await must(server.client().put('/a/three', 'x'));
  await following.says(/\/a\/three\n/);
  await must(server.client().delete('/a/three'));
  await following.says(/delete  \/a\/three\n/);
  following.kill('SIGINT');
  await following.exit;
  expect(following.stdout.match(/put  \/a\/three/g)).toHaveLength(1);
  expect(await runCli(['audit', '--since', 'soon'], options())).toMatchObject({ code: 2, stdout: '' });
});

it.each([-3_600_000, 3_600_000])(
  'callfs audit --follow tells what is new on a machine whose clock is %i ms off',
  async (aheadMs) => {
    const { cwd, env } = options();
    const clock = {
      NODE_OPTIONS: `--require ${join(__dirname, '../support/clock-ahead.js')}`,
      TEST_CLOCK_AHEAD_MS: String(aheadMs),
    };
    const path = `/clock${aheadMs}`;
    for (const name of ['left-out', 'last']) await must(server.client().put(`${path}/${name}`, 'x'));
    const question = ['audit', '--follow', '--path', path, '--limit', '1'];
    const following = await startCli(question, { cwd, env: { ...env, ...clock } }, /last\n/);
    await must(server.client().put(`${path}/new`, 'x'));
    await following.says(/new\n/);
    following.kill('SIGINT');
    await following.exit;
    expect(
      following.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(`${path}/`)[1]),
    ).toEqual(['last', 'new']);
  },
);
