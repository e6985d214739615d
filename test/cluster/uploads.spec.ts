import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { rawRequest } from '../support/raw';
import { overSocket, sendFrames } from '../support/sockets';
import { begun, PART, send, status } from '../uploads/tus-client';
import { startTwoNodes, type TwoNodes } from './two-nodes';

const MIB = 1_048_576;
let nodes: TwoNodes;
let east: Client;
let west: Client;

beforeAll(async () => {
  nodes = await startTwoNodes();
  east = nodes.east.client('alice');
  west = nodes.west.client('alice');
});
afterAll(() => nodes?.stop());

describe('an upload whose requests come to several nodes', () => {
  it('is one upload: begun here, gone on with there, finished by whoever has the last byte', async () => {
    const bytes = patternBytes(1, 9 * MIB + 5);
    for (const last of [east, west]) {
      const path = `/home/alice/${last === east ? 'east' : 'west'}`;
      const upload = await begun(east, bytes.length, { path });
      // Short parts as well: those of another node are not written again, those of the same are.
      const ends = [100, 2 * MIB, 2 * MIB + 50, 2 * MIB + 90, 6 * MIB, bytes.length];
      for (const [index, end] of ends.entries()) {
        const client = end === bytes.length ? last : index % 3 === 0 ? west : east;
        const offset = Number((await status(client, upload)).header('upload-offset'));
        expect(offset).toBe(ends[index - 1] ?? 0);
        await must(send(client, upload, offset, bytes.subarray(offset, end)));
      }
      for (const reader of [east, west]) expect(sha256((await reader.get(path)).body)).toBe(sha256(bytes));
    }
  });

  it('T3 goes on at another node at once, and what the first brings then is refused', async () => {
    const bytes = patternBytes(2, 4 * MIB);
    const upload = await begun(east, bytes.length, { path: '/home/alice/taken' });
    await must(send(east, upload, 0, bytes.subarray(0, MIB)));
    const socket = connect(nodes.east.port, nodes.east.host);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const authorization = `Bearer ${nodes.east.user('alice').key}`;
    socket.write(rawRequest('PATCH', upload, { ...PART, authorization, 'Upload-Offset': MIB, 'Content-Length': 3 * MIB }));
    await new Promise<void>((resolve) => void socket.write(Buffer.alloc(2 * MIB, 7), () => resolve()));
    // The first is under way as soon as its attempt is the later one.
    await expect
      .poll(async () => (await east.request('GET', '/metrics')).text, { timeout: 20_000 })
      .toMatch(/^callfs_uploads_in_flight 1$/m);

    expect((await status(west, upload)).header('upload-offset')).toBe(`${MIB}`);
    await must(send(west, upload, MIB, bytes.subarray(MIB)));
    const answered = once(socket, 'data') as Promise<[Buffer]>;
    socket.write(Buffer.alloc(MIB, 7));
    expect((await answered)[0].toString()).toMatch(/^HTTP\/1\.1 409 .*"code":"UPLOAD_TAKEN_OVER"/s);
    socket.destroy();
    for (const reader of [east, west]) expect(sha256((await reader.get('/home/alice/taken')).body)).toBe(sha256(bytes));
  });

  it('becomes a file once, although both nodes are asked to make it one', async () => {
    const upload = await begun(east, 3 * MIB, { path: '/home/alice/once' });
    const bytes = patternBytes(3, 3 * MIB);
    await must(send(east, upload, 0, bytes.subarray(0, 2 * MIB)));
    await must(nodes.east.client().patch('/home/alice', { mode: '0500' }));
    expect((await send(west, upload, 2 * MIB, bytes.subarray(2 * MIB))).status).toBe(403);
    await must(nodes.east.client().patch('/home/alice', { mode: '0750' }));
    // Whoever is overtaken while it finishes is told so, and asks again.
    const finished = async (client: Client): Promise<number> => {
      const answer = await status(client, upload);
      return answer.status === 409 ? finished(client) : answer.status;
    };
    expect(await Promise.all([east, west, east, west].map(finished))).toEqual([200, 200, 200, 200]);
    const etag = (await east.head('/home/alice/once')).header('etag');
    for (const client of [east, west]) expect((await status(client, upload)).header('upload-offset')).toBe(`${3 * MIB}`);
    const file = await west.get('/home/alice/once');
    expect([sha256(file.body), file.header('etag')]).toEqual([sha256(bytes), etag]);
  });

  it('waits for a node that has some of it and is down, and loses nothing', { timeout: 60_000 }, async () => {
    const bytes = patternBytes(4, 4 * MIB);
    const upload = await begun(west, bytes.length, { path: '/home/alice/down' });
    await must(send(west, upload, 0, bytes.subarray(0, 2 * MIB)));
    await nodes.west.kill();
    const refused = await send(east, upload, 2 * MIB, bytes.subarray(2 * MIB));
    expect(refused.outcome).toBe('502 PEER_UNAVAILABLE');
    expect((await east.get('/home/alice/down')).status).toBe(404);
    await nodes.west.start();
    await expect.poll(async () => (await status(east, upload)).status, { timeout: 30_000 }).toBe(200);
    expect(sha256((await east.get('/home/alice/down')).body)).toBe(sha256(bytes));
  });
});

it('sockets read what another node has, and replace it', async () => {
  const bytes = patternBytes(5, 3 * MIB);
  const up = await overSocket(nodes.west, west, '/home/alice/socket', 'mode=upload', {
    opened: async (socket) => {
      await sendFrames(socket, bytes);
      socket.send('{"type":"end"}');
    },
  });
  expect(up.messages).toMatchObject([{ type: 'committed', size: bytes.length }]);
  const down = await overSocket(nodes.east, east, '/home/alice/socket', 'mode=download');
  expect([down.closeCode, sha256(down.bytes)]).toEqual([1000, sha256(bytes)]);
});
