import { existsSync } from 'node:fs';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { newStorageKey } from '@callfs/core';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { blobMadeBy, storedFiles } from '../support/storage-root';
import { useServer } from '../support/use-server';

const server = useServer({ config: { storage: { orphan_grace: '1s', collect_grace: '0s' } } });

/** A file among the blobs that no metadata knows, as old as is asked for. */
async function plantBlob(ageMs: number): Promise<string> {
  const key = newStorageKey();
  const path = join(server.dataDir, 'blobs', key.slice(0, 2), key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'of no use to anybody');
  const then = new Date(Date.now() - ageMs);
  await utimes(path, then, then);
  return path;
}

it('P8 P9 blobs that nothing knows are removed once they are old, and no others', async () => {
  const client = server.client();
  const content = patternBytes(1, 300_000);
  await must(client.put('/kept', content));
  const [orphan, young] = await Promise.all([plantBlob(60_000), plantBlob(-3_600_000)]);
  await expect.poll(() => existsSync(orphan), { timeout: 60_000, interval: 50 }).toBe(false);
  expect(existsSync(young)).toBe(true);
  expect(sha256((await must(client.get('/kept'))).body)).toBe(sha256(content));
  expect((await storedFiles(server.dataDir)).blobs).toHaveLength(2);
  const metrics = (await client.request('GET', '/metrics')).text;
  expect(metrics).toContain('callfs_orphaned_blobs_total{backend_type="localfs"} 1');
  expect(metrics).toContain('callfs_storage_bytes{backend_type="blobs",state="content"} 300000');
});

it('a blob that cannot be deleted keeps no others from it', async () => {
  const client = server.client();
  const stuck = await blobMadeBy(server.dataDir, () => must(client.put('/stuck', patternBytes(2, 100_000))));
  const other = await blobMadeBy(server.dataDir, () => must(client.put('/other', patternBytes(3, 100_000))));
  await rm(stuck);
  await mkdir(stuck);
  const from = server.output.length;
  await must(client.delete('/stuck'));
  await server.waitFor(/collecting garbage failed/, from);
  await must(client.delete('/other'));
  await expect.poll(() => existsSync(other), { timeout: 60_000, interval: 50 }).toBe(false);
  await rm(stuck, { recursive: true });
});

it('where most blobs belong to nothing the metadata may be the wrong one: none is removed until the operator says so', async () => {
  const from = server.output.length;
  await server.stop();
  const planted = await Promise.all(Array.from({ length: 30 }, () => plantBlob(60_000)));
  await server.start();
  await server.waitFor(/30 blobs in localfs belong to nothing that this metadata knows/, from);
  expect(planted.filter((path) => existsSync(path))).toHaveLength(30);

  await must(server.client().request('POST', '/v1/admin/gc'));
  expect(planted.filter((path) => existsSync(path))).toEqual([]);
});
