import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { download, makeLink } from '../support/links';
import { patternBytes, sha256 } from '../support/random';
import { rawExchange, rawRequest } from '../support/raw';
import { PATIENT, ROOT_KEY, withServer } from '../support/server';
import { overSocket, sendFrames } from '../support/sockets';
import { storedFiles } from '../support/storage-root';
import { useServer } from '../support/use-server';
import { descriptorsOf, metricOf, openedSince, settlesWithin } from '../support/observed';
import { begun, PART, send, status } from '../uploads/tus-client';

const IDLE_MS = 2_500;
const MIB = 1_048_576;
const SLOW = 1_000;
const authorization = { Authorization: `Bearer ${ROOT_KEY}` };
const END = '{"type":"end"}';

/** Idleness is cut off after a moment, so that a slow client can be met in a test. */
const idle = { ...PATIENT.server, read_timeout: `${IDLE_MS}ms`, write_timeout: `${IDLE_MS}ms` };
const rate_limits = { download: 'off', link_generation: 'off' };
const server = useServer({ config: { server: idle, rate_limits } });
let root: Client;
let base: string;

beforeAll(() => {
  root = server.client();
});
beforeEach(async () => {
  base = await freshDirectory(root);
});

const settles = settlesWithin(60_000);
const metric = (name: string) => metricOf(root, name);

/** A client that says this and then neither sends nor reads. */
async function dawdler(text: string): Promise<Socket> {
  const socket = connect(server.port, server.host);
  socket.on('error', () => undefined);
  socket.pause();
  await once(socket, 'connect');
  socket.write(text, 'latin1');
  return socket;
}

const handshake = (path: string, mode: string) =>
  rawRequest('GET', `/v1/files/ws${path}?mode=${mode}`, {
    ...authorization,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': 13,
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  });
/** A binary frame with a few bytes, masked with zeros (RFC 6455 §5.2). */
const FRAME = '\x82\x84\0\0\0\0some';

describe('D1 a thousand clients that dawdle over links, uploads in parts and sockets', () => {
  it('keep nobody from being served, cost bounded memory, and are cut off; who is slow and steady comes to an end', async () => {
    const big = patternBytes(1, 8 * MIB);
    await must(root.put(`${base}/big`, big));
    const { token } = await makeLink(root, `${base}/big`, { max_uses: 1_000 });
    const uploads: string[] = [];
    for (let i = 0; i < SLOW / 4; i++) uploads.push(await begun(root, 1_000_000, { path: `${base}/slow-${i}` }));
    const open = await descriptorsOf(server);
    const { resident } = await server.memory();
    await server.resetPeakMemory();

    // Each takes longer than every timeout.
    const steady = patternBytes(2, 300_000);
    const pieces = Array.from({ length: 60 }, (_, i) => steady.subarray(i * 5_000, (i + 1) * 5_000));
    const part = await begun(root, steady.length, { path: `${base}/steady-part` });
    const patch = rawExchange(
      server,
      [
        rawRequest('PATCH', part, { ...PART, ...authorization, 'Upload-Offset': 0, 'Content-Length': steady.length }),
        ...pieces.flatMap((piece) => [piece, () => delay(100)]),
      ],
      { timeoutMs: 100_000 },
    );
    const socket = overSocket(server, root, `${base}/steady-socket`, 'mode=upload', {
      opened: async (webSocket) => {
        for (const piece of pieces) {
          await sendFrames(webSocket, piece);
          await delay(100);
        }
        webSocket.send(END);
      },
    });
    const begunAt = Date.now();
    const slowReader = connect(server.port, server.host);
    slowReader.write(rawRequest('GET', `/download/${token}`, { Connection: 'close' }));
    let read = 0;
    const reading = (async () => {
      for await (const chunk of slowReader) {
        read += (chunk as Buffer).length;
        if (Date.now() - begunAt < 2 * IDLE_MS) await delay(30);
      }
    })();

    const sockets = await Promise.all(
      Array.from({ length: SLOW }, (_, i) => {
        switch (i % 4) {
          case 0:
            return dawdler(rawRequest('GET', `/download/${token}`));
          case 1:
            return dawdler(
              rawRequest('PATCH', uploads[i >> 2] as string, {
                ...PART,
                ...authorization,
                'Upload-Offset': 0,
                'Content-Length': 1_000_000,
              }) + 'a few bytes',
            );
          case 2:
            return dawdler(handshake(`${base}/big`, 'download'));
          default:
            return dawdler(handshake(`${base}/socket-${i}`, 'upload') + FRAME);
        }
      }),
    );
    try {
      for (let i = 0; i < 20; i++) {
        expect((await root.put(`${base}/served-${i}`, 'x')).status).toBe(201);
        expect((await root.get(`${base}/served-${i}`)).text).toBe('x');
      }
      expect((await patch).responses[0]?.status).toBe(204);
      expect((await socket).messages).toMatchObject([{ type: 'committed', size: steady.length }]);
      await reading;
      expect(Date.now() - begunAt).toBeGreaterThan(2 * IDLE_MS);
      expect(read).toBeGreaterThan(big.length);
      for (const name of ['steady-part', 'steady-socket'])
        expect(sha256((await root.get(`${base}/${name}`)).body)).toBe(sha256(steady));

      // All of theirs are over on the server's side, though they say nothing and close nothing.
      await settles(() => metric('callfs_uploads_in_flight'), 0);
      await settles(() => descriptorsOf(server).then((now) => now.length <= open.length + 2), true);
      expect((await server.memory()).peak - resident).toBeLessThan(300 * MIB);
    } finally {
      for (const each of sockets) each.destroy();
      slowReader.destroy();
    }
    await settles(() => openedSince(server, open), []);
    expect((await root.head(`${base}/socket-3`)).status).toBe(404);
    // What came of the parts is kept, and goes on from there.
    const offset = Number((await status(root, uploads[0] as string)).header('upload-offset'));
    expect(offset).toBe('a few bytes'.length);
    await must(send(root, uploads[0] as string, offset, Buffer.alloc(1_000_000 - offset)));
    expect(await metric('callfs_active_locks')).toBe(0);
  }, 300_000);
});

