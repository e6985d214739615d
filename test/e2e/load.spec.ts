import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fileTarget, names, type Client, type Entry } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { rawExchange, rawRequest } from '../support/raw';
import { PATIENT, ROOT_KEY, withServer } from '../support/server';
import { storedFiles } from '../support/storage-root';
import { useServer } from '../support/use-server';
import { descriptorsOf, openedSince, settlesWithin } from '../support/observed';

const IDLE_MS = 1_500;
const MIB = 1_048_576;
const authorization = { Authorization: `Bearer ${ROOT_KEY}` };

/** Idleness is cut off after a second and a half, so that a slow client can be met in a test. */
const server = useServer({ config: { server: { read_timeout: `${IDLE_MS}ms`, write_timeout: `${IDLE_MS}ms` } } });
let root: Client;
let base: string;

beforeAll(() => {
  root = server.client();
});

beforeEach(async () => {
  base = await freshDirectory(root);
});

const settles = settlesWithin(60_000);

describe('D1 slow clients', () => {
  it('1,000 connections that dawdle over their headers, bodies and answers: others are served, and the slow are cut off', async () => {
    await must(root.put(`${base}/big`, patternBytes(1, 4 * MIB)));
    const kinds = [
      'GET /v1/files/ HTTP/1.1\r\nHost: x\r\nX-Slow: ',
      rawRequest('PUT', `/v1/files${base}/slow`, { ...authorization, 'Content-Length': 1_000_000 }, 'a few bytes'),
      rawRequest('GET', `/v1/files${base}/big`, authorization),
    ];
    const sockets = Array.from({ length: 999 }, (_, index) => {
      const socket = connect(server.port, server.host);
      socket.on('error', () => undefined);
      socket.write(kinds[index % kinds.length] as string);
      socket.pause();
      return socket;
    });
    try {
      await Promise.all(sockets.filter((socket) => socket.connecting).map((socket) => once(socket, 'connect')));

      for (let i = 0; i < 20; i++) {
        expect((await root.put(`${base}/served-${i}`, 'x')).status).toBe(201);
        expect((await root.get(`${base}/served-${i}`)).text).toBe('x');
      }

      // A stalled sender is told to go; its end of the connection has to see it.
      const cutOff = sockets
        .filter((_, index) => index % 3 !== 2)
        .map(async (socket) => {
          socket.resume();
          if (!socket.closed) await once(socket, 'close');
        });
      await Promise.all(cutOff);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    expect((await root.head(`${base}/slow`)).status).toBe(404);
    await settles(async () => (await storedFiles(server.dataDir)).staging, []);
  }, 300_000);

  it('a healthy upload that takes longer than every timeout passes', async () => {
    const bytes = patternBytes(2, 400_000);
    const pieces = Array.from({ length: 40 }, (_, index) => bytes.subarray(index * 10_000, (index + 1) * 10_000));
    const begun = Date.now();

    const { responses } = await rawExchange(
      server,
      [
        rawRequest('PUT', `/v1/files${base}/steady`, { ...authorization, 'Content-Length': bytes.length }),
        ...pieces.flatMap((piece) => [piece, () => delay(100)]),
      ],
      { timeoutMs: 100_000 },
    );

    expect(Date.now() - begun).toBeGreaterThan(2 * IDLE_MS);
    expect(responses[0]?.status).toBe(201);
    expect(sha256((await root.get(`${base}/steady`)).body)).toBe(sha256(bytes));
  });
});

describe('D2 JSON that is too much', () => {
  const BODIES: readonly (readonly [string, () => string | Buffer, RegExp])[] = [
    // The server may end the connection before it has taken everything in; then there is only that to see.
    ['100 MB', () => Buffer.alloc(100 * MIB, ' '), /^(413 PAYLOAD_TOO_LARGE|EPIPE|ECONNRESET)$/],
    [
      'a million keys',
      () => `{${Array.from({ length: 1_000_000 }, (_, index) => `"k${index}":1`).join()}}`,
      /^(413 PAYLOAD_TOO_LARGE|EPIPE|ECONNRESET)$/,
    ],
    [
      'a name of ten megabytes',
      () => JSON.stringify({ name: 'n'.repeat(10 * MIB) }),
      /^(413 PAYLOAD_TOO_LARGE|EPIPE|ECONNRESET)$/,
    ],
    ['a million brackets', () => '['.repeat(1_000_000), /^400 INVALID_REQUEST$/],
    ['100,000 objects in each other', () => '{"a":'.repeat(100_000), /^400 INVALID_REQUEST$/],
  ];

  it.each(BODIES)('%s: refused in bounded memory', async (_, make, outcome) => {
    await must(root.put(`${base}/file`, 'x'));
    const before = await server.memory();
    await server.resetPeakMemory();

    const answer = await root
      .request('PATCH', fileTarget(`${base}/file`), { headers: { 'content-type': 'application/json' }, body: make() })
      .catch((error: NodeJS.ErrnoException) => error.code ?? error.message);

    expect(typeof answer === 'object' ? answer.outcome : answer).toMatch(outcome);
    expect((await server.memory()).peak - before.resident).toBeLessThan(64 * MIB);
    expect((await root.get(`${base}/file`)).text).toBe('x');
  });

  it('100 levels of brackets: 400', async () => {
    const headers = { 'content-type': 'application/json' };
    expect((await root.request('PATCH', fileTarget(base), { headers, body: '['.repeat(100) + ']'.repeat(100) })).outcome).toBe(
      '400 INVALID_REQUEST',
    );
  });
});

describe('D3 1,000 parallel uploads', () => {
  /** With the timeouts that ship: a client that sends so much at once is silent here and there for a while. */
  const patient = useServer({ config: PATIENT });

  it('use bounded memory, and every descriptor comes back', async () => {
    const bytes = patternBytes(3, 200_000);
    const client = patient.client();
    await must(client.put('/warm', bytes));
    const before = await patient.memory();
    const open = await descriptorsOf(patient);
    await patient.resetPeakMemory();

    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        client.request('PUT', fileTarget(`/many/f${index}`), { body: bytes, headers: { connection: 'close' } }),
      ),
    );

    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['201']));
    expect((await patient.memory()).peak - before.resident).toBeLessThan(300 * MIB);
    expect((await client.list('/many', { limit: 10_000 })).json.count).toBe(1_000);
    for (const index of [0, 499, 999]) expect(sha256((await client.get(`/many/f${index}`)).body)).toBe(sha256(bytes));
    await settles(() => openedSince(patient, open), []);
    await settles(async () => (await storedFiles(patient.dataDir)).staging, []);
  }, 300_000);
});

