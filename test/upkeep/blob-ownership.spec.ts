import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newStorageKey } from '@callfs/core';
import { runCli, type CliResult } from '../cli/run-cli';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { TestBucket } from '../support/s3-bucket';
import { prepareServer, ROOT_KEY, startServer, type ConfigTree, type TestServer } from '../support/server';
import { storedFiles } from '../support/storage-root';
import { begun, send, TUS } from '../uploads/tus-client';
import { findings, lines, summary } from './events';

/** Everything that a node may remove, it removes at once. */
const AT_ONCE: ConfigTree = { storage: { orphan_grace: '1s', collect_grace: '0s' } };
const SHARED = /The blobs in (localfs|s3) are not this metadata store's alone/;
const UNCLAIMED = /Nobody has claimed the blobs in localfs/;

const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0).reverse()) await server.remove();
});

async function launch(config: ConfigTree = {}): Promise<TestServer> {
  const server = await startServer({ config: { ...AT_ONCE, ...config } });
  servers.push(server);
  return server;
}

/** A node with metadata of its own on the root of another. */
const launchOn = (other: TestServer) => launch({ backend: { localfs_root_path: other.dataDir } });

async function store(server: TestServer, names: readonly string[]): Promise<void> {
  for (const name of names) await must(server.client().put(`/${name}`, patternBytes(name.length, 100_000)));
}

async function expectStored(server: TestServer, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { body } = await must(server.client().get(`/${name}`));
    expect([name, sha256(body)]).toEqual([name, sha256(patternBytes(name.length, 100_000))]);
  }
}

/** Blobs whose grace is over, whatever it was. */
async function age(dataDir: string): Promise<string[]> {
  const { blobs } = await storedFiles(dataDir);
  const then = new Date(Date.now() - 60_000);
  for (const blob of blobs) await utimes(join(dataDir, 'blobs', blob), then, then);
  return [...blobs];
}

/** A blob that no metadata knows goes. */
async function expectSwept(server: TestServer, dataDir = server.dataDir): Promise<void> {
  const key = newStorageKey();
  const path = join(dataDir, 'blobs', key.slice(0, 2), key);
  await writeFile(path, 'of no use to anybody');
  const then = new Date(Date.now() - 60_000);
  await utimes(path, then, then);
  await expect.poll(() => existsSync(path), { timeout: 60_000, interval: 50 }).toBe(false);
}