describe('D3 a thousand at once', () => {
  /** With the timeouts that ship: a client that does so much at once is silent here and there for a while. */
  const patient = useServer({ config: { ...PATIENT, rate_limits } });

  it('uploads in parts, sockets and downloads by link use bounded memory, and every descriptor comes back', async () => {
    const bytes = patternBytes(3, 100_000);
    const admin = patient.client();
    const at = await freshDirectory(admin);
    await must(admin.put(`${at}/file`, bytes));
    // The first large content starts the thread that hashes, which stays.
    await must(admin.put(`${at}/large`, patternBytes(1, 2 * MIB)));
    const { token } = await makeLink(admin, `${at}/file`, { max_uses: 10_000 });
    const open = await descriptorsOf(patient);
    const { resident } = await patient.memory();
    await patient.resetPeakMemory();
    const client = new Client(() => patient.url, ROOT_KEY);
    const one = { connection: 'close' };
    const done = await Promise.all(
      Array.from({ length: 1_000 }, async (_, i) => {
        if (i % 4 === 0) return sha256((await download(client, token, one)).body) === sha256(bytes) ? 'read' : 'damaged';
        if (i % 4 === 1) {
          const { messages } = await overSocket(patient, admin, `${at}/s${i}`, 'mode=upload', {
            opened: async (webSocket) => {
              await sendFrames(webSocket, bytes);
              webSocket.send(END);
            },
          });
          return messages[0]?.type;
        }
        const whole = { ...PART, ...one };
        const answer = await client.request('POST', '/v1/uploads', {
          headers: {
            ...whole,
            'upload-length': `${bytes.length}`,
            'upload-metadata': `path ${Buffer.from(`${at}/t${i}`).toString('base64')}`,
          },
          body: bytes,
        });
        return answer.outcome;
      }),
    );
    expect(new Set(done)).toEqual(new Set(['read', 'committed', '201']));
    expect((await patient.memory()).peak - resident).toBeLessThan(300 * MIB);
    expect((await admin.list(at, { limit: 10_000 })).json.count).toBe(752);
    for (const name of ['s1', 's997', 't2', 't999']) expect(sha256((await admin.get(`${at}/${name}`)).body)).toBe(sha256(bytes));
    await settles(() => openedSince(patient, open), []);
    await settles(async () => (await storedFiles(patient.dataDir)).staging, []);
  }, 300_000);
});

describe('D7 SIGTERM drains', () => {
  it('a download by link and a part of an upload end well', async () => {
    await withServer({ config: { rate_limits } }, async (draining) => {
      const client = draining.client();
      const bytes = patternBytes(4, 24 * MIB);
      await must(client.put('/file', bytes));
      const { token } = await makeLink(client, '/file');
      const upload = await begun(client, 400_000, { path: '/part' });
      const part = bytes.subarray(0, 400_000);
      const reader = connect(draining.port, draining.host);
      reader.write(rawRequest('GET', `/download/${token}`));
      const [first] = (await once(reader, 'data')) as [Buffer];
      reader.pause();
      const patch = rawExchange(
        draining,
        [
          rawRequest('PATCH', upload, { ...PART, ...authorization, 'Upload-Offset': 0, 'Content-Length': part.length }),
          part.subarray(0, 200_000),
          () =>
            settles(async () => (await client.request('GET', '/metrics')).text.includes('callfs_uploads_in_flight 1\n'), true),
          async () => draining.signal('SIGTERM'),
          () =>
            expect
              .poll(() => client.get('/').catch(({ code }: NodeJS.ErrnoException) => code), { timeout: 60_000 })
              .toBe('ECONNREFUSED'),
          part.subarray(200_000),
        ],
        { timeoutMs: 100_000 },
      );
      expect((await patch).responses[0]?.status).toBe(204);
      let length = first.length;
      for await (const chunk of reader) length += (chunk as Buffer).length;
      expect(length).toBeGreaterThan(bytes.length);
      expect(await draining.exit()).toBe(0);
      await draining.start();
      expect(sha256((await client.get('/part')).body)).toBe(sha256(part));
    });
  });
});
