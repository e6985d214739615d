import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rename, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { DIRECTORY_PREFIX, withServer } from '../support/server';
import { blobMadeBy } from '../support/storage-root';
import { useServer } from '../support/use-server';

const server = useServer();

/** The system calls of the server while `work` is done, one a line, descriptors with their paths. */
async function trace(work: () => Promise<unknown>): Promise<string[]> {
  const file = join(server.dir, 'strace');
  const calls = 'fsync,fdatasync,sync_file_range,write,writev,sendto,sendmsg,link,linkat,rename,renameat,renameat2';
  const strace = spawn('strace', ['-f', '-y', '-s', '32', '-e', `trace=${calls}`, '-o', file, '-p', String(server.pid)]);
  const [said] = (await once(strace.stderr, 'data')) as [Buffer];
  expect(said.toString()).toContain('attached');
  try {
    await work();
  } finally {
    strace.kill('SIGINT');
    await once(strace, 'exit');
  }
  return (await readFile(file, 'utf8')).split('\n');
}

/** Positions of the first line for each pattern, each behind the one before; -1 where none is. */
function positions(lines: readonly string[], patterns: readonly RegExp[]): number[] {
  let from = 0;
  return patterns.map((pattern) => {
    const found = lines.findIndex((line, index) => index >= from && pattern.test(line));
    if (found >= 0) from = found + 1;
    return found;
  });
}

describe('C5 what strace shows of an acknowledged write', () => {
  const METADATA = /(fsync|fdatasync)\(\d+<[^>]*metadata\.sqlite(-wal)?>/;
  const ANSWER = /(write|writev|sendto|sendmsg)\(\d+<[^>]*(socket|TCP)[^>]*>.*HTTP\/1\.1 20[01]/;

  it.each(['POST', 'PUT'])(
    '%s of a blob: fsync of the file, of its directory, of the metadata, then the answer',
    async (method) => {
      const body = patternBytes(1, 200_000);
      await must(server.client().get('/'));

      const lines = await trace(() => must(server.client().request(method, `/v1/files/traced-${method}`, { body })));

      const order = positions(lines, [
        /(fsync|fdatasync)\(\d+<[^>]*\/staging\/[0-9a-f]{32}>/,
        /(link|linkat|rename|renameat|renameat2)\(.*\/blobs\/[0-9a-f]{2}\/[0-9a-f]{32}"/,
        /fsync\(\d+<[^>]*\/blobs\/[0-9a-f]{2}>/,
        METADATA,
        ANSWER,
      ]);
      expect(order.every((position) => position >= 0)).toBe(true);
    },
  );

  it.each<readonly [string, () => Promise<unknown>]>([
    ['PUT of small content', () => must(server.client().put('/seed/small', 'small'))],
    ['a directory', () => must(server.client().mkdir('/seed/made'))],
    ['a move', () => must(server.client().move('/seed/a', '/seed/b'))],
    ['a removal', () => must(server.client().delete('/seed/c'))],
    ['new attributes', () => must(server.client().patch('/seed/d', { mode: '0600' }))],
    ['a copy', () => must(server.client().copy('/seed/d', '/seed/e'))],
  ])('%s: sync of the metadata, then the answer', async (_, change) => {
    await server.client().delete('/seed', { recursive: true });
    for (const name of ['a', 'c', 'd']) await must(server.client().put(`/seed/${name}`, name));

    const lines = await trace(change);

    const order = positions(lines, [METADATA, /(write|writev|sendto|sendmsg)\(\d+<[^>]*(socket|TCP)[^>]*>.*HTTP\/1\.1 20[014]/]);
    expect(order.every((position) => position >= 0)).toBe(true);
  });
});

describe('C5 what strace shows of a first start', () => {
  it('each directory that is made on the way to the data is synced in the one above it, before anything is acknowledged', async () => {
    const dir = await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX));
    const [log, data] = [join(dir, 'strace'), join(dir, 'fresh')];
    const options = {
      dir,
      config: {
        backend: { localfs_root_path: join(data, 'a/b/root') },
        metadata_store: { sqlite_path: join(data, 'meta/c/metadata.sqlite') },
      },
      wrapper: ['strace', '-D', '-f', '-y', '-e', 'trace=mkdir,mkdirat,fsync', '-o', log],
    };
    await withServer(options, async () => {});
    const lines = (await readFile(log, 'utf8')).split('\n');
    for (const made of [
      data,
      join(data, 'a'),
      join(data, 'a/b'),
      join(data, 'a/b/root'),
      join(data, 'meta'),
      join(data, 'meta/c'),
    ]) {
      const order = positions(lines, [
        new RegExp(`mkdir(at)?\\(.*"${made}", 0700\\) = 0`),
        new RegExp(`fsync\\(\\d+<${dirname(made)}>\\) = 0`),
      ]);
      expect([made, order.every((position) => position >= 0)]).toEqual([made, true]);
    }
    await rm(dir, { recursive: true });
  });
});

describe('C6 a blob that changed on the disk', () => {
  /** More than is read ahead before the answer begins. */
  const SIZE = 10_000_000;
  const BYTES = patternBytes(6, SIZE);

  async function flip(path: string, position: number): Promise<void> {
    const file = await open(path, 'r+');
    try {
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, position);
      byte[0] = (byte[0] as number) ^ 0x10;
      await file.write(byte, 0, 1, position);
    } finally {
      await file.close();
    }
  }

  /** What a client sees: the outcome of a whole answer, or that it was broken off. */
  const download = (headers?: Record<string, string>) =>
    server
      .client()
      .get('/file', headers)
      .then(
        ({ outcome, body }) => (outcome === '200' && sha256(body) === sha256(BYTES) ? 'intact' : outcome),
        () => 'broken off',
      );

  /** The blob of `/file`, new for each test. */
  let blob: string;

  beforeEach(async () => {
    blob = await blobMadeBy(server.dataDir, () => must(server.client().put('/file', BYTES)));
    expect(await download()).toBe('intact');
  });

  it.each([
    ['the first byte', 0, '503 BACKEND_UNAVAILABLE'],
    ['a byte in the middle', SIZE / 2, 'broken off'],
    ['the last byte', SIZE - 1, 'broken off'],
    ['the first sum', SIZE + 2, '503 BACKEND_UNAVAILABLE'],
    ['the footer', SIZE + Math.ceil(SIZE / 65_536) * 4 + 10, '503 BACKEND_UNAVAILABLE'],
  ])('%s flipped: the transfer fails visibly', async (_, position, outcome) => {
    await flip(blob, position);

    expect(await download()).toBe(outcome);
    await flip(blob, position);
    expect(await download()).toBe('intact');
  });

  it('cut short, or away: 503', async () => {
    await truncate(blob, SIZE / 2);
    expect(await download()).toBe('503 BACKEND_UNAVAILABLE');
    await rename(blob, `${server.dir}/away`);
    expect(await download()).toBe('503 BACKEND_UNAVAILABLE');
  });

  it('a range beside the damage is served, one across it is not', async () => {
    await flip(blob, SIZE / 2);

    expect(await download({ range: 'bytes=0-999' })).toBe('206');
    expect(await download({ range: `bytes=${SIZE / 2 - 10}-${SIZE / 2 + 10}` })).toBe('503 BACKEND_UNAVAILABLE');
  });
});
