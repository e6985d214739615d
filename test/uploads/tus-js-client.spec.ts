import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Upload } from 'tus-js-client';
import type { Client } from '../support/client';
import { DroppingProxy } from '../support/dropping-proxy';
import { freshDirectory } from '../support/fixture';
import { patternBytes, Random, sha256 } from '../support/random';
import { withServer } from '../support/server';
import { useServer } from '../support/use-server';
import { upload } from './tus-client';

const MIB = 1_048_576;
/** 1024 for the whole gigabyte; a drop comes a hundred times in any case. */
const SIZE = Number(process.env['CALLFS_TEST_TUS_MIB'] ?? 256) * MIB;
const DROPS = 100;
/** Far below what a server would need that holds an upload in memory. */
const MEMORY_MAX = 420 * MIB;

const server = useServer();
let alice: Client;
let base: string;

beforeAll(() => {
  alice = server.client('alice');
});

beforeEach(async () => {
  base = await freshDirectory(server.client(), '0777');
});

const key = () => server.user('alice').key;

/** A proxy that breaks connections after random bytes until it has done so often enough. */
async function dropping(drops: number, everyBytes: number): Promise<DroppingProxy> {
  const proxy = await DroppingProxy.start(() => server);
  const random = new Random(11);
  proxy.nextDrop = () => (proxy.drops < drops ? 1 + random.below(2 * everyBytes) : undefined);
  return proxy;
}

describe('T4 tus-js-client', () => {
  it(
    `brings ${SIZE / MIB} MiB through ${DROPS} dropped connections, byte for byte, in bounded memory`,
    { timeout: 300_000 },
    async () => {
      const bytes = patternBytes(3, SIZE);
      const proxy = await dropping(DROPS, Math.floor((SIZE / DROPS) * 0.8));
      try {
        const resets = Array.from({ length: 2 * DROPS }, () => 0);
        await upload(bytes, proxy.url, key(), { path: `${base}/big` }, { retryDelays: resets });
        expect(proxy.drops).toBe(DROPS);
        const head = await alice.head(`${base}/big`);
        const digest = `sha-256=:${Buffer.from(sha256(bytes), 'hex').toString('base64')}:`;
        expect([head.header('content-length'), head.header('repr-digest')]).toEqual([`${SIZE}`, digest]);
        expect((await server.memory()).peak).toBeLessThan(MEMORY_MAX);
      } finally {
        await proxy.stop();
      }
    },
  );

  it('uploads in parallel and puts the parts together, over connections that drop', async () => {
    const bytes = patternBytes(4, 24 * MIB);
    const proxy = await dropping(12, 2 * MIB);
    try {
      const options = { parallelUploads: 4, retryDelays: Array.from({ length: 50 }, () => 0) };
      await upload(bytes, proxy.url, key(), { path: `${base}/parallel` }, options);
      expect(sha256((await alice.get(`${base}/parallel`)).body)).toBe(sha256(bytes));
    } finally {
      await proxy.stop();
    }
  });

  it('sends chunks of its own size, with the first in the creation', async () => {
    const bytes = patternBytes(5, 3 * MIB + 7);
    await upload(bytes, server.url, key(), { path: `${base}/chunks` }, { chunkSize: 500_000, uploadDataDuringCreation: true });
    expect(sha256((await alice.get(`${base}/chunks`)).body)).toBe(sha256(bytes));
  });

  it('gets through where there is no PATCH', async () => {
    const bytes = patternBytes(7, MIB);
    await upload(bytes, server.url, key(), { path: `${base}/posted` }, { chunkSize: 400_000, overridePatchMethod: true });
    expect(sha256((await alice.get(`${base}/posted`)).body)).toBe(sha256(bytes));
  });

  it('finds an upload again that was left, and gives one up', async () => {
    const bytes = patternBytes(6, 2 * MIB);
    const left = await new Promise<string>((resolve, reject) => {
      const transfer = new Upload(bytes, {
        endpoint: `${server.url}/v1/uploads`,
        headers: { Authorization: `Bearer ${key()}` },
        metadata: { path: `${base}/left` },
        chunkSize: 100_000,
        onChunkComplete: () => void transfer.abort().then(() => resolve(transfer.url ?? ''), reject),
        onError: reject,
      });
      transfer.start();
    });
    expect((await alice.get(`${base}/left`)).status).toBe(404);
    await upload(bytes, server.url, key(), {}, { uploadUrl: left });
    expect(sha256((await alice.get(`${base}/left`)).body)).toBe(sha256(bytes));
    await Upload.terminate(left, { headers: { Authorization: `Bearer ${key()}` } });
    expect((await alice.get(`${base}/left`)).status).toBe(200);
  });
});

it('goes on where it was when the server is killed in the middle and started again', { timeout: 240_000 }, async () => {
  await withServer({}, async (crashing) => {
    const user = crashing.client('alice');
    const proxy = await DroppingProxy.start(() => crashing);
    try {
      const bytes = patternBytes(8, 24 * MIB);
      let acknowledged = 0;
      let kills = 0;
      let up = Promise.resolve();
      const kill = async () => {
        await crashing.kill();
        await crashing.start();
      };
      await upload(
        bytes,
        proxy.url,
        crashing.user('alice').key,
        { path: '/home/alice/f' },
        {
          chunkSize: MIB,
          retryDelays: Array.from({ length: 100 }, () => 50),
          onChunkComplete: (_size, accepted) => {
            acknowledged = accepted;
            if (accepted < 8 * (kills + 1) * MIB || kills === 2) return;
            kills++;
            up = kill();
          },
          // Nothing that was acknowledged is asked for again.
          onBeforeRequest: async (request) => {
            await up;
            if (request.getMethod() === 'PATCH')
              expect(Number(request.getHeader('Upload-Offset'))).toBeGreaterThanOrEqual(acknowledged);
          },
        },
      );
      expect(kills).toBe(2);
      expect(sha256((await user.get('/home/alice/f')).body)).toBe(sha256(bytes));
    } finally {
      await proxy.stop();
    }
  });
});
