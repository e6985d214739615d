import { describe, expect, it } from 'vitest';
import { Client } from '../support/client';
import { must } from '../support/fixture';
import type { TestKey } from '../support/keys';
import { makeLink } from '../support/links';
import { useServer } from '../support/use-server';
import { clientIn, useDirectory } from './run-cli';

const server = useServer({ config: { rate_limits: { link_generation: 'off' } } });
const directory = useDirectory();
const cli = clientIn(directory, server);

/** A key of bob's, and one that was made with it and has made two links. */
async function withChild(): Promise<[string, string]> {
  const { id, key } = JSON.parse((await cli('keys', 'create', '--user', 'bob', '--name', 'maker', '--json')).stdout) as TestKey;
  const made = (await must(new Client(() => server.url, key).postJson('/v1/keys', { name: 'made' }))).json as TestKey;
  const client = new Client(() => server.url, made.key);
  await must(client.put('/home/bob/file', 'content'));
  for (let i = 0; i < 2; i++) await makeLink(client, '/home/bob/file');
  return [id, made.id];
}

describe('callfs keys', () => {
  it('creates a key that works, alone on stdout, lists it and ends it', async () => {
    const limits = ['--expires', '30d', '--path', '/home/alice/a', '--verbs', 'read,write'];
    const created = await cli('keys', 'create', '--user', 'alice', '--name', 'ci', ...limits);
    expect(created).toMatchObject({ code: 0, stdout: expect.stringMatching(/^callfs_[\w-]{43}\n$/) });
    const [, id = ''] = /key ([0-9a-f]{8}) of alice: read, write in \/home\/alice\/a; expires /.exec(created.stderr) ?? [];
    const client = new Client(() => server.url, created.stdout.trim());
    await must(client.put('/home/alice/a/file', 'x'));
    expect((await client.list('/home/alice/a')).outcome).toBe('403 PERMISSION_DENIED');

    const listed = await cli('keys', 'list', '--user', 'alice');
    expect(listed.stdout).toMatch(new RegExp(`^ID +USER +NAME .*\n${id}  alice  ci    /home/alice/a  read,write  valid  20`));
    expect(JSON.parse((await cli('keys', 'list', '--json')).stdout)).toContainEqual(
      expect.objectContaining({ id, user: 'alice' }),
    );

    expect(await cli('keys', 'revoke', created.stdout.trim())).toEqual({ code: 0, stdout: `${id}\n`, stderr: '' });
    expect((await client.get('/home/alice/a/file')).outcome).toBe('401 AUTHENTICATION_FAILED');
    expect((await cli('keys', 'list', '--user', 'alice')).stdout).not.toContain(id);
    expect((await cli('keys', 'list', '--all')).stdout).toContain('revoked');
  });

  it('shows which key one was made with, and says what ended with it', async () => {
    const [maker, made] = await withChild();
    expect((await cli('keys', 'list', '--user', 'bob')).stdout).toMatch(new RegExp(`^${made} .* +${maker}$`, 'm'));
    expect(JSON.parse((await cli('keys', 'list', '--user', 'bob', '--json')).stdout)).toContainEqual(
      expect.objectContaining({ id: made, parent: maker }),
    );
    expect(await cli('keys', 'revoke', maker)).toEqual({
      code: 0,
      stdout: `${maker}\n`,
      stderr: `callfs: with key ${maker} ended 1 key made with it (${made}) and 2 links\n`,
    });
    expect(await cli('keys', 'revoke', made)).toEqual({ code: 0, stdout: `${made}\n`, stderr: '' });
  });

  it('says what is wrong: 1 when refused, 2 for wrong usage, 3 when a part is done', async () => {
    expect(await cli('keys', 'create', '--user', 'nobody', '--name', 'x')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('USER_NOT_FOUND: There is no user nobody.'),
    });
    expect(await cli('keys', 'create', '--user', 'alice', '--name', 'x', '--verbs', 'fly')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('read, list, write, delete, share, admin'),
    });
    expect(await cli('keys', 'create', '--user', 'alice')).toMatchObject({ code: 2, stdout: '' });
    expect(await cli('keys', 'revoke', 'none')).toMatchObject({ code: 1, stderr: expect.stringContaining('KEY_NOT_FOUND') });
    const { id } = JSON.parse((await cli('keys', 'create', '--user', 'bob', '--name', 'x', '--json')).stdout) as { id: string };
    expect(await cli('keys', 'revoke', id, 'none')).toMatchObject({ code: 3, stdout: `${id}\n` });
  });
});

describe('callfs users', () => {
  it('adds, lists and removes a user', async () => {
    const added = await cli('users', 'add', 'dora', '--uid', '2100', '--groups', 'team,3000', '--umask', '0027');
    expect(added).toMatchObject({ code: 0, stdout: 'dora\n', stderr: expect.stringContaining('uid 2100, gid 2100') });
    const listed = await cli('users', 'list');
    expect(listed.stdout).toMatch(/^NAME +UID +GID +GROUPS +UMASK +SOURCE\nroot +0 +0 +- +0022 +configuration\n/);
    expect(listed.stdout).toMatch(/^dora +2100 +2100 +team,3000 +0027 +metadata$/m);
    expect(await cli('users', 'remove', 'dora')).toEqual({ code: 0, stdout: 'dora\n', stderr: '' });
    expect(await cli('users', 'remove', 'alice')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('alice is a user of the configuration'),
    });
    expect(await cli('users', 'add', 'x', '--uid', 'none')).toMatchObject({ code: 2, stdout: '' });
  });
});
