import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../cli/run-cli';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { TestBucket } from '../support/s3-bucket';
import { startServer, type TestServer } from '../support/server';
import { storedFiles } from '../support/storage-root';
import { findings } from '../upkeep/events';

/** `storage.replicas: 2` of one node alone: on its disk and in the bucket, wherever content goes first. */
let bucket: TestBucket;
let server: TestServer;

beforeAll(async () => {
  bucket = await TestBucket.start();
  const { bucketName, endpoint, region, accessKey, secretKey } = bucket.options();
  const s3 = { bucket_name: bucketName, endpoint, region, access_key: accessKey, secret_key: secretKey };
  const storage = { replicas: 2, replica_grace: '1s', collect_grace: '0s' };
  server = await startServer({ config: { backend: { s3 }, storage } });
});
afterAll(async () => {
  await server?.stop();
  await server?.remove();
  await bucket?.stop();
});

const blobs = async (): Promise<number[]> => [(await storedFiles(server.dataDir)).blobs.length, (await bucket.blobs()).length];

it.each(['localfs', 's3'])('content that goes to %s is at the other place as well', async (backend) => {
  await server.restart({ CALLFS_BACKEND_DEFAULT_BACKEND: backend });
  const before = await blobs();
  const content = patternBytes(1, 300_000);
  await must(server.client().put(`/on-${backend}`, content));
  expect(await blobs()).toEqual(before.map((count) => count + 1));
  expect((await server.client().head(`/on-${backend}`)).header('x-callfs-backend-type')).toBe(backend);
  expect(sha256((await server.client().get(`/on-${backend}`)).body)).toBe(sha256(content));
  await expect.poll(async () => (await storedFiles(server.dataDir)).staging, { timeout: 60_000 }).toEqual([]);
});

it('C6 what the disk has lost is read from the bucket and made anew: at once what a reader meets, by fsck the rest', async () => {
  for (const blob of (await storedFiles(server.dataDir)).blobs) await rm(join(server.dataDir, 'blobs', blob));
  expect(sha256((await must(server.client().get('/on-localfs'))).body)).toBe(sha256(patternBytes(1, 300_000)));
  await expect.poll(blobs, { timeout: 60_000, interval: 100 }).toEqual([1, 2]);
  const found = await findings(server.client(), 'POST', '/v1/admin/fsck');
  expect(found.map(({ kind, state }) => `${kind} ${state}`)).toEqual(['blob_missing repaired']);
  expect(await blobs()).toEqual([2, 2]);
});

it('P1 fsck makes nothing anew in a root that is empty because its disk is not mounted', async () => {
  await server.stop();
  const disk = `${server.dataDir}-unmounted`;
  await rename(server.dataDir, disk);
  await mkdir(server.dataDir);
  const { code, stdout, stderr } = await runCli(['fsck', '--offline', '--repair', '--config', server.configFile], {
    cwd: server.dir,
  });
  expect(code).toBe(1);
  expect(stdout.match(/^kept +blob_missing/gm)).toHaveLength(2);
  expect(stderr.match(/Is its disk mounted, and is it the right one\?/g)).toHaveLength(1);
  await rm(server.dataDir, { recursive: true });
  await rename(disk, server.dataDir);
  await server.start();
  expect(await findings(server.client(), 'GET', '/v1/admin/fsck?verify_content=true')).toEqual([]);
});

it('a content that has one blob alone gets the other in the background', async () => {
  await server.restart({ CALLFS_STORAGE_REPLICAS: '1', CALLFS_BACKEND_DEFAULT_BACKEND: 'localfs' });
  await must(server.client().put('/single', patternBytes(2, 200_000)));
  await server.restart();
  await expect.poll(blobs, { timeout: 60_000, interval: 100 }).toEqual([3, 3]);
});
