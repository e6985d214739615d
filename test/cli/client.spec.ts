import { createHash } from 'node:crypto';
import { chmod, lstat, lutimes, mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { entries, type Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { claimPort } from '../support/ports';
import { patternBytes } from '../support/random';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';
import { runCli, useDirectory, type CliResult } from './run-cli';

const CLI = join(__dirname, '../../callfs');
const server = useServer();
const directory = useDirectory();
let root: Client;
let base: string;

const here = (name: string) => join(directory.path, name);
const env = (key = ROOT_KEY) => ({ CALLFS_URL: server.url, CALLFS_API_KEY: key });
const cli = (...args: string[]): Promise<CliResult> => runCli(args, { cwd: directory.path, env: env() });
const asAlice = (...args: string[]): Promise<CliResult> =>
  runCli(args, { cwd: directory.path, env: env(server.user('alice').key) });

beforeAll(() => {
  root = server.client();
});
beforeEach(async () => {
  base = await freshDirectory(root);
});

/** Runs it with `input` on its standard input. */
async function piped(args: string[], input: Buffer): Promise<{ code: number; stdout: Buffer; stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { cwd: directory.path, env: { PATH: process.env['PATH'], ...env() } });
  const out: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout: Buffer.concat(out), stderr };
}

describe('callfs ls', () => {
  beforeEach(async () => {
    await must(root.put(`${base}/b.txt`, 'bb'));
    await must(root.put(`${base}/a/inner`, 'i'));
    await must(root.symlink(`${base}/z`, 'b.txt'));
  });

  it('lists names, directories with a "/"', async () => {
    expect(await cli('ls', base)).toEqual({ code: 0, stdout: 'a/\nb.txt\nz\n', stderr: '' });
    expect((await cli('ls', '-R', base.slice(1))).stdout).toBe('a/\na/inner\nb.txt\nz\n');
    expect((await cli('ls', `${base}/b.txt`)).stdout).toBe(`${base}/b.txt\n`);
  });

  it('-l shows type, mode, owner, size and where links lead', async () => {
    await must(root.patch(`${base}/b.txt`, { mode: '4750' }));
    const { stdout } = await cli('ls', '-l', base);
    const [a, b, z] = stdout.split('\n');
    expect(a).toMatch(/^drwxr-xr-x root +root +0 \d{4}-\d\d-\d\d \d\d:\d\d a\/$/);
    expect(b).toMatch(/^-rwsr-x--- root +root +2 .* b\.txt$/);
    expect(z).toMatch(/^lrwxrwxrwx .* z -> b\.txt$/);
  });

  it('--json is one array, also of nothing', async () => {
    const entries = JSON.parse((await cli('ls', '--json', '-R', base)).stdout) as { path: string; size: number }[];
    expect(entries.map(({ path }) => path)).toEqual(['a', 'a/inner', 'b.txt', 'z'].map((name) => `${base}/${name}`));
    await must(root.mkdir(`${base}/empty`));
    expect(JSON.parse((await cli('ls', '--json', `${base}/empty`)).stdout)).toEqual([]);
  });

  it('says what it may not, with 1', async () => {
    await must(root.mkdir(`${base}/closed`, '0700'));
    expect(await asAlice('ls', `${base}/closed`)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^callfs: .*closed/),
    });
    expect(await cli('ls', `${base}/missing`)).toEqual({
      code: 1,
      stdout: '',
      stderr: `callfs: ${base}/missing does not exist.\n`,
    });
  });
});

