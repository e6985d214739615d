import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../support/fixture';

import { ROOT_KEY } from '../support/server';
import { SmallDisk } from '../support/small-disk';
import { useServer } from '../support/use-server';
import { runCli, startCli, useDirectory } from './run-cli';

const CLI = join(__dirname, '../../callfs');
const server = useServer();
const directory = useDirectory();

const env = () => ({ CALLFS_URL: server.url, CALLFS_API_KEY: ROOT_KEY });

beforeAll(async () => {
  await must(server.client().put('/large/file', randomBytes(4_000_000)));
});

describe('output that nobody takes any more', () => {
  it.each([['cat', '/large/file'], ['export', '-', '/large'], ['audit', '--json'], ['help']])(
    '%s … ends without a word: 1',
    async (...args) => {
      const child = spawn(process.execPath, [CLI, ...args], {
        cwd: directory.path,
        env: { PATH: process.env['PATH'], ...env() },
      });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      child.stdout.destroy();
      const [code] = (await once(child, 'close')) as [number];
      expect({ code, said }).toEqual({ code: 1, said: '' });
    },
  );

  it.each(['export - /large', 'users list', 'ls'])('%s to a full disk says so in one line: 1', async (command) => {
    const script = `exec "$NODE" "$CLI" ${command} > /dev/full`;
    const child = spawn('sh', ['-c', script], {
      cwd: directory.path,
      env: { PATH: process.env['PATH'], NODE: process.execPath, CLI, ...env() },
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, said }).toEqual({ code: 1, said: 'callfs: ENOSPC: no space left on device, write\n' });
  });
});

describe('S3 a full disk', () => {
  let disk: SmallDisk;
  beforeAll(() => {
    disk = SmallDisk.mount(1 << 20);
  });
  afterAll(() => disk.unmount());

  it.each(['tree.tar', 'tree.tar.gz'])('export to %s says so and leaves nothing: 1', async (name) => {
    const result = await runCli(['export', join(disk.path, name), '/large'], { cwd: directory.path, env: env() });
    expect(result).toEqual({ code: 1, stdout: '', stderr: 'callfs: ENOSPC: no space left on device, write\n' });
    expect(await readdir(disk.path)).toEqual([]);
  });
});

describe('a signal in the middle of a file', () => {
  it.each([
    ['SIGINT', 'get', ['get', '/large/file', 'stopped-get/']],
    ['SIGTERM', 'export', ['export', 'stopped-export/tree.tar', '/large/file']],
  ] as const)('%s: %s leaves no part of it', async (signal, name, args) => {
    const place = join(directory.path, `stopped-${name}`);
    await mkdir(place);
    const asked = new EventEmitter();
    const stalling = createServer((request, response) => {
      response.writeHead(200, { 'X-CallFS-Type': 'file', 'X-CallFS-Size': 4, 'X-CallFS-Mode': '0644', 'Content-Length': 4 });
      if (request.method === 'HEAD') response.end();
      else response.write('se', () => asked.emit('file'));
    }).listen(0, '127.0.0.1');
    await once(stalling, 'listening');
    const url = `http://127.0.0.1:${(stalling.address() as AddressInfo).port}`;
    const waiting = once(asked, 'file');
    const running = await startCli(args, { cwd: directory.path, env: { CALLFS_URL: url, CALLFS_API_KEY: 'k' } }, /^/);
    await waiting;
    while ((await readdir(place)).length === 0);

    running.kill(signal);

    expect(await running.exit).toBe(signal);
    expect(await readdir(place)).toEqual([]);
    stalling.closeAllConnections();
    stalling.close();
  });
});
