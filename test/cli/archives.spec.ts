import { execFileSync } from 'node:child_process';
import { link, mkdir, open, readlink, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TarSink } from '../../apps/callfs/src/cli/client/tree/tar-sink';
import { entries, type Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { useServer } from '../support/use-server';
import { clientIn, useDirectory } from './run-cli';

const server = useServer();
const directory = useDirectory();
let root: Client;
let base: string;

const here = (name: string) => join(directory.path, name);
const cli = clientIn(directory, server);
const tar = (...args: string[]): string => execFileSync('tar', args, { cwd: directory.path, encoding: 'utf8' });
const pathsBelow = async (top: string) =>
  entries(await root.list(top, { recursive: true })).map(({ path }) => path.slice(top.length));

beforeAll(() => {
  root = server.client();
});
beforeEach(async () => {
  base = await freshDirectory(root);
});

describe('callfs import of what tar(1) packed', () => {
  it.each(['gnu', 'posix'])('%s: takes no sparse file for what lies in the archive in its place: 3', async (format) => {
    const name = `sparse-${format}`;
    await mkdir(here(name));
    await writeFile(here(`${name}/a-plain`), 'plain');
    const holes = await open(here(`${name}/holes`), 'w');
    // More than the map in the header has room for, and than one block more.
    for (let i = 0; i < 30; i++) await holes.write('island', 100_000 * i);
    await holes.close();
    await writeFile(here(`${name}/z-plain`), 'plain');
    tar('-c', '--sort=name', `--format=${format}`, '--sparse', '-C', name, '-f', `${name}.tar`, '.');

    const { code, stderr } = await cli('import', `${name}.tar`, `${base}/into`);

    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('Pack the archive without --sparse') });
    expect(await pathsBelow(`${base}/into`)).toEqual(['/a-plain', '/z-plain']);
  });

  it.each(['gnu', 'posix'])('%s: makes one file of no two names that are not UTF-8: 3', async (format) => {
    const name = `bytes-${format}`;
    await mkdir(here(name));
    for (const byte of [0xfe, 0xff]) await writeFile(Buffer.concat([Buffer.from(here(`${name}/x`)), Buffer.from([byte])]), 'x');
    await writeFile(here(`${name}/ok`), 'ok');
    tar('-c', `--format=${format}`, '-C', name, '-f', `${name}.tar`, '.');

    const { code, stderr } = await cli('import', `${name}.tar`, `${base}/into`);

    expect(code).toBe(3);
    expect(stderr.match(/its name is not UTF-8/g)).toHaveLength(2);
    expect(await pathsBelow(`${base}/into`)).toEqual(['/ok']);
  });

  it('takes an archive of before the formats had names', async () => {
    await mkdir(here('old/deep'), { recursive: true });
    await writeFile(here('old/deep/f'), 'old');
    tar('-c', '--format=v7', '-C', 'old', '-f', 'old.tar', '.');

    expect(await cli('import', 'old.tar', `${base}/into`)).toMatchObject({ code: 0 });

    expect((await root.get(`${base}/into/deep/f`)).text).toBe('old');
  });

  it('a file with several names is there under each, again as well', async () => {
    await mkdir(here('linked/deep'), { recursive: true });
    await writeFile(here('linked/a'), 'shared', { mode: 0o640 });
    await link(here('linked/a'), here('linked/b'));
    await link(here('linked/a'), here('linked/deep/c'));
    await utimes(here('linked/a'), 1_000_000_000, 1_000_000_000);
    tar('-c', '-C', 'linked', '-f', 'linked.tar', '.');

    for (const _ of ['first', 'again'])
      expect(await cli('import', 'linked.tar', `${base}/into`)).toMatchObject({ code: 0, stdout: '' });

    for (const path of ['/a', '/b', '/deep/c']) {
      const { body, header } = await root.get(`${base}/into${path}`).then((answer) => ({
        body: answer.body.toString(),
        header: (name: string) => answer.header(name),
      }));
      expect([body, header('x-callfs-mode'), header('x-callfs-mtime')]).toEqual([
        'shared',
        '0640',
        '2001-09-09T01:46:40.000000000Z',
      ]);
    }
  });

  it('goes on after a large file that is refused: 3', async () => {
    await mkdir(here('refused'));
    await writeFile(here('refused/a-large'), Buffer.alloc(8 << 20));
    await writeFile(here('refused/b'), 'b');
    tar('-c', '--sort=name', '-C', 'refused', '-f', 'refused.tar', '.');
    await must(root.mkdir(`${base}/into/a-large`));

    expect(await cli('import', 'refused.tar', `${base}/into`)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/a-large is a directory\..*\ncallfs: 2 files, .* 1 failed\n$/),
    });

    expect((await root.get(`${base}/into/b`)).text).toBe('b');
  });

  it.each(['gnu', 'posix'])('%s: keeps owners with large numbers, and times before 1970', async (format) => {
    const name = `owned-${format}`;
    await mkdir(here(name));
    await writeFile(here(`${name}/f`), 'f');
    await utimes(here(`${name}/f`), new Date(-86_400_000), new Date(-86_400_000));
    tar('-c', `--format=${format}`, '--owner=:3000000', '--group=:4000000', '-C', name, '-f', `${name}.tar`, '.');

    expect(await cli('import', `${name}.tar`, `${base}/into`)).toMatchObject({ code: 0 });

    const found = await must(root.head(`${base}/into/f`));
    expect(['x-callfs-uid', 'x-callfs-gid', 'x-callfs-mtime'].map((field) => found.header(field))).toEqual([
      '3000000',
      '4000000',
      '1969-12-31T00:00:00.000000000Z',
    ]);
  });
});