describe('callfs stat and cat', () => {
  it('stat shows what is known, as text and as JSON; a part that fails is 3', async () => {
    await must(root.put(`${base}/f`, 'four', { 'content-type': 'text/plain', 'x-callfs-mode': '0640' }));
    const text = await cli('stat', `${base}/f`);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    for (const line of [/^path +.*\/f$/m, /^size +4$/m, /^mode +0640$/m, /^owner +root \(0\)$/m, /^content type +text\/plain$/m])
      expect(text.stdout).toMatch(line);
    const mixed = await cli('stat', '--json', `${base}/f`, `${base}/missing`);
    expect(mixed).toMatchObject({ code: 3, stderr: `callfs: ${base}/missing: ${base}/missing does not exist.\n` });
    expect(JSON.parse(mixed.stdout)).toEqual([expect.objectContaining({ path: `${base}/f`, type: 'file', size: 4 })]);
  });

  it('stat --no-follow is of the link', async () => {
    await must(root.put(`${base}/f`, 'x'));
    await must(root.symlink(`${base}/l`, 'f'));
    expect((await cli('stat', `${base}/l`)).stdout).toMatch(/^type +file$/m);
    expect((await cli('stat', '--no-follow', `${base}/l`)).stdout).toMatch(/^type +symlink\ntarget +f$/m);
  });

  it('cat writes any bytes, one file after another', async () => {
    const bytes = patternBytes(3, 700_000);
    await must(root.put(`${base}/big`, bytes));
    await must(root.put(`${base}/small`, 'end'));
    const { code, stdout } = await piped(['cat', `${base}/big`, `${base}/small`], Buffer.alloc(0));
    expect(code).toBe(0);
    expect(stdout.equals(Buffer.concat([bytes, Buffer.from('end')]))).toBe(true);
    expect(await cli('cat', base)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('is a directory') });
  });
});

