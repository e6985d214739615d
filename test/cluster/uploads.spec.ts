import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { TestCluster } from '../support/cluster';
import { DroppingProxy } from '../support/dropping-proxy';
import { must } from '../support/fixture';
import { digestField, patternBytes, Random, sha256 } from '../support/random';
import { rawRequest } from '../support/raw';
import { overSocket, sendFrames } from '../support/sockets';
import { blobMadeBy } from '../support/storage-root';
import { pollBegunWriting } from './staging';
import { begun, PART, send, status, upload as transfer } from '../uploads/tus-client';

const MIB = 1_048_576;
const DROPS = 40;
let cluster: TestCluster;
let east: Client;
let west: Client;

beforeAll(async () => {
  cluster = await TestCluster.start();
  east = cluster.node(1).client('alice');
  west = cluster.node(2).client('alice');
});
afterAll(() => cluster?.stop());

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
    const socket = connect(cluster.node(1).port, cluster.node(1).host);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const authorization = `Bearer ${cluster.node(1).user('alice').key}`;
    socket.write(rawRequest('PATCH', upload, { ...PART, authorization, 'Upload-Offset': MIB, 'Content-Length': 3 * MIB }));
    await new Promise<void>((resolve) => void socket.write(Buffer.alloc(2 * MIB, 7), () => resolve()));
    await pollBegunWriting(cluster.node(1).dataDir);

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
    await must(cluster.node(1).client().patch('/home/alice', { mode: '0500' }));
    expect((await send(west, upload, 2 * MIB, bytes.subarray(2 * MIB))).status).toBe(403);
    await must(cluster.node(1).client().patch('/home/alice', { mode: '0750' }));
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

  it('T5 is refused at its end by what happened on the other node, and kept until that is mended', async () => {
    const bytes = patternBytes(6, 3 * MIB);
    const path = '/home/alice/directory';
    const upload = await begun(east, bytes.length, { path });
    await must(send(east, upload, 0, bytes.subarray(0, MIB)));
    await must(send(west, upload, MIB, bytes.subarray(MIB, 2 * MIB)));
    await must(east.mkdir(path));
    expect((await send(west, upload, 2 * MIB, bytes.subarray(2 * MIB))).outcome).toBe('409 FILE_ALREADY_EXISTS');
    expect((await status(east, upload)).outcome).toBe('409');
    await must(west.delete(path));
    expect((await status(east, upload)).header('upload-offset')).toBe(`${bytes.length}`);
    expect(sha256((await west.get(path)).body)).toBe(sha256(bytes));
  });

  it(
    'T4 tus-js-client brings it through dropped connections, each to the next node, one of which is killed',
    { timeout: 240_000 },
    async () => {
      const bytes = patternBytes(7, 64 * MIB);
      const random = new Random(12);
      let connections = 0;
      const proxy = await DroppingProxy.start(() => (connections++ % 2 ? cluster.node(2) : cluster.node(1)));
      proxy.nextDrop = () => (proxy.drops < DROPS ? 1 + random.below((1.2 * bytes.length) / DROPS) : undefined);
      let killed: Promise<void> | undefined;
      const onProgress = (sent: number) => {
        if (sent > bytes.length / 2)
          killed ??= cluster
            .node(2)
            .kill()
            .then(() => cluster.node(2).start());
      };
      try {
        // As often as it takes until the node that was killed is there again.
        const retryDelays = Array.from({ length: 2_000 }, () => 50);
        const { key } = cluster.node(1).user('alice');
        await transfer(bytes, proxy.url, key, { path: '/home/alice/dropped' }, { retryDelays, onProgress });
        await killed;
        expect(killed).toBeDefined();
        expect(proxy.drops).toBe(DROPS);
        for (const reader of [east, west])
          expect((await reader.head('/home/alice/dropped')).header('repr-digest')).toBe(digestField(bytes));
        expect(sha256((await east.get('/home/alice/dropped')).body)).toBe(sha256(bytes));
      } finally {
        await proxy.stop();
      }
    },
  );

  it('waits for a node that has some of it and is down, and loses nothing', async () => {
    const bytes = patternBytes(4, 4 * MIB);
    const upload = await begun(west, bytes.length, { path: '/home/alice/down' });
    await must(send(west, upload, 0, bytes.subarray(0, 2 * MIB)));
    await cluster.node(2).kill();
    const refused = await send(east, upload, 2 * MIB, bytes.subarray(2 * MIB));
    expect(refused.outcome).toBe('502 PEER_UNAVAILABLE');
    expect((await east.get('/home/alice/down')).status).toBe(404);
    await cluster.node(2).start();
    await expect.poll(async () => (await status(east, upload)).status, { timeout: 60_000 }).toBe(200);
    expect(sha256((await east.get('/home/alice/down')).body)).toBe(sha256(bytes));
  });
});

it('sockets read what another node has, and replace it', async () => {
  const bytes = patternBytes(5, 3 * MIB);
  const up = await overSocket(cluster.node(2), west, '/home/alice/socket', 'mode=upload', {
    opened: async (socket) => {
      await sendFrames(socket, bytes);
      socket.send('{"type":"end"}');
    },
  });
  expect(up.messages).toMatchObject([{ type: 'committed', size: bytes.length }]);
  const down = await overSocket(cluster.node(1), east, '/home/alice/socket', 'mode=download');
  expect([down.closeCode, sha256(down.bytes)]).toEqual([1000, sha256(bytes)]);
});

it('T6 expires on every node, is counted once, and frees the bytes on both disks', async () => {
  const upload = await begun(east, 3 * MIB, { path: '/home/alice/expired' });
  const sent = (client: Client, offset: number) => must(send(client, upload, offset, patternBytes(offset, MIB)));
  const made = [
    await blobMadeBy(cluster.node(1).dataDir, () => sent(east, 0)),
    await blobMadeBy(cluster.node(2).dataDir, () => sent(west, MIB)),
  ];
  await Promise.all(cluster.nodes.map((node) => node.stop()));
  await cluster.query(`UPDATE upload SET expires_ms = ${Date.now()}`);
  const expiry = { CALLFS_STORAGE_UPLOAD_EXPIRY: '2s', CALLFS_STORAGE_COLLECT_GRACE: '0s' };
  await Promise.all(cluster.nodes.map((node) => node.start(expiry)));
  const expired = async () => {
    const texts = await Promise.all([east, west].map((client) => client.request('GET', '/metrics')));
    const counts = texts.map(({ text }) => Number(/^callfs_uploads_expired_total (\d+)$/m.exec(text)?.[1]));
    return counts.reduce((sum, count) => sum + count);
  };
  await expect.poll(expired, { timeout: 60_000 }).toBe(1);
  for (const client of [east, west]) {
    expect((await status(client, upload)).status).toBe(410);
    expect((await send(client, upload, 2 * MIB, 'x')).outcome).toBe('410 UPLOAD_GONE');
  }
  await expect.poll(() => made.filter((blob) => existsSync(blob)), { timeout: 60_000 }).toEqual([]);
  expect(await expired()).toBe(1);
});
