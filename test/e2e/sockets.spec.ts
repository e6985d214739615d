import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { selfSignedCertificate } from '../../apps/callfs/src/cli/tls/self-signed-certificate';
import { fileTarget, type Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { digestField, patternBytes, sha256 } from '../support/random';
import { rawExchange, rawRequest } from '../support/raw';
import { prepareServer, ROOT_KEY, withServer, type TestServer } from '../support/server';
import { overSocket, sendFrames, socketUrl, type SocketOptions, type SocketOutcome } from '../support/sockets';
import { useServer } from '../support/use-server';
import { descriptorsOf, metricOf, settlesWithin } from '../support/observed';

const MIB = 1_048_576;
const IDLE_MS = 1_500;
const END = JSON.stringify({ type: 'end' });

const server = useServer({
  config: { server: { read_timeout: `${IDLE_MS}ms`, write_timeout: `${IDLE_MS}ms`, max_upload_bytes: 40 * MIB } },
});
let root: Client;
let alice: Client;
let base: string;

beforeAll(() => {
  root = server.client();
  alice = server.client('alice');
});

beforeEach(async () => {
  base = await freshDirectory(root, '0777');
});

const download = (path: string, query = 'mode=download', options?: SocketOptions, client = alice): Promise<SocketOutcome> =>
  overSocket(server, client, path, query, options);

function upload(
  path: string,
  bytes: Buffer | string,
  query = 'mode=upload',
  options: SocketOptions = {},
): Promise<SocketOutcome> {
  const opened = async (socket: WebSocket) => {
    await sendFrames(socket, Buffer.from(bytes));
    socket.send(END);
  };
  return overSocket(server, alice, path, query, { opened, ...options });
}

const code = ({ status, text }: SocketOutcome) => `${status} ${String((JSON.parse(text) as { code: unknown }).code)}`;
const metric = (name: string) => metricOf(root, name);
const settles = settlesWithin(60_000);

describe('a download over a socket', () => {
  it.each([0, 1, 100, 20_000, 300_000, 5 * MIB])(
    'brings all %d bytes in frames of at most 64 KiB, and says how it ended',
    async (size) => {
      const bytes = patternBytes(size, size);
      const etag = (await must(alice.put(`${base}/f`, bytes))).header('etag');
      const got = await download(`${base}/f`);
      expect([got.status, got.closeCode, sha256(got.bytes)]).toEqual([101, 1000, sha256(bytes)]);
      expect(got.messages).toEqual([{ type: 'end', size, etag }]);
      expect(got.largestFrame).toBeLessThanOrEqual(65_536);
      expect(got.headers).toMatchObject({
        etag,
        'x-callfs-size': `${size}`,
        'x-content-type-options': 'nosniff',
        'repr-digest': digestField(bytes),
      });
      expect(got.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    },
  );

  it('brings a part, asked for in the query or the header', async () => {
    await must(alice.put(`${base}/f`, '0123456789'));
    expect((await download(`${base}/f`, 'mode=download&offset=3&length=4')).bytes.toString()).toBe('3456');
    expect((await download(`${base}/f`, 'mode=download&offset=8&length=100')).bytes.toString()).toBe('89');
    const headed = await download(`${base}/f`, 'mode=download', { headers: { range: 'bytes=-3' } });
    expect([headed.bytes.toString(), headed.headers['content-range']]).toEqual(['789', 'bytes 7-9/10']);
    expect(code(await download(`${base}/f`, 'mode=download&offset=10'))).toBe('416 RANGE_NOT_SATISFIABLE');
    expect(code(await download(`${base}/f`, 'mode=download&offset=-1'))).toBe('400 INVALID_REQUEST');
    expect(code(await download(`${base}/f`, 'mode=download', { headers: { range: 'bytes=0-1,5-6' } }))).toBe(
      '400 INVALID_REQUEST',
    );
  });

  it('is one version, and waits for a client that is slow', async () => {
    const bytes = patternBytes(2, 30 * MIB);
    // With the timeouts that ship, which are longer than what happens while the client waits.
    await withServer({}, async (own) => {
      const client = own.client();
      await must(client.put('/f', bytes));
      await own.resetPeakMemory();
      const { resident } = await own.memory();
      const got = await overSocket(own, client, '/f', 'mode=download', {
        opened: async (socket) => {
          socket.pause();
          await must(client.put('/f', 'another'));
          // Longer than it takes to read all of it.
          await delay(IDLE_MS / 2);
          socket.resume();
        },
      });
      expect(sha256(got.bytes)).toBe(sha256(bytes));
      expect((await own.memory()).peak - resident).toBeLessThan(24 * MIB);
    });
  });

  it('is cut off when the client takes nothing', async () => {
    await must(alice.put(`${base}/f`, patternBytes(2, 30 * MIB)));
    const got = await download(`${base}/f`, 'mode=download', {
      opened: async (socket) => {
        socket.pause();
        await settles(
          () =>
            metric('callfs_http_requests_total\\{method="GET",path="/v1/files/ws/\\*",status_code="101"\\}').then((n) => n > 0),
          true,
        );
        await delay(3 * IDLE_MS);
        socket.resume();
      },
    });
    expect([got.closeCode, got.messages]).toEqual([1006, []]);
  });
});

describe('an upload over a socket', () => {
  it.each([0, 1, 20_000, 5 * MIB])('makes %d bytes a file with the frame that ends it', async (size) => {
    const bytes = patternBytes(size, size);
    const done = await upload(`${base}/new/f`, bytes, 'mode=upload', {
      headers: { 'content-type': 'text/plain', 'x-callfs-mode': '0640' },
    });
    const file = await alice.get(`${base}/new/f`);
    expect(done.messages).toEqual([{ type: 'committed', size, etag: file.header('etag') }]);
    expect(done.closeCode).toBe(1000);
    expect(sha256(file.body)).toBe(sha256(bytes));
    expect([file.header('content-type'), file.header('x-callfs-mode'), file.header('x-callfs-owner')]).toEqual([
      'text/plain',
      '0640',
      'alice',
    ]);
  });

  it('is committed by a clean close, too', async () => {
    const opened = async (socket: WebSocket) => {
      await sendFrames(socket, Buffer.from('closed'));
      socket.close(1000);
    };
    expect((await upload(`${base}/f`, '', 'mode=upload', { opened })).closeCode).toBe(1000);
    await settles(async () => (await alice.get(`${base}/f`)).text, 'closed');
  });

  it.each([
    ['another code', (socket: WebSocket) => socket.close(1001)],
    ['no code', (socket: WebSocket) => socket.close()],
    ['none at all', (socket: WebSocket) => socket.terminate()],
  ])('commits nothing when it is closed with %s', async (_, end) => {
    await must(alice.put(`${base}/f`, 'old'));
    await upload(`${base}/f`, '', 'mode=upload', {
      opened: async (socket) => {
        await sendFrames(socket, patternBytes(3, 200_000));
        end(socket);
      },
    });
    await settles(() => metric('callfs_uploads_in_flight'), 0);
    expect((await alice.get(`${base}/f`)).text).toBe('old');
  });

  it('holds a fast client back and no more than a little of what it sends', async () => {
    const bytes = patternBytes(4, 32 * MIB);
    await server.resetPeakMemory();
    const { resident } = await server.memory();
    const done = await upload(`${base}/f`, '', 'mode=upload', {
      opened: (socket) => {
        // All at once: what the server does not take stays here.
        for (let at = 0; at < bytes.length; at += 65_536) socket.send(bytes.subarray(at, at + 65_536));
        socket.send(END);
      },
    });
    expect(done.messages).toMatchObject([{ type: 'committed', size: bytes.length }]);
    expect((await server.memory()).peak - resident).toBeLessThan(30 * MIB);
    expect(sha256((await alice.get(`${base}/f`)).body)).toBe(sha256(bytes));
  });

  it('is compared with its digest and its size before it is committed', async () => {
    await must(alice.put(`${base}/f`, 'old'));
    const digest = { headers: { 'repr-digest': digestField('right') } };
    expect((await upload(`${base}/f`, 'wrong', 'mode=upload', digest)).messages).toMatchObject([
      { type: 'error', code: 'DIGEST_MISMATCH' },
    ]);
    const short = await upload(`${base}/f`, 'abc', 'mode=upload&size=4');
    expect([short.messages, short.closeCode]).toMatchObject([[{ type: 'error', code: 'INVALID_REQUEST' }], 1008]);
    expect((await alice.get(`${base}/f`)).text).toBe('old');
    expect((await upload(`${base}/f`, 'right', 'mode=upload&size=5', digest)).messages).toMatchObject([{ type: 'committed' }]);
  });

  it('is refused when it is too large, before or on the way', async () => {
    expect(code(await upload(`${base}/f`, 'x', `mode=upload&size=${40 * MIB + 1}`))).toBe('413 PAYLOAD_TOO_LARGE');
    const late = await upload(`${base}/f`, '', 'mode=upload', {
      opened: (socket) => sendFrames(socket, patternBytes(5, 41 * MIB)).catch(() => undefined),
    });
    expect([late.messages, late.closeCode]).toMatchObject([[{ type: 'error', code: 'PAYLOAD_TOO_LARGE' }], 1009]);
    const frame = await upload(`${base}/f`, '', 'mode=upload', { opened: (socket) => socket.send(Buffer.alloc(65_537)) });
    expect(frame.closeCode).toBe(1009);
    const text = await upload(`${base}/f`, '', 'mode=upload', { opened: (socket) => socket.send('hello') });
    expect([text.messages, text.closeCode]).toMatchObject([[{ type: 'error', code: 'INVALID_REQUEST' }], 1008]);
    expect((await alice.get(`${base}/f`)).status).toBe(404);
  });

  it('is judged again at its end', async () => {
    const etag = (await must(alice.put(`${base}/f`, 'one'))).header('etag') ?? '';
    const opened = async (socket: WebSocket) => {
      await must(alice.put(`${base}/f`, 'two'));
      socket.send(Buffer.from('three'));
      socket.send(END);
    };
    const query = `mode=upload&if_match=${encodeURIComponent(etag)}`;
    const late = await upload(`${base}/f`, '', query, { opened });
    expect(late.messages).toMatchObject([
      { type: 'error', code: 'PRECONDITION_FAILED', request_id: late.headers['x-request-id'] },
    ]);
    expect(code(await upload(`${base}/f`, 'x', query))).toBe('412 PRECONDITION_FAILED');
    expect(code(await upload(`${base}/f`, 'x', 'mode=upload', { headers: { 'if-none-match': '*' } }))).toBe(
      '412 PRECONDITION_FAILED',
    );
    expect((await alice.get(`${base}/f`)).text).toBe('two');
  });

  it('is cut off when the client stalls, and goes on for as long as it does not', async () => {
    const stalled = await upload(`${base}/f`, '', 'mode=upload', { opened: (socket) => socket.send(Buffer.from('x')) });
    expect([stalled.messages, stalled.closeCode]).toMatchObject([[{ type: 'error', code: 'REQUEST_TIMEOUT' }], 1008]);
    const slow = await upload(`${base}/f`, '', 'mode=upload', {
      opened: async (socket) => {
        for (let i = 0; i < 20; i++) {
          await delay(IDLE_MS / 15);
          socket.send(Buffer.from('x'));
        }
        socket.send(END);
      },
    });
    expect(slow.messages).toMatchObject([{ type: 'committed', size: 20 }]);
  });
});

describe('before there is a socket', () => {
  it('refuses in plain HTTP what GET and PUT would', async () => {
    const secret = await freshDirectory(root, '0755');
    await must(root.put(`${secret}/f`, 'secret', { 'x-callfs-mode': '0600' }));
    expect(code(await overSocket(server, server.anonymous(), `${secret}/f`, 'mode=download'))).toBe('401 AUTHENTICATION_FAILED');
    expect(code(await download(`${secret}/f`))).toBe('403 PERMISSION_DENIED');
    expect(code(await upload(`${secret}/new`, 'x'))).toBe('403 PERMISSION_DENIED');
    expect(code(await download(`${base}/none`))).toBe('404 FILE_NOT_FOUND');
    expect(code(await download(base))).toBe('400 IS_A_DIRECTORY');
    expect(code(await download(`${base}/f`, 'mode=both'))).toBe('400 INVALID_REQUEST');
    const refused = await download(`${base}/none`);
    expect(refused.headers).toMatchObject({
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      connection: 'close',
    });
    await must(alice.put(`${base}/f`, 'x'));
    const etag = (await alice.head(`${base}/f`)).header('etag') ?? '';
    expect(code(await download(`${base}/f`, 'mode=download', { headers: { 'if-none-match': etag } }))).toBe(
      '412 PRECONDITION_FAILED',
    );
  });

  it('refuses what is no handshake', async () => {
    await must(alice.put(`${base}/f`, 'x'));
    const ask = { Authorization: `Bearer ${ROOT_KEY}`, Connection: 'Upgrade', Upgrade: 'websocket' };
    const sound = { ...ask, 'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
    for (const headers of [ask, { ...sound, 'Sec-WebSocket-Version': 12 }, { ...sound, 'Sec-WebSocket-Protocol': 'a,,b' }]) {
      const answer = await rawExchange(server, rawRequest('GET', `/v1/files/ws${base}/f?mode=download`, headers), {
        untilClose: true,
      });
      const [response] = answer.responses;
      expect([response?.status, JSON.parse(response?.body.toString() ?? '')]).toMatchObject([400, { code: 'INVALID_REQUEST' }]);
    }
    for (const path of ['/../../x', '/a%2fb', '/%00', '/%ff']) {
      const { responses } = await rawExchange(server, rawRequest('GET', `/v1/files/ws${path}?mode=download`, sound));
      expect([responses[0]?.status, JSON.parse(responses[0]?.body.toString() ?? '')]).toMatchObject([
        400,
        { code: 'INVALID_PATH' },
      ]);
    }
  });

  it('waits for no answer that is still due: what came before is answered, and the connection closed', async () => {
    await must(root.put(`${base}/f`, 'before'));
    const ask = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13 };
    const hasty = rawRequest('GET', `/v1/files/ws${base}/f`, { ...ask, 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' });
    const authorised = { Authorization: `Bearer ${ROOT_KEY}` };
    for (const [first, status] of [
      [rawRequest('GET', fileTarget(`${base}/f`), authorised), 200],
      [rawRequest('GET', `${fileTarget(`${base}/f`)}?follow=true`, authorised), 200],
      [rawRequest('PUT', fileTarget(`${base}/g`), { ...authorised, 'Content-Length': 3 }, 'put'), 201],
      [rawRequest('GET', fileTarget(`${base}/f`)), 401],
    ] as const) {
      const { responses, closed } = await rawExchange(server, first + hasty, { untilClose: true });
      expect(responses.map((response) => response.status)).toEqual([status, 400]);
      expect([closed, JSON.parse(responses[1]?.body.toString() ?? '')]).toMatchObject([true, { code: 'INVALID_REQUEST' }]);
    }
    expect((await root.get(`${base}/g`)).text).toBe('put');
  });

  it('is an ordinary path without the upgrade, and ignores other upgrades with their bodies', async () => {
    await must(alice.put('/home/alice/x', 'ordinary'));
    await must(root.put('/ws/x', 'below ws'));
    expect((await root.request('GET', '/v1/files/ws/x')).text).toBe('below ws');
    expect((await root.request('PUT', '/v1/files/ws/y', { body: 'put' })).status).toBe(201);
    const ask = {
      Authorization: `Bearer ${ROOT_KEY}`,
      Connection: 'Upgrade, HTTP2-Settings',
      Upgrade: 'h2c',
      'HTTP2-Settings': 'AAMAAABkAAQAAP__',
    };
    const requests = [
      rawRequest('PUT', fileTarget('/ws/z'), { ...ask, 'Content-Length': 4 }, 'body'),
      rawRequest('GET', fileTarget('/ws/z'), ask),
      rawRequest('GET', fileTarget('/ws'), { ...ask, Upgrade: 'websocket' }),
    ];
    const responses = [];
    for (const request of requests) responses.push(...(await rawExchange(server, request)).responses);
    expect(responses.map(({ status }) => status)).toEqual([201, 200, 200]);
    expect(responses[1]?.body.toString()).toBe('body');
  });
});

it('stands in the access log and the metrics', async () => {
  await must(alice.put(`${base}/f`, 'hello'));
  const said = server.output.length;
  await download(`${base}/f`);
  const path = `"path":"/v1/files/ws${base}/f"`;
  await server.waitFor(new RegExp(`${path}[^\\n]*\\n`), said);
  const line = server.output.split('\n').find((text) => text.includes(path)) ?? '';
  expect(JSON.parse(line)).toMatchObject({ method: 'GET', status: 101, bytes_out: 5, user: 'alice' });
  expect(line).not.toContain('aborted');
  expect(await metric('callfs_http_requests_total\\{method="GET",path="/v1/files/ws/\\*",status_code="101"\\}')).toBeGreaterThan(
    0,
  );
});

describe('D4 clients that vanish', () => {
  const descriptors = async () => (await descriptorsOf(server)).filter((name) => !name.includes('socket'));

  it.each([0, 1, 50, 99, 100])('at %d percent of an upload or download leave nothing behind', async (percent) => {
    const bytes = patternBytes(6, 3 * MIB);
    await must(alice.put(`${base}/f`, bytes));
    const idle = await descriptors();
    const share = Math.floor((bytes.length * percent) / 100);
    await upload(`${base}/new`, '', 'mode=upload', {
      opened: async (socket) => {
        await sendFrames(socket, bytes.subarray(0, share));
        socket.terminate();
      },
    });
    let got = 0;
    const socket = new WebSocket(socketUrl(server, `${base}/f`, 'mode=download'), {
      headers: { authorization: `Bearer ${alice.key}` },
    });
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => {
      const seen = () => {
        if (got >= share) socket.terminate();
      };
      socket.on('open', seen);
      socket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) got += data.length;
        seen();
      });
      socket.on('close', () => resolve());
    });
    await settles(() => metric('callfs_uploads_in_flight'), 0);
    await settles(descriptors, idle);
    await settles(() => metric('callfs_active_locks'), 0);
    expect((await alice.get(`${base}/new`)).status).toBe(404);
    expect((await alice.get(`${base}/f`)).status).toBe(200);
  });
});

