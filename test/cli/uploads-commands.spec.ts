import { describe, expect, it } from 'vitest';
import type { UploadView } from '../../apps/callfs/src/http/admin/upload-view';
import { must } from '../support/fixture';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';
import { begun, send, status } from '../uploads/tus-client';
import { runCli, useDirectory } from './run-cli';

const directory = useDirectory();
const server = useServer();
const uploads = (...args: string[]) =>
  runCli(['uploads', ...args], { cwd: directory.path, env: { CALLFS_URL: server.url, CALLFS_API_KEY: ROOT_KEY } });

async function listed(...args: string[]): Promise<UploadView[]> {
  return JSON.parse((await uploads('list', '--json', ...args)).stdout) as UploadView[];
}

describe('callfs uploads', () => {
  it('lists those under way by user, path and idleness, and ends those that are chosen', async () => {
    const [alice, bob] = [server.client('alice'), server.client('bob')];
    const first = await begun(alice, 10, { path: '/home/alice/a/f' });
    await must(send(alice, first, 0, '0123'));
    await begun(alice, 10, { path: '/home/alice/ab' });
    await begun(bob, 10, { path: '/home/bob/f' });
    await must(send(bob, await begun(bob, 1, { path: '/home/bob/done' }), 0, 'x'));

    expect((await uploads('list')).stdout).toMatch(
      /^USER +RECEIVED .*\n(.*\n)*alice +40% +10 B +0m +\S+Z +\/home\/alice\/a\/f +\S{32}\n/,
    );
    expect((await listed()).map(({ path }) => path).sort()).toEqual(['/home/alice/a/f', '/home/alice/ab', '/home/bob/f']);
    expect(await listed('--user', 'bob')).toMatchObject([
      { user: 'bob', path: '/home/bob/f', size: 10, received: 0, kind: 'plain' },
    ]);
    expect(await listed('--prefix', '/home/alice/a')).toMatchObject([{ path: '/home/alice/a/f', received: 4 }]);
    expect(await listed('--prefix', '/')).toHaveLength(3);
    expect(await listed('--idle', '1h')).toEqual([]);

    const dry = await uploads('expire', '--prefix', '/home/alice/a');
    expect(dry).toMatchObject({ code: 0, stderr: 'callfs: nothing was changed; do it with --yes\n' });
    expect((await status(alice, first)).status).toBe(200);
    const id = first.slice(first.lastIndexOf('/') + 1);
    expect(await uploads('expire', id, '--yes')).toMatchObject({ code: 0, stdout: `expired  ${id}\n` });
    expect((await status(alice, first)).status).toBe(410);
    expect(await uploads('expire', id, '--yes')).toMatchObject({ code: 0, stdout: `gone     ${id}\n` });
    expect(await uploads('expire', '--prefix', '/', '--yes')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^(expired  \S+\n){2}$/),
    });
    expect(await uploads('list')).toMatchObject({ code: 0, stdout: '', stderr: 'callfs: no such uploads\n' });
  });

  it.each([
    [['expire', '--yes'], 'say which uploads'],
    [['expire', 'x', '--user', 'alice'], 'either ids or filters'],
    [['expire', '--idle', 'soon'], 'Expected a duration'],
    [['list', '--prefix', 'a'], 'Expected an absolute path'],
    [['list', '--user', ''], 'Expected a value'],
  ])('takes %j for wrong usage', async (args, complaint) => {
    const { code, stdout, stderr } = await uploads(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(complaint);
  });

  it('is for the superuser alone', async () => {
    const env = { CALLFS_URL: server.url, CALLFS_API_KEY: server.user('alice').key };
    const refused = await runCli(['uploads', 'list'], { cwd: directory.path, env });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    const bad = await server.client().request('GET', '/v1/admin/uploads?prefix=');
    expect(bad.outcome).toBe('400 INVALID_REQUEST');
  });
});
