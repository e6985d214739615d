import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { rawRequest } from '../support/raw';
import { withServer, type TestServer } from '../support/server';
import { storedFiles } from '../support/storage-root';
import { useServer } from '../support/use-server';
import { descriptorsOf, metricOf, settlesWithin } from '../support/observed';
import { pollBegunWriting } from '../cluster/staging';
import { begin, begun, PART, send, status } from './tus-client';

const MIB = 1_048_576;
const MINUTE_MS = 60_000;
const server = useServer();
let alice: Client;
let base: string;

beforeAll(() => {
  alice = server.client('alice');
});

beforeEach(async () => {
  base = await freshDirectory(server.client(), '0777');
});

/** Stops a server whose uploads have no more than so long to live, and starts it again. */
async function restartWhenLeft(of: TestServer, leftMs: number, env: Record<string, string> = {}): Promise<void> {
  await of.stop();
  const database = new Database(join(of.dir, 'metadata.sqlite'));
  database.prepare('UPDATE upload SET expires_ms = ?').run(Date.now() + leftMs);
  database.close();
  await of.start(env);
}

/** Sends the head of a PATCH for `size` bytes and then `bytes` of its body, and leaves the connection open. */
async function stalled(upload: string, offset: number, size: number, bytes: Buffer): Promise<Socket> {
  const socket = connect(server.port, server.host);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const authorization = `Bearer ${server.user('alice').key}`;
  const headers = { ...PART, authorization, 'Upload-Offset': offset, 'Content-Length': size };
  socket.write(rawRequest('PATCH', upload, headers));
  await new Promise<void>((resolve) => void socket.write(bytes, () => resolve()));
  return socket;
}

const settles = settlesWithin(60_000);
const metric = (of: TestServer, name: string) => metricOf(of.client(), name);
const offsetOf = async (upload: string) => Number((await status(alice, upload)).header('upload-offset'));

describe('T3 whoever comes takes over', () => {
  it('from a connection that says nothing more, at once, with the bytes that it has brought', async () => {
    const bytes = patternBytes(1, 4 * MIB);
    const upload = await begun(alice, bytes.length, { path: `${base}/f` });
    const socket = await stalled(upload, 0, bytes.length, bytes.subarray(0, MIB));
    await pollBegunWriting(server.dataDir);
    const offset = await offsetOf(upload);
    // What was on its way is counted or not, what is counted is kept.
    expect(offset).toBeGreaterThan(0);
    expect(offset).toBeLessThanOrEqual(MIB);
    await must(send(alice, upload, offset, bytes.subarray(offset)));
    expect(sha256((await alice.get(`${base}/f`)).body)).toBe(sha256(bytes));
    socket.destroy();
    await settles(() => metric(server, 'callfs_uploads_in_flight'), 0);
  });

  it('and tells the one before what has happened', async () => {
    const upload = await begun(alice, 100, { path: `${base}/f` });
    const socket = await stalled(upload, 0, 100, Buffer.alloc(10));
    const answered = once(socket, 'data') as Promise<[Buffer]>;
    await pollBegunWriting(server.dataDir);
    // Nothing of it is recorded yet, so this offset is right until the one before has been told to stop.
    expect((await send(alice, upload, 0, 'x')).outcome).toBe('409 UPLOAD_OFFSET_MISMATCH');
    expect((await answered)[0].toString()).toMatch(/^HTTP\/1\.1 409 .*"code":"UPLOAD_TAKEN_OVER"/s);
    expect(await offsetOf(upload)).toBe(10);
    socket.destroy();
    await settles(() => metric(server, 'callfs_uploads_in_flight'), 0);
  });
});

describe('D4 clients that vanish', () => {
  it.each([0, 1, 50, 99, 100])('at %d percent lose nothing that was stored, and leave nothing behind', async (percent) => {
    const size = 3 * MIB;
    const bytes = patternBytes(percent, size);
    const sent = Math.floor((size * percent) / 100);
    const upload = await begun(alice, size, { path: `${base}/f` });
    const idle = (await server.openDescriptors())
      .map((name) => name.replace(/\d+/g, 'n'))
      .filter((name) => !name.includes('socket'));
    const said = server.output.length;
    const socket = await stalled(upload, 0, size, bytes.subarray(0, sent));
    if (percent < 100) await settles(() => metric(server, 'callfs_uploads_in_flight'), 1);
    // A reset takes bytes away that have been sent; an end does not.
    if (percent === 50 || percent === 100) socket.destroy();
    else socket.resetAndDestroy();
    await server.waitFor(new RegExp(`"method":"PATCH","path":"${upload}"`), said);
    await settles(() => metric(server, 'callfs_uploads_in_flight'), 0);
    let offset = await offsetOf(upload);
    expect(offset).toBeLessThanOrEqual(sent);
    if (percent === 50) expect(offset).toBeGreaterThan(MIB);
    expect((await alice.get(`${base}/f`)).status).toBe(offset === size ? 200 : 404);
    if (offset < size) await must(send(alice, upload, offset, bytes.subarray(offset)));
    offset = await offsetOf(upload);
    expect(offset).toBe(size);
    expect(sha256((await alice.get(`${base}/f`)).body)).toBe(sha256(bytes));
    await settles(async () => (await storedFiles(server.dataDir)).staging, []);
    await settles(async () => (await descriptorsOf(server)).filter((name) => !name.includes('socket')), idle);
    expect(await metric(server, 'callfs_active_locks')).toBe(0);
  });

  it('in the middle of bytes with a checksum have none of them kept', async () => {
    const upload = await begun(alice, 1000, { path: `${base}/f` });
    const socket = connect(server.port, server.host);
    const authorization = `Bearer ${server.user('alice').key}`;
    const checksum = `sha256 ${Buffer.alloc(32).toString('base64')}`;
    const headers = { ...PART, authorization, 'Upload-Offset': 0, 'Content-Length': 1000, 'Upload-Checksum': checksum };
    socket.write(rawRequest('PATCH', upload, headers, 'x'.repeat(500)));
    await settles(() => metric(server, 'callfs_uploads_in_flight'), 1);
    socket.resetAndDestroy();
    await settles(() => metric(server, 'callfs_uploads_in_flight'), 0);
    expect(await offsetOf(upload)).toBe(0);
  });
});