describe('D4 clients that vanish', () => {
  const BYTES = patternBytes(4, 1_000_000);

  it.each([0, 1, 50, 99])('at %d percent of an upload: nothing visible, nothing left behind', async (percent) => {
    const open = await descriptorsOf(server);
    const stored = await storedFiles(server.dataDir);
    const head = rawRequest('PUT', `/v1/files${base}/vanished`, { ...authorization, 'Content-Length': BYTES.length });
    const part = BYTES.subarray(0, (BYTES.length * percent) / 100);

    await Promise.all(Array.from({ length: 10 }, () => rawExchange(server, [head, part], { reset: true, untilClose: true })));

    await settles(() => openedSince(server, open), []);
    await settles(() => storedFiles(server.dataDir), stored);
    expect((await root.head(`${base}/vanished`)).status).toBe(404);
    expect((await root.put(`${base}/vanished`, 'no lock is left')).status).toBe(201);
  });

  it('after the last byte of an upload, before the answer: the whole file or none', async () => {
    const open = await descriptorsOf(server);
    const head = rawRequest('PUT', `/v1/files${base}/sent`, { ...authorization, 'Content-Length': BYTES.length });

    await rawExchange(server, [head, BYTES], { reset: true, untilClose: true });

    await settles(() => openedSince(server, open), []);
    await settles(async () => (await storedFiles(server.dataDir)).staging, []);
    const answer = await root.get(`${base}/sent`);
    if (answer.status === 200) expect(sha256(answer.body)).toBe(sha256(BYTES));
    else expect(answer.outcome).toBe('404 FILE_NOT_FOUND');
  });

  it.each([0, 1, 50, 99])('at %d percent of a download: every descriptor comes back', async (percent) => {
    await must(root.put(`${base}/big`, BYTES));
    const open = await descriptorsOf(server);

    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const socket = connect(server.port, server.host);
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        socket.write(rawRequest('GET', `/v1/files${base}/big`, authorization));
        let received = 0;
        for await (const chunk of socket) {
          received += (chunk as Buffer).length;
          if (received >= (BYTES.length * percent) / 100) break;
        }
        socket.resetAndDestroy();
      }),
    );

    await settles(() => openedSince(server, open), []);
    expect((await root.delete(`${base}/big`)).status).toBe(204);
  });
});

