import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { must } from '../support/fixture';
import { SmallDisk } from '../support/small-disk';
import { settlesWithin } from '../support/observed';
import { Random, sha256 } from '../support/random';
import { rawRequest } from '../support/raw';
import { TestBucket } from '../support/s3-bucket';
import { begun, send } from '../uploads/tus-client';
import { ROOT_KEY, startServer, withServer, type TestServer } from '../support/server';

const MIB = 1024 * 1024;

let bucket: TestBucket;
let server: TestServer;
let client: Client;

beforeAll(async () => {
  bucket = await TestBucket.start();
  server = await startServer({ config: bucket.configuration() });
  client = server.client();
});

afterAll(async () => {
  await server?.stop();
  await server?.remove();
  await bucket?.stop();
});

it('content goes to the bucket and comes back, whole and in ranges', async () => {
  const content = new Random(1).bytes(20 * MIB + 7);
  await must(client.put('/large', content));
  const whole = await must(client.get('/large'));
  expect(sha256(whole.body)).toBe(sha256(content));
  expect(whole.header('X-CallFS-Backend-Type')).toBe('s3');
  const part = await must(client.get('/large', { Range: 'bytes=9000000-9099999' }));
  expect(part.status).toBe(206);
  expect(part.body.equals(content.subarray(9_000_000, 9_100_000))).toBe(true);
  expect(await bucket.blobs()).toHaveLength(1);
});

it('an upload that is refused at its end leaves nothing in the bucket', async () => {
  const before = await bucket.blobs();
  const digest = `sha-256=:${Buffer.alloc(32).toString('base64')}:`;
  const refused = await client.put('/refused', new Random(2).bytes(9 * MIB), { 'Content-Digest': digest });
  expect(refused.outcome).toBe('400 DIGEST_MISMATCH');
  expect(await bucket.blobs()).toEqual(before);
  expect(await bucket.leftovers()).toEqual([]);
});

it('an upload in parts has them in the bucket, and then its file alone; one part becomes the file itself', async () => {
  const before = await bucket.blobs();
  const bytes = new Random(3).bytes(3 * MIB);
  const upload = await begun(client, bytes.length, { path: '/parts' });
  await must(send(client, upload, 0, bytes.subarray(0, 2 * MIB)));
  expect(await bucket.blobs()).toHaveLength(before.length + 1);
  await must(send(client, upload, 2 * MIB, bytes.subarray(2 * MIB)));
  expect(sha256((await client.get('/parts')).body)).toBe(sha256(bytes));
  await must(send(client, await begun(client, bytes.length, { path: '/whole' }), 0, bytes));
  expect(sha256((await client.get('/whole')).body)).toBe(sha256(bytes));
  expect(await bucket.blobs()).toHaveLength(before.length + 2);
  expect(await bucket.leftovers()).toEqual([]);
});

it('a content that was damaged in the bucket is not served', async () => {
  const before = await bucket.blobs();
  await must(client.put('/damaged', new Random(4).bytes(MIB)));
  const [key = ''] = (await bucket.blobs()).filter((blob) => !before.includes(blob));
  await bucket.tamper(key, (bytes) => Buffer.concat([Buffer.from([(bytes[0] ?? 0) ^ 1]), bytes.subarray(1)]));
  expect((await client.get('/damaged')).outcome).toBe('503 BACKEND_UNAVAILABLE');
});

it('a node that cannot use its bucket says which setting is wrong', async () => {
  const started = startServer({ config: bucket.configuration({ bucket_name: 'no-such-bucket' }) });
  await expect(started).rejects.toThrow(/"no-such-bucket" does not exist .* backend\.s3\.bucket_name/);
});

it('D1 64 uploads that fall silent after 9 MiB: others are answered, in bounded memory, and a killed node leaves no file of them', async () => {
  const [clients, size, sent] = [64, 20 * MIB, 9 * MIB];
  const patience = { read_timeout: '600s', write_timeout: '600s' };
  await withServer({ config: { ...bucket.configuration(), server: patience } }, async (node) => {
    const spool = join(node.dataDir, 'spool');
    const inSpool = async () => (await node.openDescriptors()).filter((name) => name.startsWith(`${spool}/`)).length;
    await must(node.client().put('/warm', new Random(5).bytes(9 * MIB)));
    await node.resetPeakMemory();
    const content = new Random(6).bytes(size);

    const headers = { Authorization: `Bearer ${ROOT_KEY}`, 'Content-Length': size };
    const sockets = Array.from({ length: clients }, (_, index) => {
      const socket = connect(node.port, node.host).on('error', () => undefined);
      socket.write(rawRequest('PUT', `/v1/files/stalled-${index}`, headers));
      return socket;
    });
    try {
      for (const socket of sockets) socket.write(content.subarray(0, sent));
      // All are in their second part, and at most eight parts have a place in memory.
      await settlesWithin(60_000)(async () => (await bucket.leftovers()).length, clients);
      await settlesWithin(60_000)(async () => (await inSpool()) >= clients - 8, true);

      for (const [name, bytes] of [
        ['/large', content],
        ['/small', content.subarray(0, 100_000)],
      ] as const) {
        await must(node.client().put(name, bytes));
        expect(sha256((await must(node.client().get(name))).body)).toBe(sha256(bytes));
      }

      expect((await node.memory()).peak).toBeLessThan(400 * MIB);
      await node.kill();
      expect(await readdir(spool)).toEqual([]);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await node.start();
    expect(sha256((await must(node.client().get('/large'))).body)).toBe(sha256(content));
    expect((await node.client().get('/stalled-0')).status).toBe(404);
  });
});

it('a disk that takes no parts of slow uploads is told of in the log and the metrics, and the uploads go on', async () => {
  const disk = SmallDisk.mount(4 * MIB);
  try {
    const backend = { ...bucket.configuration()['backend'], localfs_root_path: join(disk.path, 'data') };
    await withServer({ config: { backend } }, async (node) => {
      const content = new Random(7).bytes(9 * MIB);
      const headers = { Authorization: `Bearer ${ROOT_KEY}`, 'Content-Length': content.length };
      const sockets = Array.from({ length: 10 }, (_, index) => {
        const socket = connect(node.port, node.host).on('error', () => undefined);
        socket.write(rawRequest('PUT', `/v1/files/slow-${index}`, headers));
        socket.write(content.subarray(0, 64 * 1024));
        return socket;
      });
      await node.waitFor(
        /"level":"warn".*The disk of \S+spool takes no parts of uploads to S3 \(it is nearly full\): slow uploads wait/,
      );
      const { text } = await node.client().request('GET', '/metrics');
      expect(text).toMatch(/^callfs_errors_total\{component="spool",error_type="reserve"\} [12]$/m);
      const answers = sockets.map((socket) => once(socket, 'data') as Promise<[Buffer]>);
      for (const socket of sockets) socket.write(content.subarray(64 * 1024));
      for (const answer of answers) expect((await answer)[0].toString('latin1')).toMatch(/^HTTP\/1\.1 201 /);
      for (const socket of sockets) socket.destroy();
    });
  } finally {
    disk.unmount();
  }
});
