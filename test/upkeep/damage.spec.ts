import { rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { startServer, type TestServer } from '../support/server';
import { blobMadeBy } from '../support/storage-root';
import { findings, lines, summary } from './events';
import { flipByte } from './flip-byte';

let server: TestServer;
let client: Client;

beforeAll(async () => {
  server = await startServer();
  client = server.client();
});

afterAll(async () => {
  await server?.stop();
  await server?.remove();
});

describe('C6 damage', () => {
  let directory: string;
  let path: string;
  let blob: string;
  const content = patternBytes(7, 2_000_000);

  beforeAll(async () => {
    directory = await freshDirectory(client);
    path = `${directory}/rotten`;
    blob = await blobMadeBy(server.dataDir, () => must(client.put(path, content)));
  });

  it('is found nowhere in what is sound', async () => {
    await must(client.put(`${directory}/small`, 'inline'));
    expect(await findings(client, 'GET', '/v1/admin/fsck?verify_content=true')).toEqual([]);
    const whole = await summary(client, 'GET', '/v1/admin/fsck');
    expect(whole).toEqual({ event: 'summary', findings: 0, repaired: 0, remaining: 0, blobs: 1, elsewhere: 0, complete: true });
    expect(await summary(client, 'POST', '/v1/admin/scrub')).toMatchObject({ findings: 0, blobs: 1, bytes: 2_000_000 });
  });

  it('one flipped byte: the transfer fails, fsck with --verify-content and scrub report it with its path', async () => {
    await flipByte(blob, 1_700_000);
    await expect(client.get(path)).rejects.toThrow();
    expect(await findings(client, 'GET', '/v1/admin/fsck')).toEqual([]);
    const key = blob.slice(-32);
    const finding = { kind: 'blob_damaged', key, paths: [path], backend: 'localfs', instance_id: 'callfs-test' };
    expect(await findings(client, 'GET', '/v1/admin/fsck?verify_content=true')).toMatchObject([{ ...finding, state: 'found' }]);
    expect(await findings(client, 'POST', '/v1/admin/scrub')).toMatchObject([{ ...finding, state: 'kept' }]);
    const { scrubs } = (await must(client.request('GET', '/v1/admin/scrub'))).json as { scrubs: object[] };
    expect(scrubs).toMatchObject([{ backend: 'localfs', state: 'waiting', damaged: [{ key, paths: [path] }] }]);
    const metrics = (await client.request('GET', '/metrics')).text;
    expect(metrics).toContain('callfs_scrub_blobs_total{status="damaged"} 1');
    expect(metrics).toContain('callfs_scrub_blobs_total{status="ok"} 1');
    await server.waitFor(new RegExp(`"level":"error".*the blob ${key} is damaged`));
  });

  it('a repair without another copy keeps the file and what is left of the blob', async () => {
    const told = await findings(client, 'POST', '/v1/admin/fsck?verify_content=true');
    expect(told).toMatchObject([{ kind: 'blob_damaged', state: 'kept' }]);
    expect((await must(client.head(path))).header('X-CallFS-Size')).toBe('2000000');
    expect((await must(client.get(path, { Range: 'bytes=0-99' }))).body.equals(content.subarray(0, 100))).toBe(true);
  });

  it('a short and a missing blob are found without reading them', async () => {
    await truncate(blob, 1000);
    expect(await findings(client, 'GET', '/v1/admin/fsck')).toMatchObject([{ kind: 'blob_damaged', paths: [path] }]);
    await rm(blob);
    expect(await findings(client, 'POST', '/v1/admin/fsck')).toMatchObject([{ kind: 'blob_missing', state: 'kept' }]);
    expect((await client.head(path)).status).toBe(200);
  });

  it('is forgotten when the file is replaced', async () => {
    await must(client.put(path, content));
    const { scrubs } = (await must(client.request('GET', '/v1/admin/scrub'))).json as { scrubs: { damaged: object[] }[] };
    expect(scrubs[0]?.damaged).toEqual([]);
    expect(await summary(client, 'GET', '/v1/admin/fsck')).toMatchObject({ findings: 0 });
  });
});

describe('scrub', () => {
  it('goes on after a restart from where it was, at its rate, until it has seen all', async () => {
    const directory = await freshDirectory(client);
    for (let index = 0; index < 5; index++) await must(client.put(`${directory}/f${index}`, patternBytes(index, 50_000)));
    await server.stop();
    const database = new Database(join(server.dir, 'metadata.sqlite'));
    const ids = database.prepare(`SELECT id FROM content WHERE kind = 'blob' ORDER BY id`).pluck().all() as number[];
    const started = Date.now() - 5000;
    database
      .prepare('UPDATE scrub SET due_ms = ?, started_ms = ?, finished_ms = 0, position = ?, blobs = 100, bytes = 7')
      .run(started, started, ids.at(-3));
    database.close();
    await server.start({ CALLFS_STORAGE_SCRUB_RATE_BYTES: '1MiB' });
    const status = async () => (await must(client.request('GET', '/v1/admin/scrub'))).json.scrubs[0] as Record<string, unknown>;
    await expect.poll(async () => (await status())['finished'], { timeout: 60_000 }).not.toBeNull();
    expect(await status()).toMatchObject({
      state: 'waiting',
      blobs: 102,
      bytes: 100_007,
      started: new Date(started).toISOString(),
    });
  });
});

describe('fsck of what the metadata has lost', () => {
  it('finds a directory without a name and puts it into /lost+found, while the server serves', async () => {
    const directory = await freshDirectory(client);
    await must(client.put(`${directory}/inner/file`, patternBytes(3, 100_000)));
    await must(client.get(`${directory}/inner/file`));
    await server.stop();
    const database = new Database(join(server.dir, 'metadata.sqlite'));
    const { inode_id: inode } = database.prepare(`DELETE FROM dentry WHERE name = 'inner' RETURNING inode_id`).get() as {
      inode_id: number;
    };
    database.close();
    await server.start();
    expect((await client.get(`/lost+found/#${inode}/file`)).status).toBe(404);
    const found = await findings(client, 'GET', '/v1/admin/fsck');
    expect(found.map(({ kind, state }) => [kind, state])).toEqual([
      ['unnamed_inode', 'found'],
      ['wrong_link_count', 'found'],
    ]);
    expect(await summary(client, 'POST', '/v1/admin/fsck')).toMatchObject({ findings: 2, repaired: 2, remaining: 0 });
    expect(await summary(client, 'GET', '/v1/admin/fsck?verify_content=true')).toMatchObject({ findings: 0, complete: true });
    const saved = await must(client.get(`/lost+found/#${inode}/file`));
    expect(sha256(saved.body)).toBe(sha256(patternBytes(3, 100_000)));
    expect((await server.client('alice').get(`/lost+found/#${inode}/file`)).outcome).toBe('403 PERMISSION_DENIED');
  });

  it('checks the blobs of this node alone when that is asked for', async () => {
    const told = await lines(client, 'GET', '/v1/admin/fsck?scope=node');
    expect(told.at(-1)).toMatchObject({ findings: 0, complete: true });
    expect((await client.request('GET', '/v1/admin/fsck?scope=some')).outcome).toBe('400 INVALID_REQUEST');
  });
});
