import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freshDirectory, must } from '../support/fixture';
import { download } from '../support/links';
import { useServer } from '../support/use-server';
import { clientIn, useDirectory } from './run-cli';

const server = useServer({ config: { rate_limits: { download: 'off', link_generation: 'off' } } });
const directory = useDirectory();
const cli = clientIn(directory, server);
const tokenIn = (url: string) => /\/download\/([\w-]{86})\n$/.exec(url)?.[1] ?? '';

it('callfs link prints a link that works as often, for whom and as long as it was said', async () => {
  const path = `${await freshDirectory(server.client())}/file`;
  await must(server.client().put(path, 'content'));
  const { code, stdout, stderr } = await cli('link', path.slice(1));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe(`${server.url}/download/${tokenIn(stdout)}\n`);
  const statuses = async (token: string, headers = {}) =>
    [await download(server.anonymous(), token, headers), await download(server.anonymous(), token, headers)].map(
      (answer) => answer.status,
    );
  expect(await statuses(tokenIn(stdout))).toEqual([200, 410]);

  await writeFile(join(directory.path, 'password'), 'a secret word\nsecond line\n');
  const options = ['--expires', '24h', '--uses', '2', '--password-file', 'password', '--allow', '127.0.0.1', '--allow', '::1'];
  const made = JSON.parse((await cli('link', '--json', ...options, path)).stdout) as Record<string, string | number>;
  expect(made['max_uses']).toBe(2);
  expect(Date.parse(String(made['expires_at'])) - Date.now()).toBeGreaterThan(23 * 3_600_000);
  const token = String(made['token']);
  expect((await download(server.anonymous(), token)).outcome).toBe('401 LINK_PASSWORD_REQUIRED');
  expect((await download(server.anonymous(), token, {}, { localAddress: '127.0.0.2' })).status).toBe(403);
  expect(await statuses(token, { 'x-callfs-link-password': 'a secret word' })).toEqual([200, 200]);
});

it('callfs link says what is wrong', async () => {
  const missing = await cli('link', '/none');
  expect([missing.code, missing.stdout]).toEqual([1, '']);
  expect(missing.stderr).toContain('FILE_NOT_FOUND');
  expect((await cli('link', '--expires', '200h', '/none')).code).toBe(1);
  for (const wrong of [['link'], ['link', '--uses', '0', '/x'], ['link', '--expires', 'soon', '/x']])
    expect([wrong, (await cli(...wrong)).code]).toEqual([wrong, 2]);
});