/** Two more sweeps have asked whose the blobs are. */
async function sweptTwice(server: TestServer): Promise<void> {
  const asked = async () => {
    const { text } = await server.client().request('GET', '/metrics');
    return Number(/^callfs_metadata_db_queries_total\{operation="store"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  };
  const before = await asked();
  await expect.poll(asked, { timeout: 60_000, interval: 100 }).toBeGreaterThan(before + 6);
}

const gc = (server: TestServer, args: string, ...more: string[]): Promise<CliResult> =>
  runCli([...`gc ${args}`.trim().split(' '), '--config', server.configFile, ...more], {
    cwd: server.dir,
    env: { CALLFS_URL: server.url, CALLFS_API_KEY: ROOT_KEY },
  });

describe('P1 P9 two metadata stores, one after the other, on one root', () => {
  it('remove nothing of each other: no sweep, no recovery, no gc, no repair', async () => {
    const first = await launch();
    await store(first, ['a', 'bb']);
    await first.restart({ CALLFS_DEBUG_PAUSE_AT: 'before-answer' });
    // Committed, and not yet settled when the node dies.
    const said = first.output.length;
    const unanswered = store(first, ['ccc']).catch(() => undefined);
    await first.waitFor(/^paused before-answer$/m, said);
    await first.kill();
    await unanswered;
    const blobs = await age(first.dataDir);
    expect(blobs).toHaveLength(3);

    const second = await launchOn(first);
    await second.waitFor(SHARED);
    await second.waitFor(/left 1 alone that are unknown here/);
    expect(await readFile(join(first.dataDir, 'store-id'), 'utf8')).toMatch(/^[0-9a-f]{32}\n/);
    await store(second, ['own', 'own-2']);
    await must(second.client().delete('/own-2'));
    // What it has removed itself goes all the same.
    await expect.poll(async () => (await storedFiles(first.dataDir)).blobs.length, { timeout: 60_000 }).toBe(4);
    await age(first.dataDir);
    await sweptTwice(second);
    const failed = { event: 'failed', backend: 'localfs', message: expect.stringMatching(SHARED) as string };
    expect(await lines(second.client(), 'POST', '/v1/admin/gc')).toContainEqual(failed);
    expect(await lines(second.client(), 'POST', '/v1/admin/fsck')).toContainEqual({ ...failed, instance_id: 'callfs-test' });
    expect(await findings(second.client(), 'GET', '/v1/admin/fsck')).toEqual([]);
    await second.stop();
    const offline = await gc(second, '--yes', '--offline');
    expect(offline).toMatchObject({ code: 3, stderr: expect.stringMatching(SHARED) as string });
    expect((await storedFiles(first.dataDir)).blobs).toEqual(expect.arrayContaining(blobs));

    await first.start();
    await first.waitFor(SHARED, said);
    await sweptTwice(first);
    await expectStored(first, ['a', 'bb', 'ccc']);
    expect((await storedFiles(first.dataDir)).blobs).toHaveLength(4);
  });

  it('gc --adopt shows what is of nobody once the other store is gone for good, and with --yes removes it', async () => {
    const first = await launch();
    await store(first, ['a', 'bb']);
    await first.stop();
    const blobs = await age(first.dataDir);
    const second = await launchOn(first);
    await store(second, ['own']);

    const refused = await gc(second, '');
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('callfs gc --adopt localfs') as string });
    const shown = await gc(second, '--adopt localfs');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toMatch(
      /^localfs, shared with the metadata store [0-9a-f]{32}, would be, with --yes, this metadata store's alone$/m,
    );
    for (const blob of blobs) expect(shown.stdout).toContain(`orphan        localfs  ${blob.slice(3)}`);
    expect(shown.stdout).toMatch(/^to be freed: 2 blobs/m);
    expect(await lines(second.client(), 'GET', '/v1/admin/gc')).toContainEqual(expect.objectContaining({ event: 'failed' }));

    expect((await gc(second, '--adopt localfs --yes')).stdout).toMatch(/is this metadata store's alone\n[^]*^freed: 2 blobs/m);
    expect((await storedFiles(first.dataDir)).blobs).toHaveLength(1);
    expect(await gc(second, '')).toMatchObject({ code: 0, stderr: '' });
    expect(await summary(second.client(), 'GET', '/v1/admin/fsck?verify_content=true')).toMatchObject({
      findings: 0,
      complete: true,
    });
    await expectSwept(second, first.dataDir);
    await expectStored(second, ['own']);
    expect((await gc(second, '--adopt s3')).code).toBe(3);
    expect((await gc(second, '--adopt other')).code).toBe(2);
  });
});

describe('a root', () => {
  it('bears no trace of who only looked in, and is claimed by metadata that knows what an earlier version has filled it with', async () => {
    const first = await launch();
    await store(first, ['a', 'bb']);
    await first.stop();
    const second = await launchOn(first);
    await second.waitFor(SHARED);
    await second.stop();
    expect((await gc(second, '--offline')).code).toBe(3);

    const mark = join(first.dataDir, 'store-id');
    for (const isNew of [false, true]) {
      if (isNew) await rm(mark);
      const from = first.output.length;
      await first.start();
      expect((await stat(mark)).mode & 0o777).toBe(0o600);
      await expectSwept(first);
      await expectStored(first, ['a', 'bb']);
      expect(first.output.slice(from)).not.toMatch(SHARED);
      await first.stop();
    }
  });

  it('whose mark cannot be read keeps what is unknown, and serves', async () => {
    const server = await launch();
    await store(server, ['a']);
    await server.stop();
    const mark = join(server.dataDir, 'store-id');
    // S1: a link is not followed, even to the right mark.
    await rename(mark, join(server.dir, 'elsewhere'));
    await symlink(join(server.dir, 'elsewhere'), mark);
    const from = server.output.length;
    await server.start();
    await server.waitFor(/Which metadata stores have their blobs in localfs cannot be read/, from);
    const [blob = ''] = (await storedFiles(server.dataDir)).blobs;
    const planted = join(server.dataDir, 'blobs', '00', '0'.repeat(32));
    await copyFile(join(server.dataDir, 'blobs', blob), planted);
    await age(server.dataDir);
    await store(server, ['bb']);
    await sweptTwice(server);
    expect(existsSync(planted)).toBe(true);
    await expectStored(server, ['a', 'bb']);
  });

  it('without a mark is not claimed by metadata that does not know what is there', async () => {
    const first = await launch();
    await store(first, ['a', 'bb']);
    await first.stop();
    await rm(join(first.dataDir, 'store-id'));
    await age(first.dataDir);
    const second = await launchOn(first);
    await second.waitFor(UNCLAIMED);
    await store(second, ['own']);
    await sweptTwice(second);
    expect(await lines(second.client(), 'POST', '/v1/admin/gc')).toContainEqual(
      expect.objectContaining({ event: 'failed', message: expect.stringMatching(UNCLAIMED) as string }),
    );
    await second.stop();
    await first.start();
    await expectStored(first, ['a', 'bb']);
  });
});

describe('P1 a place that is empty, though the metadata has blobs there,', () => {
  it('is not written to: the node says at its start that the disk is not mounted, and starts once it is', async () => {
    const server = await launch();
    await store(server, ['a', 'bb']);
    await server.stop();
    const disk = `${server.dataDir}-unmounted`;
    await rename(server.dataDir, disk);
    await mkdir(server.dataDir);
    for (const attempt of [1, 2]) {
      const from = server.output.length;
      await expect(server.start()).rejects.toThrow();
      expect([attempt, await server.exit()]).toEqual([attempt, 1]);
      expect(server.output.slice(from).match(/The root of localfs .* is empty, but the metadata has blobs in it/g)).toHaveLength(
        1,
      );
    }
    expect((await gc(server, '--offline --yes')).stderr).toMatch(/Is its disk mounted, and is it the right one\?/);
    expect(existsSync(join(server.dataDir, 'store-id'))).toBe(false);

    const underneath = `${server.dataDir}-underneath`;
    await rename(server.dataDir, underneath);
    await rename(disk, server.dataDir);
    await server.start();
    await expectStored(server, ['a', 'bb']);
    await server.stop();
    await rename(server.dataDir, disk);
    await rename(underneath, server.dataDir);

    expect(await gc(server, '--offline --adopt localfs --yes')).toMatchObject({ code: 0, stderr: '' });
    await server.start();
    await store(server, ['ccc']);
    await expectStored(server, ['ccc']);
    expect(await server.client().get('/a')).toMatchObject({ status: 503 });
  });
});

describe('a dump', () => {
  it('makes a copy that becomes the real one: from gc --adopt on it does not take an empty root for its own', async () => {
    const first = await launch();
    await store(first, ['a', 'bb']);
    await first.stop();
    const copy = await prepareServer({ config: AT_ONCE });
    servers.push(copy);
    await cp(first.dataDir, copy.dataDir, { recursive: true });
    const cli = (...args: string[]) => runCli(args, { cwd: copy.dir });
    expect(await cli('dump', 'dump.ndjson', '--config', first.configFile)).toMatchObject({ code: 0 });
    expect(await cli('load', '--as-copy', 'dump.ndjson', '--config', copy.configFile)).toMatchObject({ code: 0 });
    expect(await gc(copy, '--offline --adopt localfs --yes')).toMatchObject({ code: 0 });
    await copy.start();
    await expectStored(copy, ['a', 'bb']);
    await copy.stop();

    const disk = `${copy.dataDir}-unmounted`;
    await rename(copy.dataDir, disk);
    await mkdir(copy.dataDir);
    await expect(copy.start()).rejects.toThrow();
    expect(copy.output).toMatch(/The root of localfs .* is empty, but the metadata has blobs in it/);
    await rm(copy.dataDir, { recursive: true });
    await rename(disk, copy.dataDir);
    await copy.start();
    await expectStored(copy, ['a', 'bb']);
  });

  it('makes the store that owns the blobs, or a copy that deletes none of them, and no part of an upload', async () => {
    const first = await launch();
    await store(first, ['a', 'bb']);
    const upload = await begun(first.client(), 200_000, { path: '/ccc' });
    await must(send(first.client(), upload, 0, patternBytes(3, 100_000)));
    await first.stop();
    const copy = await prepareServer({ config: { ...AT_ONCE, backend: { localfs_root_path: first.dataDir } } });
    servers.push(copy);
    const cli = (...args: string[]) => runCli(args, { cwd: copy.dir });
    expect(await cli('dump', 'dump.ndjson', '--config', first.configFile)).toMatchObject({ code: 0 });
    expect(await cli('load', '--as-copy', 'dump.ndjson', '--config', copy.configFile)).toMatchObject({ code: 0 });

    await copy.start();
    await copy.waitFor(SHARED);
    await expectStored(copy, ['a', 'bb']);
    await must(copy.client().delete('/a'));
    expect(await summary(copy.client(), 'POST', '/v1/admin/gc')).toMatchObject({ blobs: 1 });
    await must(copy.client().request('DELETE', upload, { headers: TUS }));
    await copy.stop();

    // As it is before the first start of a version that writes it down.
    await rm(join(first.dataDir, 'store-id'));
    await copy.start();
    await copy.waitFor(UNCLAIMED);
    await must(copy.client().delete('/bb'));
    expect(await summary(copy.client(), 'POST', '/v1/admin/gc')).toMatchObject({ blobs: 3 });
    await copy.stop();

    for (const suffix of ['', '-wal', '-shm']) await rm(join(first.dir, `metadata.sqlite${suffix}`), { force: true });
    expect(await cli('load', 'dump.ndjson', '--config', first.configFile)).toMatchObject({ code: 0 });
    const from = first.output.length;
    await first.start();
    await expectSwept(first);
    await expectStored(first, ['a', 'bb']);
    await must(send(first.client(), upload, 100_000, patternBytes(4, 100_000)));
    const { body } = await must(first.client().get('/ccc'));
    expect(sha256(body)).toBe(sha256(Buffer.concat([patternBytes(3, 100_000), patternBytes(4, 100_000)])));
    expect(first.output.slice(from)).not.toMatch(SHARED);
  });
});

describe('P1 P9 two metadata stores at the same time in one bucket', () => {
  let bucket: TestBucket;
  beforeAll(async () => {
    bucket = await TestBucket.start();
  });
  afterAll(() => bucket?.stop());

  it('remove nothing of each other, and one of them adopts what the other has left', async () => {
    const both = await Promise.all([1, 2].map(() => prepareServer({ config: { ...AT_ONCE, ...bucket.configuration() } })));
    servers.push(...both);
    await Promise.all(both.map((server) => server.start()));
    const [first, second] = both as [TestServer, TestServer];
    await Promise.all([store(first, ['a', 'bb']), store(second, ['ccc'])]);
    expect(await bucket.blobs()).toHaveLength(3);
    await bucket.plant(newStorageKey(), Buffer.from('what a node that died has left'));
    await Promise.all(both.map((server) => server.waitFor(SHARED)));
    await Promise.all(both.map(sweptTwice));
    expect(await bucket.blobs()).toHaveLength(4);
    for (const server of both) expect((await gc(server, '--yes')).code).toBe(3);
    await Promise.all([expectStored(first, ['a', 'bb']), expectStored(second, ['ccc'])]);

    await second.stop();
    expect((await gc(first, '--adopt s3 --yes')).stdout).toMatch(/^freed: 2 blobs/m);
    expect(await bucket.blobs()).toHaveLength(2);
    await expectStored(first, ['a', 'bb']);
    await bucket.plant(newStorageKey(), Buffer.from('what a node that died has left'));
    await expect.poll(() => bucket.blobs(), { timeout: 60_000, interval: 200 }).toHaveLength(2);
  });

  it('do not write to another bucket than the one that has their blobs', async () => {
    const server = await launch({ ...bucket.configuration(), storage: { ...AT_ONCE['storage'], inline_max_bytes: 0 } });
    await must(server.client().put('/a', 'of this bucket'));
    await server.stop();
    const bucket_name = await bucket.makeBesides();
    const wrong = await prepareServer({ dir: server.dir, config: bucket.configuration({ bucket_name }) });
    await expect(wrong.start()).rejects.toThrow();
    expect(await wrong.exit()).toBe(1);
    expect(wrong.output).toMatch(
      /The bucket of s3 \(backend\.s3\.bucket_name\) is empty, but the metadata has blobs in it\. Is it the right one\?/,
    );
  });
});