describe('callfs put and get', () => {
  it('carry a file there and back; the destination is a name or a directory', async () => {
    const bytes = patternBytes(4, 300_000);
    await writeFile(here('one.bin'), bytes);

    expect(await cli('put', 'one.bin', `${base}/`)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('1 file, 293.0 KiB'),
    });
    expect(await cli('put', 'one.bin', `${base}/two.bin`)).toMatchObject({ code: 0 });
    expect(await cli('put', 'one.bin', base)).toMatchObject({ code: 0 });
    expect((await root.get(`${base}/one.bin`)).body.equals(bytes)).toBe(true);
    expect((await root.get(`${base}/two.bin`)).body.equals(bytes)).toBe(true);

    expect(await cli('get', `${base}/two.bin`)).toMatchObject({ code: 0, stdout: '' });
    expect(await cli('get', `${base}/two.bin`, 'three.bin')).toMatchObject({ code: 0 });
    for (const name of ['two.bin', 'three.bin']) expect((await readFile(here(name))).equals(bytes)).toBe(true);
  });

  it('put takes standard input of any length', async () => {
    const bytes = patternBytes(5, 200_000);
    expect(await piped(['put', '-', `${base}/from-stdin`], bytes)).toMatchObject({ code: 0 });
    expect((await root.get(`${base}/from-stdin`)).body.equals(bytes)).toBe(true);
    expect(await piped(['put', '-', `${base}/empty`], Buffer.alloc(0))).toMatchObject({ code: 0 });
    expect((await root.get(`${base}/empty`)).body).toHaveLength(0);
  });

  it('-r -p carry a tree with modes, times, links, odd names and empty directories', async () => {
    const tree = here('tree');
    await mkdir(join(tree, 'sub/empty'), { recursive: true });
    await writeFile(join(tree, 'sub/é ümläut #?%.txt'), 'odd');
    await writeFile(join(tree, 'zero'), '');
    await writeFile(join(tree, 'run.sh'), '#!/bin/sh\n');
    await writeFile(join(tree, 'large'), patternBytes(6, 250_000));
    await chmod(join(tree, 'run.sh'), 0o755);
    await chmod(join(tree, 'zero'), 0o400);
    await symlink('../run.sh', join(tree, 'sub/link'));
    await symlink('nowhere', join(tree, 'dangling'));
    // Seconds of the system calls are floating point; these come through them as they are.
    const names = await readdir(tree, { recursive: true });
    for (const [index, name] of names.entries())
      await lutimes(join(tree, name), 1_000_000_000.5 + index, 1_000_000_000.5 + index);
    await lutimes(tree, 1_100_000_000, 1_100_000_000);
    await lutimes(join(tree, 'run.sh'), 1_000_000_000.5, 1_000_000_000.5);
    await chmod(join(tree, 'sub'), 0o550);

    expect(await cli('put', '-r', '-p', 'tree', `${base}/`)).toMatchObject({ code: 0, stdout: '' });
    expect(await cli('get', '-r', '-p', `${base}/tree`, 'back')).toMatchObject({ code: 0, stdout: '' });

    expect(await described(here('back'))).toEqual(await described(tree));
    expect((await root.head(`${base}/tree/run.sh`)).headers).toMatchObject({
      'x-callfs-mode': '0755',
      'x-callfs-mtime': '2001-09-09T01:46:40.500000000Z',
    });
    // A second time, over what is there.
    expect(await cli('put', '-r', '-p', 'tree', `${base}/`)).toMatchObject({ code: 0 });
    expect(await cli('get', '-r', '-p', `${base}/tree`, '.')).toMatchObject({ code: 0 });
    expect(await described(tree)).toEqual(await described(here('back')));
  });

  it('of many files, one after the other over one connection, says nothing but how many', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `many-${i}`);
    await Promise.all(names.map((name) => writeFile(here(name), 'x')));
    const { code, stderr } = await cli('put', '-j', '1', ...names, `${base}/`);
    expect(stderr).toMatch(/^callfs: 30 files, 30 B in [\d.]+ s\n$/);
    expect(code).toBe(0);
  });

  it('"." is what is in it', async () => {
    await mkdir(here('inside'));
    await writeFile(here('inside/f'), 'f');
    const { code } = await runCli(['put', '-r', '.', `${base}/here`], { cwd: here('inside'), env: env() });
    expect(code).toBe(0);
    expect((await root.get(`${base}/here/f`)).text).toBe('f');
  });

  it('a directory without --recursive, and what is missing, fail; the others are carried: 3', async () => {
    await mkdir(here('some-dir'), { recursive: true });
    await writeFile(here('some-file'), 's');
    const { code, stderr } = await cli('put', 'some-dir', 'missing-file', 'some-file', `${base}/`);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^callfs: some-dir: it is a directory; --recursive/m);
    expect(stderr).toMatch(/^callfs: missing-file: ENOENT/m);
    expect(stderr).toMatch(/^callfs: 1 file, 1 B in [\d.]+ s; 2 failed$/m);
    expect((await root.get(`${base}/some-file`)).text).toBe('s');
    expect(await cli('put', 'some-file', 'some-file', `${base}/some-file`)).toMatchObject({ code: 1 });
  });

  it('what may not be read is told, and the rest comes: 3', async () => {
    await must(root.put(`${base}/t/open/f`, 'f'));
    await must(root.put(`${base}/t/closed/g`, 'g'));
    await must(root.put(`${base}/t/secret`, 's', { 'x-callfs-mode': '0600' }));
    await must(root.patch(`${base}/t/closed`, { mode: '0700' }));
    const { code, stderr } = await asAlice('get', '-r', `${base}/t`, 'partly');
    expect(code).toBe(3);
    expect(stderr).toMatch(new RegExp(`^callfs: ${base}/t/closed: .*`, 'm'));
    expect(stderr).toMatch(new RegExp(`^callfs: ${base}/t/secret: .*`, 'm'));
    expect(await readFile(here('partly/open/f'), 'utf8')).toBe('f');
    expect((await readdir(here('partly'))).sort()).toEqual(['closed', 'open']);
  });

  it('--no-clobber leaves what is there', async () => {
    await writeFile(here('mine'), 'mine');
    await must(root.put(`${base}/mine`, 'theirs'));
    expect(await cli('put', '-n', 'mine', `${base}/mine`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('already exists'),
    });
    expect((await root.get(`${base}/mine`)).text).toBe('theirs');
    expect(await cli('get', '-n', `${base}/mine`, 'mine')).toMatchObject({ code: 1, stderr: expect.stringContaining('EEXIST') });
    expect(await readFile(here('mine'), 'utf8')).toBe('mine');
  });

  it('get writes through no link that it finds below, and leaves no part behind', async () => {
    await must(root.put(`${base}/t/d/f`, 'new'));
    await mkdir(here('outside'));
    await mkdir(here('local'));
    await symlink(here('outside'), here('local/d'));
    expect(await cli('get', '-r', `${base}/t`, 'local/')).toMatchObject({ code: 0 });
    expect(await readdir(here('outside'))).toEqual([]);
    await rm(here('local'), { recursive: true });
    await mkdir(here('local/t'), { recursive: true });
    await symlink(here('outside'), here('local/t/d'));
    expect(await cli('get', '-r', `${base}/t`, 'local')).toMatchObject({ code: 3, stderr: expect.stringContaining('EEXIST') });
    expect(await readdir(here('outside'))).toEqual([]);
  });

  it('get of bytes that are not those of the digest, or break off, fails and leaves nothing', async () => {
    const liar = createServer((request, response) => {
      const digest = createHash('sha256').update('right').digest('base64');
      const head = { 'X-CallFS-Type': 'file', 'X-CallFS-Size': 5, 'Repr-Digest': `sha-256=:${digest}:` };
      response.writeHead(200, { ...head, 'Content-Length': 5 });
      if (request.method === 'HEAD') response.end();
      else if (request.url?.endsWith('short')) response.write('rig', () => response.destroy());
      else response.end('wrong');
    }).listen(0, '127.0.0.1');
    await once(liar, 'listening');
    const url = `http://127.0.0.1:${(liar.address() as AddressInfo).port}`;
    await mkdir(here('clean'));
    for (const [name, code, reason] of [
      ['short', 4, 'broke off'],
      ['wrong', 1, 'not those that the server has'],
    ] as const) {
      const result = await runCli(['get', `/${name}`], { cwd: here('clean'), env: { CALLFS_URL: url, CALLFS_API_KEY: 'k' } });
      expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(reason) });
    }
    liar.close();
    expect(await readdir(here('clean'))).toEqual([]);
  });

  it('get goes on where a transfer broke off, while the file is the same', async () => {
    const asked: unknown[] = [];
    const breaking = createServer((request, response) => {
      const digest = createHash('sha256').update('right').digest('base64');
      const head = { 'X-CallFS-Type': 'file', 'X-CallFS-Size': 5, 'Repr-Digest': `sha-256=:${digest}:`, ETag: '"1"' };
      const { range, 'if-match': tag } = request.headers;
      if (range === undefined) response.writeHead(200, { ...head, 'Content-Length': 5 });
      else if (request.url?.endsWith('same')) response.writeHead(206, { ...head, 'Content-Length': 2 });
      else response.writeHead(412, { 'Content-Type': 'application/json' });
      if (request.method === 'HEAD') return response.end();
      asked.push([range, tag]);
      if (range === undefined) response.write('rig', () => response.destroy());
      else if (request.url?.endsWith('same')) response.end('ht');
      else response.end('{"code":"PRECONDITION_FAILED","message":"It has changed."}');
    }).listen(0, '127.0.0.1');
    await once(breaking, 'listening');
    const env = { CALLFS_URL: `http://127.0.0.1:${(breaking.address() as AddressInfo).port}`, CALLFS_API_KEY: 'k' };
    await mkdir(here('resumed'));

    expect(await runCli(['get', '/same'], { cwd: here('resumed'), env })).toMatchObject({ code: 0 });
    expect(await runCli(['get', '/changed'], { cwd: here('resumed'), env })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('It has changed.'),
    });

    breaking.close();
    expect(asked.slice(0, 2)).toEqual([
      [undefined, undefined],
      ['bytes=3-', '"1"'],
    ]);
    expect(await readdir(here('resumed'))).toEqual(['same']);
    expect(await readFile(here('resumed/same'), 'utf8')).toBe('right');
  });

  it('put that is refused sends no body and says why', async () => {
    await writeFile(here('huge'), Buffer.alloc(3_000_000));
    await must(root.mkdir(`${base}/closed`, '0700'));
    expect(await asAlice('put', 'huge', `${base}/closed/`)).toMatchObject({ code: 1, stderr: expect.stringContaining('closed') });
  });
});

