import { mkdir, readdir, symlink } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli, useDirectory } from './run-cli';

const root = join(__dirname, '../..');
const directory = useDirectory();
const cli = (...args: string[]) => runCli(args, { cwd: directory.path });

const COMMANDS = [
  'server',
  'config validate',
  'config show',
  'config init',
  'tls self-signed',
  'ls',
  'stat',
  'cat',
  'put',
  'get',
  'mkdir',
  'mv',
  'cp',
  'rm',
  'link',
  'fsck',
  'gc',
  'scrub',
  'export',
  'import',
  'keys create',
  'keys list',
  'keys revoke',
  'users add',
  'users list',
  'users remove',
  'dump',
  'load',
  'audit',
];

describe('--help', () => {
  it('of the program lists the commands, examples and exit codes on stdout', async () => {
    const { code, stdout, stderr } = await cli('--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const text of ['server', 'config', 'tls', 'Examples:', 'Exit codes:', '4  a service is unreachable'])
      expect(stdout).toContain(text);
  });

  it.each(COMMANDS)('of %s says how to use it, with examples', async (command) => {
    const { code, stdout, stderr } = await cli(...command.split(' '), '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: callfs ${command} `);
    expect(stdout).toContain('--no-color');
    expect(stdout).toMatch(/Examples:\n  .*callfs /);
  });
});

it('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(await cli('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

describe('wrong usage is answered on stderr alone, with 2', () => {
  it.each([
    ['no command', '', 'Usage: callfs [options]'],
    ['an unknown command', 'serve', "unknown command 'serve'"],
    ['a group alone', 'config', 'Usage: callfs config'],
    ['an unknown command of a group', 'config shwo', "unknown command 'shwo'; expected one of validate, show, init"],
    ['an unknown option', 'server --port 5', "unknown option '--port'"],
    ['an argument that is not wanted', 'config show all', 'too many arguments'],
    ['an option without its value', 'server --config', 'argument missing'],
    ['a bad duration', 'server --wait-for-dependencies 5x', 'Expected a duration such as 30s'],
    ['what is no time', 'audit --since yesterday', 'Expected a duration such as 1h, or a time such as 2026-11-01T00:00:00Z'],
    ['a time that no key has', 'keys create --user a --name b --expires soon', 'Expected a duration such as 12h or 30d'],
    ['a bad umask', 'users add a --umask 999', 'Expected octal digits such as 0022'],
    ['options that exclude each other', 'config init --single-node --cluster', 'exclude each other'],
    ['no path to remove', 'rm', "missing required argument 'paths'"],
    ['a source without a destination', 'mv /a', 'expected <source...> <destination>'],
    ['a bad number of jobs', 'put --jobs 0 a b', 'Expected a whole number from 1 to 64'],
    ['a bad mode', 'mkdir -m rwx /a', 'Expected an octal mode'],
    ['what scrub cannot do', 'scrub stop', "unknown argument 'stop'"],
    ['a bad host', 'tls self-signed --host a/b', 'Expected a host name or an IP address'],
    ['a bad number of days', 'tls self-signed --days 0', 'Expected a whole number from 1 to 3650'],
  ])('%s', async (_, line, expected) => {
    const { code, stdout, stderr } = await cli(...line.split(' ').filter(Boolean));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(expected);
    expect(stderr).not.toContain('    at ');
  });
});

describe('the launcher', () => {
  it('works through a symbolic link from elsewhere', async () => {
    const link = join(directory.path, 'callfs-link');
    await symlink(join(root, 'callfs'), link);
    const { status, stdout } = spawnSync(link, ['--version'], { cwd: '/', encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it('says what to do when the program is not built', async () => {
    const copy = join(directory.path, 'callfs-copy');
    const { writeFile } = await import('node:fs/promises');
    await writeFile(copy, readFileSync(join(root, 'callfs')), { mode: 0o755 });
    const { status, stderr } = spawnSync(process.execPath, [copy], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/not built.*npm ci.*npm run build/);
  });
});

it.each(['dump backup.ndjson', 'fsck --offline', 'gc --offline'])('%s where no node is: 1, and nothing is made', async (line) => {
  await mkdir(join(directory.path, 'elsewhere'), { recursive: true });
  const { code, stdout, stderr } = await runCli(line.split(' '), { cwd: join(directory.path, 'elsewhere') });
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^callfs: there is no metadata at .*elsewhere\/callfs-data\/metadata\.sqlite\. Name .+\n$/),
  });
  expect(await readdir(join(directory.path, 'elsewhere'))).toEqual([]);
});