it('keeps few blobs of very many small requests, and none but the file of an upload that is over', async () => {
  await withServer({ config: { storage: { collect_grace: '0s' } } }, async (own) => {
    const client = own.client('alice');
    const size = 3 * MIB;
    const bytes = patternBytes(9, size);
    const upload = await begun(client, size, { path: '/home/alice/f' });
    const step = 64 * 1024;
    for (let offset = 0; offset < size - step; offset += step)
      await must(send(client, upload, offset, bytes.subarray(offset, offset + step)));
    const blobs = async () => (await storedFiles(own.dataDir)).blobs.length;
    await settles(blobs, 3);
    await must(send(client, upload, size - step, bytes.subarray(size - step)));
    await settles(blobs, 1);
    expect(sha256((await client.get('/home/alice/f')).body)).toBe(sha256(bytes));
  });
});

it('gives its blob to the file when it came in one part', async () => {
  const bytes = patternBytes(10, 2 * MIB);
  const upload = await begun(alice, bytes.length, { path: `${base}/f` });
  await must(send(alice, upload, 0, bytes.subarray(0, 1000)));
  const before = new Set((await storedFiles(server.dataDir)).blobs);
  await must(send(alice, upload, 1000, bytes.subarray(1000)));
  const made = (await storedFiles(server.dataDir)).blobs.filter((path) => !before.has(path));
  expect(made).toHaveLength(1);
  expect(sha256((await alice.get(`${base}/f`)).body)).toBe(sha256(bytes));
});

it('T6 answers 410 when it has expired, frees its bytes in the background, and counts it', async () => {
  await withServer({ config: { storage: { collect_grace: '0s' } } }, async (own) => {
    const client = own.client('alice');
    const path = '/home/alice/f';
    const uploads = [await begun(client, 100_000, { path }), await begun(client, 100_000, {}, { 'upload-concat': 'partial' })];
    for (const upload of uploads) await must(send(client, upload, 0, patternBytes(2, 50_000)));
    expect((await storedFiles(own.dataDir)).blobs).toHaveLength(2);
    await restartWhenLeft(own, 0, { CALLFS_STORAGE_UPLOAD_EXPIRY: '1s' });
    await settles(() => metric(own, 'callfs_uploads_expired_total'), 2);
    await settles(async () => (await storedFiles(own.dataDir)).blobs.length, 0);
    for (const upload of uploads) {
      expect((await status(client, upload)).status).toBe(410);
      expect((await send(client, upload, 50_000, 'x')).outcome).toBe('410 UPLOAD_GONE');
    }
    const final = { 'upload-length': [], 'upload-concat': `final;${uploads[1]}` };
    expect((await begin(client, 0, { path }, final)).outcome).toBe('410 UPLOAD_GONE');
    // The other way: a byte now and then keeps an upload alive.
    await own.restart();
    const alive = await begun(client, 2, { path });
    await restartWhenLeft(own, 5 * MINUTE_MS);
    const leftMs = async () => Date.parse((await status(client, alive)).header('upload-expires') ?? '') - Date.now();
    expect(await leftMs()).toBeLessThan(6 * MINUTE_MS);
    await must(send(client, alive, 0, 'x'));
    expect(await leftMs()).toBeGreaterThan(60 * MINUTE_MS);
    await must(send(client, alive, 1, 'x'));
    expect((await client.get(path)).text).toBe('xx');
  });
});

it('frees the parts of an upload whose node died when it had just become a file', async () => {
  await withServer({ config: { storage: { collect_grace: '0s' } } }, async (own) => {
    const client = own.client('alice');
    const bytes = patternBytes(11, 3 * MIB);
    const upload = await begun(client, bytes.length, { path: '/home/alice/f' });
    await must(send(client, upload, 0, bytes.subarray(0, 2 * MIB)));
    await own.restart({ CALLFS_DEBUG_PAUSE_AT: 'committed' });
    const from = own.output.length;
    const unanswered = expect(send(client, upload, 2 * MIB, bytes.subarray(2 * MIB))).rejects.toThrow();
    await own.waitFor(/paused committed/, from);
    await own.kill();
    await unanswered;
    expect((await storedFiles(own.dataDir)).blobs).toHaveLength(3);
    await own.start({ CALLFS_STORAGE_UPLOAD_EXPIRY: '1s' });
    await settles(async () => (await storedFiles(own.dataDir)).blobs.length, 1);
    expect(sha256((await client.get('/home/alice/f')).body)).toBe(sha256(bytes));
  });
});