describe('callfs mkdir, mv, cp and rm', () => {
  it('mkdir makes one, and with -p those above; what exists is a failure without it', async () => {
    expect(await cli('mkdir', `${base}/one`)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await cli('mkdir', `${base}/one`)).toMatchObject({ code: 1, stderr: expect.stringContaining('exists already') });
    expect(await cli('mkdir', `${base}/x/y/z`)).toMatchObject({ code: 1, stderr: expect.stringContaining('does not exist') });
    expect(await cli('mkdir', '-p', '-m', '0711', `${base}/x/y/z`, `${base}/one`)).toMatchObject({ code: 0 });
    expect((await root.head(`${base}/x/y/z`)).header('x-callfs-mode')).toBe('0711');
  });

  it('mv renames, moves into directories, and replaces only with --force', async () => {
    await must(root.put(`${base}/a`, 'a'));
    await must(root.put(`${base}/b`, 'b'));
    await must(root.mkdir(`${base}/d`));
    expect(await cli('mv', `${base}/a`, `${base}/b`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('already exists'),
    });
    expect(await cli('mv', '-f', `${base}/a`, `${base}/b`)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await root.get(`${base}/b`)).text).toBe('a');
    expect(await cli('mv', `${base}/b`, `${base}/missing`, `${base}/d`)).toMatchObject({ code: 3 });
    expect((await root.get(`${base}/d/b`)).text).toBe('a');
  });

  it('cp copies files, and trees with -r', async () => {
    await must(root.put(`${base}/t/f`, 'f'));
    expect(await cli('cp', `${base}/t/f`, `${base}/g`)).toMatchObject({ code: 0 });
    expect(await cli('cp', `${base}/t`, `${base}/u`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is a directory'),
    });
    expect(await cli('cp', '-r', `${base}/t`, `${base}/u`)).toMatchObject({ code: 0 });
    expect([(await root.get(`${base}/g`)).text, (await root.get(`${base}/u/f`)).text]).toEqual(['f', 'f']);
  });

  it('two sources for one place are one too many, with --force as well: the first is kept, the second told of: 3', async () => {
    for (const name of ['a', 'b', 'target', 'copies']) await must(root.mkdir(`${base}/${name}`));
    for (const name of ['a', 'b']) {
      await must(root.put(`${base}/${name}/x`, name));
      await mkdir(here(`same-${name}`), { recursive: true });
      await writeFile(here(`same-${name}/x`), name);
    }
    await mkdir(here('same-target'), { recursive: true });
    const refused = { code: 3, stderr: expect.stringContaining('it would replace ') as string };

    expect(await cli('put', 'same-a/x', 'same-b/x', `${base}/target/`)).toMatchObject(refused);
    expect((await root.get(`${base}/target/x`)).text).toBe('a');
    expect(await cli('get', `${base}/a/x`, `${base}/b/x`, 'same-target')).toMatchObject(refused);
    expect(await readFile(here('same-target/x'), 'utf8')).toBe('a');
    expect(await cli('cp', '-f', `${base}/a/x`, `${base}/b/x`, `${base}/copies`)).toMatchObject(refused);
    expect((await root.get(`${base}/copies/x`)).text).toBe('a');
    expect(await cli('mv', '-f', `${base}/a/x`, `${base}/b/x`, `${base}/target`)).toMatchObject(refused);
    expect((await root.get(`${base}/target/x`)).text).toBe('a');
    expect((await root.get(`${base}/b/x`)).text).toBe('b');
  });

  it('rm removes, trees with -r, and with -f does not mind what is missing', async () => {
    await must(root.put(`${base}/t/f`, 'f'));
    expect(await cli('rm', `${base}/t`)).toMatchObject({ code: 1, stderr: expect.stringContaining('not empty') });
    expect(await cli('rm', `${base}/missing`)).toMatchObject({ code: 1 });
    expect(await cli('rm', '-f', `${base}/missing`)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await cli('rm', '-r', `${base}/t`)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await root.get(`${base}/t`)).status).toBe(404);
  });
});