describe('D6 a tree of 100,000 entries', () => {
  const FILES = 400;
  const COPIES = 250;

  it('is copied, listed, moved and removed in bounded memory, and others are served meanwhile', async () => {
    await Promise.all(Array.from({ length: FILES }, (_, index) => must(root.put(`${base}/seed/f${index}`, `content ${index}`))));
    const copiesBegun = performance.now();
    for (let made = 1; made < COPIES; made *= 2) {
      const wanted = Math.min(made, COPIES - made);
      for (let i = 0; i < wanted; i++)
        await must(root.copy(`${base}/seed`, `${base}/tree/d${made + i}`, { query: '?recursive=true' }));
    }
    // About ten seconds: the measure of this machine.
    const copiesMs = performance.now() - copiesBegun;
    await must(root.move(`${base}/seed`, `${base}/tree/d0`));
    const before = await server.memory();
    await server.resetPeakMemory();
    let slowest = 0;
    let busy = true;
    const others = async () => {
      await must(root.put(`${base}/other`, 'x'));
      while (busy) {
        const begun = performance.now();
        await must(root.get(`${base}/other`));
        slowest = Math.max(slowest, performance.now() - begun);
        await delay(5);
      }
    };
    const watching = others();

    const listing = await root.list(`${base}/tree`, { recursive: true }, { accept: 'application/x-ndjson' });
    const lines = listing.text.trimEnd().split('\n');
    expect(lines).toHaveLength(COPIES + COPIES * FILES);
    expect((JSON.parse(lines[1] as string) as Entry).path).toBe(`${base}/tree/d0/f0`);
    const begun = performance.now();
    await must(root.move(`${base}/tree`, `${base}/moved`));
    const moveMs = performance.now() - begun;
    await must(root.delete(`${base}/moved`, { recursive: true }));
    expect(names(await root.list(base))).toEqual(['other']);
    busy = false;
    await watching;

    expect(moveMs).toBeLessThan(copiesMs / 10);
    expect(slowest).toBeLessThan(copiesMs / 5);
    expect((await server.memory()).peak - before.resident).toBeLessThan(200 * MIB);
  }, 600_000);
});

describe('D7 SIGTERM drains', () => {
  it('what is under way ends well, nothing new begins, and the exit code is 0', async () => {
    await withServer({}, async (draining) => {
      const client = draining.client();
      const bytes = patternBytes(5, 400_000);
      const upload = rawExchange(
        draining,
        [
          rawRequest('PUT', '/v1/files/drained', { ...authorization, 'Content-Length': bytes.length }),
          bytes.subarray(0, 200_000),
          // The server has begun to take it in once there is something staged.
          () => settles(async () => (await storedFiles(draining.dataDir)).staging.length, 1),
          async () => draining.signal('SIGTERM'),
          () => delay(500),
          bytes.subarray(200_000),
        ],
        { timeoutMs: 100_000 },
      );
      const { responses } = await upload;

      expect(responses[0]?.status).toBe(201);
      expect(responses[0]?.headers.get('connection')).toBe('close');
      expect(await draining.exit()).toBe(0);
      await expect(client.get('/drained')).rejects.toThrow(/ECONNREFUSED/);
      await draining.start();
      expect(sha256((await client.get('/drained')).body)).toBe(sha256(bytes));
    });
  });

  it('an idle keep-alive connection does not keep it', async () => {
    await withServer({}, async (draining) => {
      await must(draining.client().get('/'));
      const begun = Date.now();
      await draining.stop();
      // Not until its grace is over, which is half a minute.
      expect(Date.now() - begun).toBeLessThan(25_000);
    });
  });
});
