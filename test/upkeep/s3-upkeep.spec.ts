import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newStorageKey } from '@callfs/core';
import { must } from '../support/fixture';
import { Random, sha256 } from '../support/random';
import { TestBucket } from '../support/s3-bucket';
import { startServer, type TestServer } from '../support/server';
import { blobMadeBy, storedFiles } from '../support/storage-root';
import { flipByte } from './flip-byte';
import { findings, summary } from './events';

let bucket: TestBucket;
let server: TestServer;

beforeAll(async () => {
  bucket = await TestBucket.start();
  const { bucketName, endpoint, region, accessKey, secretKey } = bucket.options();
  const s3 = { bucket_name: bucketName, endpoint, region, access_key: accessKey, secret_key: secretKey };
  const storage = { orphan_grace: '3s', collect_grace: '0s' };
  server = await startServer({ config: { backend: { default_backend: 's3', s3 }, storage } });
});

afterAll(async () => {
  await server?.stop();
  await server?.remove();
  await bucket?.stop();
});

it('N4 nothing is left: objects that no metadata knows go once they are old, and those of files stay', async () => {
  const client = server.client();
  const content = new Random(1).bytes(9_000_000);
  await must(client.put('/kept', content));
  await must(client.put('/removed', new Random(2).bytes(100_000)));
  const blobs = await bucket.blobs();
  expect(blobs).toHaveLength(2);
  await must(client.delete('/removed'));
  const orphan = newStorageKey();
  await bucket.plant(orphan, Buffer.from('what a node that died has left'));
  await expect.poll(() => bucket.blobs(), { timeout: 60_000, interval: 200 }).toHaveLength(1);
  expect(blobs).toEqual(expect.arrayContaining(await bucket.blobs()));
  expect(sha256((await must(client.get('/kept'))).body)).toBe(sha256(content));
  expect(await summary(client, 'GET', '/v1/admin/fsck?verify_content=true')).toMatchObject({ findings: 0, blobs: 1 });
});

it('C6 a flipped byte in the bucket is found, and the object is kept', async () => {
  const client = server.client();
  const [key = ''] = await bucket.blobs();
  await bucket.tamper(key, (bytes) =>
    Buffer.concat([bytes.subarray(0, 5), Buffer.from([(bytes[5] ?? 0) ^ 1]), bytes.subarray(6)]),
  );
  expect(await findings(client, 'GET', '/v1/admin/fsck')).toEqual([]);
  const found = await findings(client, 'POST', '/v1/admin/fsck?verify_content=true');
  expect(found).toMatchObject([{ kind: 'blob_damaged', state: 'kept', backend: 's3', instance_id: '', key, paths: ['/kept'] }]);
  expect(await bucket.blobs()).toEqual([key]);
});

it.each([
  ['scrub', '/v1/admin/scrub'],
  ['fsck', '/v1/admin/fsck?verify_content=true'],
])('C6 a damaged blob is made anew by %s where another has the content', async (name, target) => {
  const client = server.client();
  const content = new Random(3).bytes(300_000);
  await must(client.put(`/twice-${name}`, content));
  await server.restart({ CALLFS_BACKEND_DEFAULT_BACKEND: 'localfs' });
  const blob = await blobMadeBy(server.dataDir, () => must(client.put(`/${name}`, content)));
  await server.stop();
  // As replication would have it: one content, a blob on the disk and one in the bucket.
  const database = new Database(join(server.dir, 'metadata.sqlite'));
  const contentOf = (file: string) =>
    database.prepare(`SELECT content_id FROM inode JOIN dentry ON inode_id = id WHERE name = ?`).pluck().get(file) as number;
  database.prepare('UPDATE replica SET content_id = ? WHERE content_id = ?').run(contentOf(name), contentOf(`twice-${name}`));
  database.prepare('UPDATE inode SET content_id = ? WHERE content_id = ?').run(contentOf(name), contentOf(`twice-${name}`));
  database.close();
  await flipByte(blob, 100_000);
  await server.start();

  const key = blob.slice(-32);
  const found = (await findings(client, 'POST', target)).filter(({ key: its }) => its === key);
  expect(found).toMatchObject([{ kind: 'blob_damaged', state: 'repaired', backend: 'localfs', key }]);
  expect(sha256((await must(client.get(`/${name}`))).body)).toBe(sha256(content));
  await expect.poll(async () => (await storedFiles(server.dataDir)).blobs.join(), { timeout: 60_000 }).not.toContain(key);
  const { blobs } = await storedFiles(server.dataDir);
  expect(blobs).not.toEqual([]);
  const left = await findings(client, 'GET', '/v1/admin/fsck?verify_content=true');
  expect(left.filter(({ backend }) => backend === 'localfs')).toEqual([]);
});
