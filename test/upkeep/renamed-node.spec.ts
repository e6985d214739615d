import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { runCli } from '../cli/run-cli';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { useServer } from '../support/use-server';
import { storedFiles } from '../support/storage-root';
import { findings, summary } from './events';

const server = useServer({ config: { storage: { orphan_grace: '1s', collect_grace: '0s' } } });
const RENAMED = { CALLFS_INSTANCE_DISCOVERY_INSTANCE_ID: 'renamed' };
const FSCK = '/v1/admin/fsck';
const [settled, unsettled] = [patternBytes(1, 300_000), patternBytes(2, 300_000)];

it('P1, P9: under another name a node says whose blobs it has, and neither its start nor its sweep or gc removes one; fsck --repair makes them its own', async () => {
  await must(server.client().put('/settled', settled));
  await server.restart({ CALLFS_DEBUG_PAUSE_AT: 'committed' });
  const said = server.output.length;
  const unanswered = expect(server.client().put('/unsettled', unsettled)).rejects.toThrow();
  await server.waitFor(/^paused committed$/m, said);
  await server.kill();
  await unanswered;
  const before = await storedFiles(server.dataDir);
  expect(before.blobs).toHaveLength(2);

  await server.start(RENAMED);
  await server.waitFor(/2 blobs in localfs are those of the node \\"callfs-test\\"/, said);
  const client = server.client();
  expect(await summary(client, 'POST', '/v1/admin/gc')).toMatchObject({ blobs: 0 });
  expect((await client.get('/settled')).status).toBe(502);

  const finding = { kind: 'blob_of_another_node', instance_id: 'renamed', bytes: 300_000 };
  const told = (state: string) => [1, 2].map(() => ({ ...finding, state }));
  expect(await findings(client, 'GET', FSCK)).toMatchObject(told('found'));
  expect(await findings(client, 'POST', FSCK)).toMatchObject(told('repaired'));
  expect(await findings(client, 'GET', `${FSCK}?verify_content=true`)).toEqual([]);
  expect((await storedFiles(server.dataDir)).blobs).toEqual(before.blobs);
  await expectWhole('renamed');

  // And back: what waits for collection under the first name is what the second has.
  await server.stop();
  const database = new Database(join(server.dir, 'metadata.sqlite'));
  const waiting = database.prepare('SELECT * FROM collect').all() as Record<string, unknown>[];
  expect(waiting).toHaveLength(2);
  expect(await runCli(['gc', '--yes', '--offline', '--config', server.configFile], { cwd: server.dir })).toMatchObject({
    code: 0,
  });
  expect((await storedFiles(server.dataDir)).blobs).toEqual(before.blobs);
  const { backend, instance_id, key, not_before } = waiting[0]!;
  database
    .prepare('INSERT INTO collect (backend, instance_id, key, not_before) VALUES (?, ?, ?, ?)')
    .run(backend, instance_id, key, not_before);
  database.close();
  await server.start();
  await nothingWaits();
  expect((await storedFiles(server.dataDir)).blobs).toEqual(before.blobs);
  const back = { ...finding, instance_id: 'callfs-test', state: 'repaired' };
  expect(await findings(server.client(), 'POST', FSCK)).toMatchObject([back, back]);
  await server.restart(RENAMED);
  await nothingWaits();
  expect(await findings(server.client(), 'POST', FSCK)).toMatchObject(told('repaired'));
  expect((await storedFiles(server.dataDir)).blobs).toEqual(before.blobs);
  await expectWhole('renamed');
});

/** What waited for collection is collected, or kept. */
async function nothingWaits(): Promise<void> {
  const left = () => summary(server.client(), 'POST', '/v1/admin/gc');
  await expect.poll(left, { timeout: 30_000 }).toMatchObject({ blobs: 0, waiting: 0 });
}

async function expectWhole(instance: string): Promise<void> {
  for (const [path, content] of [
    ['/settled', settled],
    ['/unsettled', unsettled],
  ] as const) {
    const answer = await must(server.client().get(path));
    expect([sha256(answer.body), answer.header('x-callfs-instance-id')]).toEqual([sha256(content), instance]);
  }
}
