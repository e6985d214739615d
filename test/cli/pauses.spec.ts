import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';
import { useDirectory } from './run-cli';

const CLI = join(__dirname, '../../callfs');
/** Shorter than the source is silent below. */
const server = useServer({ config: { server: { read_timeout: '6s' } } });
const directory = useDirectory();

it.concurrent.each([
  ['before its first byte', 0],
  ['after a few bytes', 5],
  ['in the middle', 300_000],
])('put takes standard input that pauses for longer than the server waits, %s', async (_, before) => {
  const path = `/paused-${before}`;
  const env = { PATH: process.env['PATH'], CALLFS_URL: server.url, CALLFS_API_KEY: ROOT_KEY };
  const child = spawn(process.execPath, [CLI, 'put', '-', path], { cwd: directory.path, env });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stdin.write(Buffer.alloc(before, 'a'));

  await pause(9_000);
  child.stdin.end('late');

  const [code] = (await once(child, 'close')) as [number];
  expect({ code, said }).toMatchObject({ code: 0 });
  expect((await server.client().get(path)).text).toBe(`${'a'.repeat(before)}late`);
});