describe('the server', () => {
  it('that cannot be reached: 4, and how it was looked for', async () => {
    const port = await claimPort();
    await writeFile(here('file'), 'f');
    for (const args of [['ls'], ['cat', '/a'], ['put', 'file', '/a'], ['get', '/a'], ['rm', '/a'], ['mkdir', '/a']]) {
      const result = await runCli(args, {
        cwd: directory.path,
        env: { CALLFS_URL: `http://127.0.0.1:${port}`, CALLFS_API_KEY: ROOT_KEY },
      });
      expect([args[0], result.code, result.stdout]).toEqual([args[0], 4, '']);
      expect(result.stderr).toContain(`cannot reach http://127.0.0.1:${port}`);
    }
  });

  it('that refuses the key: 1, and the key is not shown', async () => {
    const result = await runCli(['ls'], { cwd: directory.path, env: env('a-wrong-key-0123456789') });
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/API key\. Set CALLFS_API_KEY /) });
    const admin = await runCli(['nodes', 'list'], { cwd: directory.path, env: env('a-wrong-key-0123456789') });
    expect(admin).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/API key\. Set CALLFS_API_KEY /) });
    expect(result.stderr).not.toContain('a-wrong-key');
  });

  it('that speaks plain HTTP where HTTPS was asked for: 4, and the address that it has', async () => {
    const url = server.url.replace('http:', 'https:');
    const result = await runCli(['ls'], { cwd: directory.path, env: { ...env(), CALLFS_URL: url } });
    expect(result).toEqual({
      code: 4,
      stdout: '',
      stderr: `callfs: ${url} does not speak HTTPS. If it is meant to speak plain HTTP, its address is ${server.url}.\n`,
    });
  });

  it('that is none of ours: 1, and what answered', async () => {
    const other = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const result = await runCli(['ls'], { cwd: directory.path, env: { CALLFS_URL: url, CALLFS_API_KEY: 'k' } });
    other.close();
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('not as CallFS does') });
  });

  it('that breaks off in the middle of a listing: 4, and not a short list', async () => {
    const faint = createServer((request, response) => {
      response.writeHead(200, { 'X-CallFS-Type': 'directory' });
      if (request.method === 'HEAD') response.end();
      else if (request.url?.includes('cursor=next')) response.write('{"items":[{"name":"b"', () => response.destroy());
      else response.end('{"items":[{"name":"a","path":"/a","type":"file"}],"next_cursor":"next"}');
    }).listen(0, '127.0.0.1');
    await once(faint, 'listening');
    const url = `http://127.0.0.1:${(faint.address() as AddressInfo).port}`;
    const result = await runCli(['ls', '/'], { cwd: directory.path, env: { CALLFS_URL: url, CALLFS_API_KEY: 'k' } });
    faint.close();
    expect(result).toMatchObject({ code: 4, stdout: 'a\n', stderr: expect.stringContaining('broke off') });
  });

  it('of the configuration in the working directory is found without variables', async () => {
    const { code, stdout } = await runCli(['ls', base, '--config', server.configFile], {
      cwd: directory.path,
      env: { CALLFS_URL: server.url },
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });
});

