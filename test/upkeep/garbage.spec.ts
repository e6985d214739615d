import { readFileSync } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newStorageKey } from '@callfs/core';
import { freshDirectory, must } from '../support/fixture';
import { patternBytes } from '../support/random';
import { storedFiles } from '../support/storage-root';
import { useServer } from '../support/use-server';
import { lines, summary } from './events';

const server = useServer({ config: { storage: { collect_grace: '1h' } } });

it('gc tells what could be freed and changes nothing, then frees it and spares what is younger than its grace', async () => {
  const client = server.client();
  const directory = await freshDirectory(client);
  await must(client.put(`${directory}/kept`, patternBytes(1, 100_000)));
  await must(client.put(`${directory}/replaced`, patternBytes(2, 100_000)));
  await must(client.put(`${directory}/replaced`, patternBytes(3, 100_000)));
  const key = newStorageKey();
  const orphan = join(server.dataDir, 'blobs', key.slice(0, 2), key);
  // A copy of a sound blob: what was left of a write that never came to its commit.
  const [some = ''] = (await storedFiles(server.dataDir)).blobs;
  await writeFile(orphan, readFileSync(join(server.dataDir, 'blobs', some)));
  const longAgo = new Date(Date.now() - 48 * 3600_000);
  await utimes(orphan, longAgo, longAgo);
  const before = await storedFiles(server.dataDir);

  const looked = await lines(client, 'GET', '/v1/admin/gc');
  const blob = { event: 'blob', reason: 'orphan', bytes: 100_000, backend: 'localfs', instanceId: 'callfs-test', key };
  expect(looked.filter(({ event }) => event === 'blob')).toEqual([blob]);
  const found = { event: 'summary', trees: 0, blobs: 1, bytes: 100_000, waiting: 1 };
  expect(looked.at(-1)).toEqual({ ...found, removed: false });
  expect(await storedFiles(server.dataDir)).toEqual(before);
  expect(await summary(client, 'GET', '/v1/admin/gc')).toEqual({ ...found, removed: false });

  expect(await summary(client, 'POST', '/v1/admin/gc')).toEqual({ ...found, removed: true });
  expect((await storedFiles(server.dataDir)).blobs).toEqual(before.blobs.filter((path) => !path.endsWith(key)));
  expect(await summary(client, 'GET', '/v1/admin/gc')).toMatchObject({ blobs: 0, waiting: 1 });
  expect(await summary(client, 'GET', '/v1/admin/fsck?verify_content=true')).toMatchObject({ findings: 0 });
});