describe('symbolic links that callfs export packs', () => {
  it('stand among what is beside them, so that tar(1) gives the directory its mode and time after them', async () => {
    await must(root.mkdir(`${base}/site/closed`));
    await must(root.put(`${base}/site/closed/z`, 'z'));
    for (const [path, target] of [
      ['closed/inward', 'z'],
      ['closed/outward', '/etc'],
      ['closed/upward', '../../x'],
      ['last', 'closed'],
    ])
      await must(root.symlink(`${base}/site/${path}`, target ?? ''));
    await must(root.patch(`${base}/site/closed`, { mode: '0555', mtime: '2001-09-09T01:46:40Z' }));
    await must(root.patch(`${base}/site`, { mtime: '2001-09-09T01:46:41Z' }));

    expect(await cli('export', 'linked.tar', `${base}/site`)).toMatchObject({ code: 0 });

    expect(tar('-tf', 'linked.tar').trim().split('\n')).toEqual([
      './',
      'closed/',
      'closed/inward',
      'closed/outward',
      'closed/upward',
      'closed/z',
      'last',
    ]);
    await mkdir(here('unpacked'));
    tar('-x', '-C', 'unpacked', '-f', 'linked.tar');
    const found = await Promise.all(['unpacked', 'unpacked/closed'].map((name) => stat(here(name))));
    expect(found.map(({ mode, mtimeMs }) => [mode & 0o777, mtimeMs])).toEqual([
      [0o755, 1_000_000_001_000],
      [0o555, 1_000_000_000_000],
    ]);
    expect(await readlink(here('unpacked/closed/outward'))).toBe('/etc');
  });

  it('have nothing written through them, whatever the server lists', async () => {
    const entry = { size: 1, mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n };
    const sink = new TarSink(here('through.tar'));
    await sink.symlink({ ...entry, names: ['etc'], type: 'symlink', target: '/etc' });

    for (const names of [['etc'], ['etc', 'deep', 'passwd']])
      await expect(sink.file({ ...entry, names, type: 'file' }, Readable.from(['x']))).rejects.toThrow(
        'the server lists a symbolic link in its place as well',
      );

    await sink.file({ ...entry, names: ['etcetera'], type: 'file' }, Readable.from(['x']));
    await sink.settle();
    expect(tar('-tf', 'through.tar')).toBe('etc\netcetera\n');
  });
});

describe('times and owners that a header cannot hold', () => {
  const TIMES = [
    '1901-12-13T20:45:52Z',
    '1969-12-31T23:59:59Z',
    '1960-05-05T00:00:00.25Z',
    '2040-01-01T00:00:00Z',
    '2261-01-01T00:00:00.5Z',
  ];

  beforeEach(async () => {
    for (const [i, time] of TIMES.entries()) await must(root.put(`${base}/odd/${i}`, `${i}`, { 'x-callfs-mtime': time }));
    await must(root.patch(`${base}/odd/0`, { owner: 3_000_000, group: 4_000_000 }));
  });

  const kept = async (top: string) =>
    entries(await root.list(top, { recursive: true })).map(({ name, uid, gid, mtime }) => [name, uid, gid, mtime]);

  it('export and import carry them in an archive, which tar(1) reads', async () => {
    expect(await cli('export', 'odd.tar', `${base}/odd`)).toMatchObject({ code: 0 });
    expect(await cli('import', 'odd.tar', `${base}/copy`)).toMatchObject({ code: 0 });
    expect(await kept(`${base}/copy`)).toEqual(await kept(`${base}/odd`));

    const listed = tar('--utc', '--full-time', '--numeric-owner', '-tvf', 'odd.tar').split('\n');
    expect(listed.find((line) => line.endsWith(' 0'))).toContain('3000000/4000000');
    for (const [name, time] of ['1901-12-13 20:45:52', '1969-12-31 23:59:59'].entries())
      expect(listed.find((line) => line.endsWith(` ${name}`))).toContain(time);
    expect(listed.find((line) => line.endsWith(' 3'))).toContain('2040-01-01 00:00:00');
  });

  it('get -p keeps them', async () => {
    expect(await cli('get', '-r', '-p', `${base}/odd`, 'odd-files')).toMatchObject({ code: 0 });
    const found = await Promise.all(TIMES.map((_, i) => stat(here(`odd-files/${i}`), { bigint: true })));
    const expected = TIMES.map((time) => BigInt(new Date(time).getTime()) * 1_000_000n);
    expect(found.map(({ mtimeNs }) => mtimeNs)).toEqual(expected);
  });
});
