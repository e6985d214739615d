import { EventEmitter, once } from 'node:events';
import { lstat, mkdir, readdir, readFile, rm, stat, symlink, watch, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { LocalSource } from '../../apps/callfs/src/cli/client/tree/local-source';
import type { TreeEntry } from '../../apps/callfs/src/cli/client/tree/tree-entry';
import { freshDirectory, must } from '../support/fixture';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';
import { runCli, useDirectory } from './run-cli';

const server = useServer();
const directory = useDirectory();
const here = (name: string) => join(directory.path, name);

/** The name of what is in a directory first. */
async function firstIn(path: string): Promise<string> {
  const changes = watch(path)[Symbol.asyncIterator]();
  const change = changes.next();
  try {
    for (;;) {
      const [name] = await readdir(path);
      if (name !== undefined) return name;
      await change;
    }
  } finally {
    await changes.return?.();
  }
}

it('get -p lets nobody else look into what is private while it comes', async () => {
  const asked = new EventEmitter();
  const entry = { name: 'f', path: '/p/f', size: 4, mode: '0640', uid: 0, gid: 0, mtime: '2001-09-09T01:46:40Z' };
  const stalling = createServer((request, response) => {
    const isFile = request.url === '/v1/files/p/f';
    const head = { 'X-CallFS-Type': isFile ? 'file' : 'directory', 'X-CallFS-Size': 4, 'X-CallFS-Mode': '0750' };
    response.writeHead(200, { ...head, 'X-CallFS-MTime': entry.mtime, ...(isFile && { 'Content-Length': 4 }) });
    if (request.method === 'HEAD') response.end();
    else if (isFile) response.write('se', () => asked.emit('file', response));
    else response.end(JSON.stringify({ items: [{ ...entry, type: 'file' }] }));
  }).listen(0, '127.0.0.1');
  await once(stalling, 'listening');
  const url = `http://127.0.0.1:${(stalling.address() as AddressInfo).port}`;
  const waiting = once(asked, 'file');
  const result = runCli(['get', '-r', '-p', '/p', 'private'], { cwd: here('.'), env: { CALLFS_URL: url, CALLFS_API_KEY: 'k' } });
  const [response] = (await waiting) as [ServerResponse];
  const part = await firstIn(here('private'));

  const modes = [here('private'), join(here('private'), part)].map(async (path) => (await stat(path)).mode & 0o7777);
  expect(await Promise.all(modes)).toEqual([0o700, 0o600]);

  response.end('et');
  expect(await result).toMatchObject({ code: 0 });
  stalling.close();
  const after = [here('private'), here('private/f')].map(async (path) => (await stat(path)).mode & 0o7777);
  expect(await Promise.all(after)).toEqual([0o750, 0o640]);
});

it('export writes its archive through no file that somebody has put beside it', async () => {
  const base = await freshDirectory(server.client());
  await must(server.client().put(`${base}/t/f`, 'new'));
  await writeFile(here('mine'), 'mine');
  await symlink(here('mine'), here('t.tar.part'));
  expect(
    await runCli(['export', 't.tar', `${base}/t`], { cwd: here('.'), env: { CALLFS_URL: server.url, CALLFS_API_KEY: ROOT_KEY } }),
  ).toMatchObject({ code: 0 });
  expect(await readFile(here('mine'), 'utf8')).toBe('mine');
  expect((await lstat(here('t.tar.part'))).isSymbolicLink()).toBe(true);
  expect((await readdir(here('.'))).filter((name) => name.startsWith('t.tar')).sort()).toEqual(['t.tar', 't.tar.part']);
});

it('put reads through no link that a file has become since it was listed', async () => {
  await mkdir(here('swapped'));
  await writeFile(here('swapped/f'), 'mine');
  await writeFile(here('theirs'), 'theirs');
  const source = new LocalSource(here('swapped'));
  const found: TreeEntry[] = [];
  for await (const entry of source.entries(() => undefined)) found.push(entry);
  await rm(here('swapped/f'));
  await symlink(here('theirs'), here('swapped/f'));
  await expect(source.open(found[1] as TreeEntry)).rejects.toMatchObject({ code: 'ELOOP' });
});

it('put of a file that became shorter since it was listed fails at once, and not when the server has waited', async () => {
  await writeFile(here('shrinks'), 'short');
  const source = new LocalSource(here('shrinks'));
  const { value: entry } = await source.entries(() => undefined).next();
  const read = async (size: number) => text(await source.open({ ...(entry as TreeEntry), size }));
  // In one piece, and as a stream.
  for (const size of [10, 1_000_000]) await expect(read(size)).rejects.toThrow('it became shorter');
  expect(await read(5)).toBe('short');
});