/** Every entry below: type, mode, time of files and directories, and content or target. */
async function described(top: string): Promise<unknown[]> {
  const names = (await readdir(top, { recursive: true })).sort();
  return Promise.all(
    ['', ...names].map(async (name) => {
      const path = join(top, name);
      const stats = await lstat(path);
      if (stats.isSymbolicLink()) return [name, 'link', await readlink(path)];
      const { mode, mtimeMs } = await stat(path);
      const content = stats.isFile()
        ? createHash('sha256')
            .update(await readFile(path))
            .digest('hex')
        : 'directory';
      return [name, mode.toString(8), mtimeMs, content];
    }),
  );
}

describe('callfs export and import', () => {
  /** A tree with everything that an archive has to carry. */
  async function plant(): Promise<string> {
    const top = `${base}/origin`;
    const long = `${'long-name-'.repeat(20)}/${'and-one-more-'.repeat(15)}`;
    await must(root.put(`${top}/run.sh`, '#!/bin/sh\n', { 'x-callfs-mode': '4755', 'x-callfs-mtime': '2001-09-09T01:46:40.5Z' }));
    await must(root.put(`${top}/${long}/é #?%.txt`, patternBytes(7, 70_000)));
    await must(root.put(`${top}/empty`, ''));
    await must(root.mkdir(`${top}/hollow`, '1777'));
    await must(root.symlink(`${top}/link`, 'run.sh'));
    await must(root.symlink(`${top}/dangling`, '../nowhere'));
    await must(root.patch(`${top}/empty`, { owner: 'alice', group: 3000 }));
    await must(root.patch(`${top}/hollow`, { mtime: '1999-12-31T23:59:59Z', owner: 'bob' }));
    return top;
  }

  /** What is below it, with everything that a copy keeps; `seconds` where more of a time cannot be kept. */
  async function kept(top: string): Promise<unknown[]> {
    const all = entries(await root.list(top, { recursive: true }));
    return Promise.all(
      all.map(async ({ path, type, mode, uid, gid, mtime, size, target }) => {
        const content = type === 'file' ? (await root.get(path)).header('repr-digest') : target;
        return [path.slice(top.length), type, mode, uid, gid, new Date(mtime).getTime(), size, content];
      }),
    );
  }

  it.each(['tree.tar', 'tree.tar.gz', 'tree-directory'])('carry a tree by %s', async (name) => {
    const top = await plant();

    const out = await cli('export', name, top);
    expect(out).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/^callfs: 3 files, 68\.4 KiB in /) });
    expect(await cli('import', name, `${base}/copy`)).toMatchObject({ code: 0, stdout: '' });

    expect(await kept(`${base}/copy`)).toEqual(await kept(top));
  });

  it.each(['backup.zip', 'backup.tar.xz'])('%s is no archive that there is: 2, and no directory of that name', async (name) => {
    const told = `callfs: ${name}: an archive ends with .tar, .tar.gz or .tgz here; any other name is that of a directory.\n`;
    expect(await cli('export', name, base)).toEqual({ code: 2, stdout: '', stderr: told });
    await writeFile(here(name), 'PK');
    expect(await cli('import', name, `${base}/site`)).toEqual({ code: 2, stdout: '', stderr: told });
    expect((await root.get(`${base}/site`)).status).toBe(404);
  });

  it('go through a pipe, and tar(1) reads and writes the same', async () => {
    const top = await plant();
    const { code, stdout } = await piped(['export', '-', top], Buffer.alloc(0));
    expect(code).toBe(0);
    await mkdir(here('untarred'));
    execFileSync('tar', ['-x', '-p', '-f', '-'], { cwd: here('untarred'), input: stdout });
    const archive = execFileSync('tar', ['-c', '--format=posix', '-f', '-', '.'], { cwd: here('untarred') });

    expect(await piped(['import', '-', `${base}/copy`], archive)).toMatchObject({ code: 0 });

    expect(await kept(`${base}/copy`)).toEqual(await kept(top));
  });

  it('import leaves out what leads out of the archive or cannot be stored: 3', async () => {
    await mkdir(here('odd/sub'), { recursive: true });
    await writeFile(here('odd/sub/good'), 'good');
    await writeFile(here('odd/evil'), 'evil');
    execFileSync('mkfifo', [here('odd/fifo')]);
    execFileSync('tar', ['-c', '-P', '--transform=s,^evil,../../evil,', '-f', '../odd.tar', 'evil', 'fifo', 'sub'], {
      cwd: here('odd'),
    });

    const { code, stderr } = await cli('import', 'odd.tar', `${base}/into`);

    expect(code).toBe(3);
    expect(stderr).toContain('its path leads out of the archive');
    expect(stderr).toContain('fifo, which cannot be stored');
    expect(entries(await root.list(`${base}/into`, { recursive: true })).map(({ path }) => path)).toEqual([
      `${base}/into/sub`,
      `${base}/into/sub/good`,
    ]);
    expect((await root.get(`${base}/evil`)).status).toBe(404);
  });

  it('import with a key that owns nothing of it needs --no-owner', async () => {
    await must(root.mkdir(`${base}/alice`));
    await must(root.patch(`${base}/alice`, { owner: 'alice', group: 'alice' }));
    await mkdir(here('hers'));
    await writeFile(here('hers/f'), 'f');
    expect(await asAlice('import', 'hers', `${base}/alice/a`)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('owner'),
    });
    expect(await asAlice('import', '--no-owner', 'hers', `${base}/alice/b`)).toMatchObject({ code: 0 });
    expect((await root.head(`${base}/alice/b/f`)).header('x-callfs-owner')).toBe('alice');
  });

  it('export that cannot be whole leaves no archive; a damaged one is refused', async () => {
    expect(await cli('export', 'none.tar', `${base}/missing`)).toMatchObject({ code: 1, stdout: '' });
    expect((await readdir(directory.path)).filter((name) => name.startsWith('none'))).toEqual([]);
    await writeFile(here('damaged.tar'), patternBytes(8, 10_240));
    expect(await cli('import', 'damaged.tar', `${base}/damaged`)).toMatchObject({ code: 1, stdout: '' });
    expect(await cli('import', 'no-such.tar')).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOENT') });
  });
});