describe('D7 a server that stops', () => {
  const stopsWithin = (shutdown_grace: string) => ({
    config: { server: { listen_addr: '127.0.0.1:0', protocol: 'http', shutdown_grace } },
  });
  const takesNoMore = (own: TestServer) =>
    expect
      .poll(
        () =>
          own
            .anonymous()
            .get('/')
            .catch((error: NodeJS.ErrnoException) => error.code),
        { timeout: 60_000 },
      )
      .toBe('ECONNREFUSED');

  it('lets a transfer come to its end', async () => {
    await withServer(stopsWithin('30s'), async (own) => {
      const done = await overSocket(own, own.client(), '/f', 'mode=upload', {
        opened: async (socket) => {
          await sendFrames(socket, Buffer.from('first '));
          own.signal('SIGTERM');
          await takesNoMore(own);
          await sendFrames(socket, Buffer.from('last'));
          socket.send(END);
        },
      });
      expect([done.closeCode, done.messages]).toMatchObject([1000, [{ type: 'committed', size: 10 }]]);
      expect(await own.exit()).toBe(0);
    });
  });

  it.each(['http', 'https'])(
    'says 1001 to those that take longer than its grace, and commits nothing of theirs: %s',
    async (protocol) => {
      const own = await prepareServer(stopsWithin('1s'));
      try {
        const { certificatePem, keyPem } = selfSignedCertificate(['127.0.0.1'], 2, new Date());
        await writeFile(join(own.dir, 'server.crt'), certificatePem);
        await writeFile(join(own.dir, 'server.key'), keyPem);
        await own.start();
        const client = own.client();
        await must(client.put('/large', patternBytes(7, 30 * MIB)));
        await must(client.put('/f', 'old'));
        await own.restart({ CALLFS_SERVER_PROTOCOL: protocol });
        const opened = { up: 0, down: 0 };
        const tls = { rejectUnauthorized: false };
        const upload = overSocket(own, client, '/f', 'mode=upload', {
          ...tls,
          opened: async (socket) => {
            await sendFrames(socket, patternBytes(8, 100_000));
            opened.up++;
          },
        });
        void overSocket(own, client, '/large', 'mode=download', {
          ...tls,
          opened: (socket) => {
            socket.pause();
            opened.down++;
          },
        });
        await expect.poll(() => opened, { timeout: 60_000 }).toEqual({ up: 1, down: 1 });
        own.signal('SIGTERM');
        expect((await upload).closeCode).toBe(1001);
        // The other does not hear the goodbye, and is not waited for.
        expect(await own.exit()).toBe(0);
        await own.start();
        expect((await client.get('/f')).text).toBe('old');
      } finally {
        await own.remove();
      }
    },
  );
});
