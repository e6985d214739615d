import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client } from 'pg';
import { TREE_LOCK } from '../../libs/metadata/src/postgres/tree-functions';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';
import { patternBytes } from '../support/random';
import { storedFiles } from '../support/storage-root';
import { begun, send, status } from '../uploads/tus-client';

/** Nothing gives up waiting for PostgreSQL, on however busy a machine. */
let cluster: TestCluster;

beforeAll(async () => {
  const config = { server: { metadata_op_timeout: '60s' }, storage: { orphan_grace: '1s' } };
  cluster = await TestCluster.start({ nodes: 2, config });
});
afterAll(() => cluster?.stop());

/** Statements that wait for the lock of the tree, in the order in which they came. */
const waiting = async () => {
  const sql = `SELECT pid, mode FROM pg_locks WHERE locktype = 'advisory' AND NOT granted ORDER BY waitstart`;
  return cluster.query<{ pid: number; mode: string }>(sql);
};

/** Keeps every commit waiting, until it ends. */
async function holdTree(): Promise<Client> {
  const client = new Client({ connectionString: cluster.postgres.dsn(cluster.database) });
  await client.connect();
  await client.query(`SELECT pg_advisory_lock(${TREE_LOCK})`);
  return client;
}

/** The one commit that waits. */
async function waitingCommit(): Promise<number> {
  await expect.poll(async () => (await waiting()).map(({ mode }) => mode), { timeout: 60_000 }).toEqual(['ShareLock']);
  return (await waiting())[0]?.pid ?? 0;
}

it('C4, P9: a commit that PostgreSQL makes only after its node was killed and has started again has its bytes', async () => {
  const node = cluster.node(1);
  const [before, after] = [patternBytes(1, 300_000), patternBytes(2, 300_000)];
  await must(node.client().put('/file', before));
  const held = await holdTree();
  const unanswered = expect(node.client().put('/file', after)).rejects.toThrow();
  await waitingCommit();
  await node.kill();
  await unanswered;
  // With the lease of that run the next one would raise its fence, and wait for what was sent under it.
  await cluster.redis.client().flushall();

  let hasStarted = false;
  const started = node.start().then(() => (hasStarted = true));
  await expect.poll(async () => hasStarted || (await waiting()).length > 1, { timeout: 60_000 }).toBe(true);
  await held.end();
  await started;

  await expect.poll(waiting).toEqual([]);
  expect((await must(cluster.node(2).client().get('/file'))).body.equals(after)).toBe(true);
  const { text } = await must(node.client().request('GET', '/v1/admin/fsck?verify_content=true'));
  expect(text).not.toContain('"event":"finding"');
  expect((await storedFiles(node.dataDir)).staging).toEqual([]);
});

it('P8: a commit that PostgreSQL never answered for leaves nothing, without a restart of its node', async () => {
  const node = cluster.node(2);
  await must(node.client().put('/first', 'After what Redis has forgotten, the first lock raises a fence.'));
  const before = await storedFiles(node.dataDir);
  const held = await holdTree();
  const written = node.client().put('/unanswered', patternBytes(3, 300_000));
  await cluster.query(`SELECT pg_terminate_backend(${await waitingCommit()})`);
  expect((await written).outcome).toBe('503 METADATA_UNAVAILABLE');
  await held.end();
  expect((await cluster.node(1).client().get('/unanswered')).status).toBe(404);
  await expect.poll(() => storedFiles(node.dataDir), { timeout: 60_000, interval: 50 }).toEqual(before);
});

it('P9: a part of an upload whose blob was given up before its row is written is sent again, and the upload is whole', async () => {
  const node = cluster.node(2);
  const client = node.client();
  const [first, second] = [patternBytes(5, 100_000), patternBytes(6, 100_000)];
  const upload = await begun(client, 200_000, { path: '/overtaken' });
  await must(send(client, upload, 0, first));
  const before = await storedFiles(node.dataDir);
  const held = await holdTree();
  const sent = send(client, upload, 100_000, second);
  await waitingCommit();
  const [staged = ''] = (await storedFiles(node.dataDir)).staging;
  await cluster.query(`INSERT INTO collect (backend, instance_id, key, not_before, refused_until)
    VALUES ('localfs', 'node-2', '${staged}', 0, 9000000000000000000)`);
  await held.end();
  expect(await sent).toMatchObject({ outcome: '503 BACKEND_UNAVAILABLE' });
  expect((await status(client, upload)).header('upload-offset')).toBe('100000');
  await expect.poll(() => storedFiles(node.dataDir), { timeout: 60_000, interval: 50 }).toEqual(before);
  await must(send(client, upload, 100_000, second));
  expect((await must(client.get('/overtaken'))).body.equals(Buffer.concat([first, second]))).toBe(true);
});

it('P8: nor does a part of an upload whose row PostgreSQL did not write in time', async () => {
  const node = cluster.node(2);
  await node.restart({ CALLFS_SERVER_METADATA_OP_TIMEOUT: '1s' });
  const client = node.client();
  const part = patternBytes(4, 100_000);
  const upload = await begun(client, 300_000, { path: '/parts' });
  const before = await storedFiles(node.dataDir);
  const held = new Client({ connectionString: cluster.postgres.dsn(cluster.database) });
  await held.connect();
  await held.query('BEGIN; LOCK TABLE upload_part IN SHARE MODE');
  expect((await send(client, upload, 0, part)).outcome).toBe('503 METADATA_UNAVAILABLE');
  await held.end();
  await expect.poll(() => storedFiles(node.dataDir), { timeout: 60_000, interval: 50 }).toEqual(before);
  await must(send(client, upload, 0, part));
});
