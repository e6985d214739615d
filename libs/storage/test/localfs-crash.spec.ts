import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { newStorageKey } from '@callfs/core';
import type { LocalfsProvider } from '@callfs/storage';
import { describe, expect, it } from 'vitest';
import { requireTool } from '../../../test/support/engines';
import { collect, failureOf } from '../src/testing/bodies';
import { blobPath, filesBelow, freshRoot, onCleanUp, openAt } from './localfs-root';

const CHILD = join(__dirname, 'localfs-child.mjs');
const SIZE = 200_000;

type Step = 'open' | 'staged' | 'written' | 'settled';

async function childAt(root: string, step: Step, key = newStorageKey()): Promise<ChildProcess> {
  const child = spawn(process.execPath, [CHILD, root, step, key, String(SIZE)], { stdio: ['pipe', 'pipe', 'inherit'] });
  onCleanUp(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function keysOf(keys: AsyncIterable<string> | undefined): Promise<string[]> {
  const found: string[] = [];
  for await (const key of keys ?? []) found.push(key);
  return found;
}

async function listed(provider: LocalfsProvider): Promise<string[]> {
  const found: string[] = [];
  for await (const object of provider.list()) found.push(object.key);
  return found;
}

describe('after kill -9', () => {
  it('P8 a write that was not finished is gone', async () => {
    const root = freshRoot();
    const key = newStorageKey();
    const child = await childAt(root, 'staged', key);
    expect(existsSync(join(root, 'staging', key))).toBe(true);
    await kill(child);
    const provider = await openAt(root);
    expect(filesBelow(root)).toEqual([]);
    expect(await keysOf(provider.unsettled())).toEqual([]);
  });

  it('P1 a write that was finished is there, and known as unsettled until it is settled', async () => {
    const root = freshRoot();
    const key = newStorageKey();
    await kill(await childAt(root, 'written', key));
    const provider = await openAt(root);
    expect(await keysOf(provider.unsettled())).toEqual([key]);
    expect((await collect(await provider.read(key))).equals(Buffer.alloc(SIZE, 7))).toBe(true);
    await provider.settle(key);
    await provider.close();
    const again = await openAt(root);
    expect(await keysOf(again.unsettled())).toEqual([]);
    expect(await listed(again)).toEqual([key]);
  });

  it('an unsettled write can be deleted', async () => {
    const root = freshRoot();
    const key = newStorageKey();
    await kill(await childAt(root, 'written', key));
    const provider = await openAt(root);
    await provider.delete(key);
    expect(filesBelow(root)).toEqual([]);
  });

  it('a settled write needs no watching', async () => {
    const root = freshRoot();
    const key = newStorageKey();
    await kill(await childAt(root, 'settled', key));
    const provider = await openAt(root);
    expect(await keysOf(provider.unsettled())).toEqual([]);
    expect(await listed(provider)).toEqual([key]);
  });
});

describe('a root belongs to one process', () => {
  it('a second one is told whose it is, and has it when the first was killed', async () => {
    const root = freshRoot();
    const child = await childAt(root, 'open');
    const failure = await failureOf(openAt(root));
    expect(failure).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(failure.message).toContain(`in use by process ${child.pid} on `);
    await kill(child);
    await (await openAt(root)).check();
  });

  it('a second one leaves what the first is writing', async () => {
    const root = freshRoot();
    const key = newStorageKey();
    await childAt(root, 'staged', key);
    await failureOf(openAt(root));
    expect(existsSync(join(root, 'staging', key))).toBe(true);
  });

  it('also within one process, until it is closed', async () => {
    const root = freshRoot();
    const first = await openAt(root);
    expect((await failureOf(openAt(root))).message).toContain(`process ${process.pid}`);
    expect((await failureOf(openAt(root))).message).toContain(`process ${process.pid}`);
    await first.close();
    await openAt(root);
  });

  it('is private', async () => {
    const root = join(freshRoot(), 'made', 'by', 'us');
    const provider = await openAt(root);
    const key = newStorageKey();
    await provider.write(
      key,
      (async function* () {
        yield Buffer.from('x');
      })(),
    );
    const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
    for (const directory of ['', 'blobs', 'staging', join('blobs', key.slice(0, 2))])
      expect(mode(join(root, directory))).toBe('700');
    for (const file of [blobPath(root, key), join(root, 'lock'), join(root, 'lock.owner')]) expect(mode(file)).toBe('600');
  });
});

describe('C5 the order of a durable write', () => {
  it('syncs the file, gives it its name, syncs the directory', () => {
    const root = freshRoot();
    const trace = join(freshRoot(), 'trace');
    const key = newStorageKey();
    const strace = requireTool('strace');
    const calls = '--trace=openat,fsync,fdatasync,link,linkat,rename,renameat,renameat2,exit_group';
    const command = [process.execPath, CHILD, root, 'exit', key, String(SIZE)];
    const run = spawnSync(strace, ['-f', '-y', calls, '-o', trace, ...command], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    // Where another thread comes in between, a call has two lines: its arguments are in the first alone.
    const steps = readFileSync(trace, 'utf8')
      .split('\n')
      .map((line) => {
        if (line.includes(`/staging/${key}", O_`)) return 'create';
        if (/f(data)?sync\(/.test(line) && line.includes(`/staging/${key}>`)) return 'sync file';
        if (/link(at)?\(/.test(line) && line.includes(`/blobs/${key.slice(0, 2)}/${key}"`)) return 'link';
        if (/fsync\(/.test(line) && line.includes(`/blobs/${key.slice(0, 2)}>`)) return 'sync directory';
        return '';
      })
      .filter((step) => step !== '');
    expect(steps).toEqual(['create', 'sync file', 'link', 'sync directory']);
  });
});
