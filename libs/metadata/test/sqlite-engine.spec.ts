import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import Database from 'better-sqlite3';
import { openSqliteStore, type SqliteMetadataStore, type SqliteStoreOptions } from '@callfs/metadata';
import { afterEach, describe, expect, it } from 'vitest';
import { SmallDisk } from '../../../test/support/small-disk';
import {
  authorised,
  inline,
  makeDirectory,
  makeFile,
  makeFiles,
  namesIn,
  read,
  ROOT_OWNED,
  target,
} from '../src/testing/tree-builder';

const WRITING_PROCESS = join(__dirname, 'support', 'writing-process.mjs');
const stores: SqliteMetadataStore[] = [];
const children: ChildProcessByStdio<null, Readable, Readable>[] = [];
const directories: string[] = [];

function freshPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'callfs-sqlite-'));
  directories.push(directory);
  return join(directory, 'metadata.db');
}

async function open(path: string, options: Partial<SqliteStoreOptions> = {}): Promise<SqliteMetadataStore> {
  const store = await openSqliteStore({ path, durability: 'relaxed', ...options });
  stores.push(store);
  return store;
}

/** A process that writes to the file, and the names it has told of so far. */
async function startWriting(path: string): Promise<{ child: (typeof children)[number]; acknowledged: () => string[] }> {
  const child = spawn(process.execPath, [WRITING_PROCESS, path], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  while (out.split('\n').length < 150) {
    if (child.exitCode !== null) throw new Error(`the writing process ended: ${err}`);
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  }
  return { child, acknowledged: () => out.split('\n').slice(1, -1) };
}

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(stores.splice(0).map((store) => store.close()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

describe('the claim on the file', () => {
  it('refuses a second opener in this process, and lets go with close', async () => {
    const path = freshPath();
    const first = await open(path);
    await expect(openSqliteStore({ path })).rejects.toMatchObject({
      code: 'METADATA_UNAVAILABLE',
      message: expect.stringContaining(String(process.pid)) as string,
    });
    await makeFile(first, ['still']);
    await first.close();
    expect(await namesIn(await open(path))).toEqual(['still']);
  });

  it('refuses a file that another process has, names that process, and survives its kill -9', async () => {
    const path = freshPath();
    const { child } = await startWriting(path);
    await expect(openSqliteStore({ path })).rejects.toMatchObject({
      code: 'METADATA_UNAVAILABLE',
      message: expect.stringContaining(String(child.pid)) as string,
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await open(path);
  });
});

it('P1: kill -9 right after acknowledged commits loses none of them', async () => {
  for (let round = 0; round < 3; round++) {
    const path = freshPath();
    const { child, acknowledged } = await startWriting(path);
    child.kill('SIGKILL');
    await once(child, 'close');
    const names = acknowledged();
    expect(names.length).toBeGreaterThan(100);
    const store = await open(path);
    for (const name of names) expect(await read(store, name)).toBe(name.repeat(100));
    expect(await store.statistics()).toMatchObject({ files: (await namesIn(store)).length });
  }
});

it('refuses a schema that is newer than the program', async () => {
  const path = freshPath();
  await (await open(path)).close();
  stores.splice(0);
  const raw = new Database(path);
  raw.exec("INSERT INTO migrations (timestamp, name) VALUES (9999999999999, 'FromTheFuture9999999999999')");
  raw.close();
  await expect(openSqliteStore({ path })).rejects.toMatchObject({
    code: 'METADATA_UNAVAILABLE',
    message: expect.stringContaining('FromTheFuture9999999999999') as string,
  });
  await expect(openSqliteStore({ path })).rejects.toMatchObject({ message: expect.stringContaining('newer') as string });
});

it('refuses what is no database, and a directory that cannot be', async () => {
  const path = freshPath();
  writeFileSync(path, 'this is no database, however long it may be, and nobody should write to it');
  await expect(openSqliteStore({ path })).rejects.toMatchObject({ code: 'METADATA_UNAVAILABLE' });
  await expect(openSqliteStore({ path: join(path, 'below-a-file', 'metadata.db') })).rejects.toMatchObject({
    code: 'METADATA_UNAVAILABLE',
  });
});

it('makes files that nobody else can read', async () => {
  const path = freshPath();
  const store = await open(path);
  await makeFile(store, ['f']);
  const modes = readdirSync(join(path, '..')).map((name) => [name, statSync(join(path, '..', name)).mode & 0o077]);
  expect(modes.filter(([, mode]) => mode !== 0)).toEqual([]);
});

it('commits what comes together together', async () => {
  const store = await open(freshPath(), { durability: 'full' });
  const before = store.commits;
  await makeFiles(
    store,
    [],
    Array.from({ length: 500 }, (_, index) => `f${index}`),
  );
  expect(store.commits - before).toBeLessThan(50);
  for (let index = 0; index < 5; index++) await makeFile(store, [`alone${index}`]);
  expect(await namesIn(store)).toHaveLength(505);
});

it('fails what was under way when the writer dies, and goes on with another', async () => {
  const store = await open(freshPath());
  await makeFile(store, ['before']);
  const at = { directory: await authorised(store), missing: [] };
  const { worker } = (store as unknown as { writer: { worker: { terminate(): Promise<number> } } }).writer;
  const pending = store.createFile({ ...at, name: 'during' }, ROOT_OWNED, inline('x'), null);
  const failed = expect(pending).rejects.toMatchObject({ code: 'METADATA_UNAVAILABLE' });
  await worker.terminate();
  await failed;
  // Not one after the other: for a moment there is none.
  await expect(store.ping()).rejects.toMatchObject({ code: 'METADATA_UNAVAILABLE' });
  expect(await read(store, 'before')).toBe('text');
  await expect
    .poll(
      () =>
        store.ping().then(
          () => 'alive',
          () => 'dead',
        ),
      { timeout: 60_000 },
    )
    .toBe('alive');
  await makeFile(store, ['after']);
  expect(await namesIn(store)).toEqual(['after', 'before']);
});

it('fails a call alone whose arguments cannot be sent to the writer', async () => {
  const store = await open(freshPath());
  const at = { directory: await authorised(store), missing: [] };
  const odd = { ...ROOT_OWNED, hidden: () => undefined };
  const [good, bad] = await Promise.allSettled([
    store.createFile({ ...at, name: 'good' }, ROOT_OWNED, inline('x'), null),
    store.createFile({ ...at, name: 'bad' }, odd, inline('x'), null),
  ]);
  expect([good.status, bad.status]).toEqual(['fulfilled', 'rejected']);
  expect(await namesIn(store)).toEqual(['good']);
});

it('answers METADATA_UNAVAILABLE once it is closed', async () => {
  const store = await open(freshPath());
  const at = await target(store);
  await store.close();
  await store.close();
  const calls = [store.resolve([]), store.ping(), store.statistics(), store.setAttributes(at, { mode: 0 }), store.nextFence()];
  for (const result of await Promise.allSettled(calls))
    expect(result).toMatchObject({ reason: { code: 'METADATA_UNAVAILABLE' } });
});

it('tells an observer of every kind of call', async () => {
  const seen = new Map<string, number>();
  const store = await open(freshPath(), { observe: (operation, seconds) => seen.set(operation, seconds) });
  await makeFile(store, ['f']);
  await store.list({ directory: 1, sort: 'size', order: 'asc', limit: 1 });
  expect([...seen.keys()].sort()).toEqual(['createFile', 'list', 'resolve']);
  expect([...seen.values()].every((seconds) => seconds >= 0 && seconds < 30)).toBe(true);
});

it('D6: sorts a directory of 50,000 by size without keeping others waiting', async () => {
  const store = await open(freshPath());
  await makeDirectory(store, ['d']);
  for (let part = 0; part < 10; part++)
    await makeFiles(
      store,
      ['d'],
      Array.from({ length: 5000 }, (_, index) => `f${part}-${index}`),
    );
  const directory = (await store.resolve(['d'])).inodes[1]!.id;
  await store.list({ directory: 1, sort: 'size', order: 'asc', limit: 1 });
  const before = performance.eventLoopUtilization();
  const page = await store.list({ directory, sort: 'size', order: 'desc', limit: 100 });
  // Of the time that it took, whatever else the machine did.
  const { utilization } = performance.eventLoopUtilization(before);
  expect(page).toHaveLength(100);
  expect(utilization).toBeLessThan(0.5);
});

describe.runIf(process.getuid?.() === 0)('S3: a full disk', () => {
  it('is INSUFFICIENT_STORAGE for what does not fit and for nothing else, and over once there is space', async () => {
    const disk = SmallDisk.mount(8 * 2 ** 20);
    try {
      const store = await openSqliteStore({ path: join(disk.path, 'metadata.db') });
      await makeFile(store, ['before']);
      const at = { directory: await authorised(store), missing: [] };
      const big = inline('x'.repeat(16_384));
      let refused: unknown;
      for (let index = 0; index < 2000 && !refused; index++)
        await store.createFile({ ...at, name: `f${index}` }, ROOT_OWNED, big, null).catch((error: unknown) => (refused = error));
      expect(refused).toMatchObject({ code: 'INSUFFICIENT_STORAGE' });
      expect(await read(store, 'before')).toBe('text');
      const { files } = await store.statistics();
      expect(files).toBe((await namesIn(store)).length);
      await store.close();
    } finally {
      disk.unmount();
    }
  });
});
