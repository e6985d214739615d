import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { names, type Answer, type Client } from '../support/client';
import { freshDirectory, freshFixture, must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { settlesWithin } from '../support/observed';
import { DIRECTORY_PREFIX, startServer, withServer, type TestServer } from '../support/server';
import { blobMadeBy, storedFiles } from '../support/storage-root';
import { useServer } from '../support/use-server';

const BLOB = patternBytes(1, 100_000);
const isRoot = process.getuid?.() === 0;

describe('S1 what is planted in the storage root', () => {
  let server: TestServer;
  let root: Client;
  let canary: string;
  let blob: string;

  beforeEach(async () => {
    server = await startServer();
    root = server.client();
    canary = join(server.dir, 'canary');
    await writeFile(canary, Buffer.alloc(100_048, 'canary '));
    blob = await blobMadeBy(server.dataDir, () => must(root.put('/file', BLOB)));
  });

  afterEach(async () => {
    await server.stop();
    await server.remove();
  });

  /** Puts something else where the file's blob is; returns what GET then says. */
  async function replaceBlob(plant: (path: string) => Promise<unknown>): Promise<Answer | Error> {
    await rename(blob, `${blob}.away`);
    try {
      await plant(blob);
      // A blob that is kept open or mapped would show nothing: a new process has neither.
      await server.restart();
      return await root.get('/file', undefined).catch((error: Error) => error);
    } finally {
      await rm(blob, { recursive: true, force: true });
      await rename(`${blob}.away`, blob);
    }
  }

  it.each<readonly [string, (blob: string) => Promise<unknown>]>([
    ['a symbolic link to a file of the host', (blob) => symlink(canary, blob)],
    ['a symbolic link to /etc/passwd', (blob) => symlink('/etc/passwd', blob)],
    ['a hard link to a file of the host', (blob) => link(canary, blob)],
    ['a FIFO', async (blob) => execFileSync('mkfifo', [blob])],
    ['a socketless directory', (blob) => mkdir(blob)],
    ['a device', async (blob) => isRoot && execFileSync('mknod', [blob, 'c', '1', '5'])],
  ])('%s in place of a blob is neither followed nor served', async (_, plant) => {
    const answer = await replaceBlob(plant);

    expect(answer instanceof Error ? 'broken off' : answer.outcome).toBe('503 BACKEND_UNAVAILABLE');
    expect(sha256((await root.get('/file')).body)).toBe(sha256(BLOB));
    expect(await readFile(canary, 'utf8')).toMatch(/^(canary )+/);
  });

  it('links, FIFOs and devices beside the blobs are left alone, and no request waits for them', async () => {
    await symlink(canary, join(server.dataDir, 'blobs', 'link'));
    await symlink('/etc', join(server.dataDir, 'blobs', '00', 'etc'));
    execFileSync('mkfifo', [
      join(server.dataDir, 'fifo'),
      join(server.dataDir, 'staging', 'f'.repeat(32)),
      join(server.dataDir, 'blobs', '00', `00${'a'.repeat(30)}`),
    ]);
    if (isRoot) execFileSync('mknod', [join(server.dataDir, 'blobs', '01', `01${'b'.repeat(30)}`), 'c', '1', '5']);

    await server.restart();

    for (const path of ['/link', '/fifo', '/00/etc/passwd', '/blobs/link', '/etc/passwd', '/canary'])
      expect([path, (await root.get(path)).outcome]).toEqual([path, '404 FILE_NOT_FOUND']);
    expect(names(await root.list('/'))).toEqual(['file', 'home']);
    expect(sha256((await root.get('/file')).body)).toBe(sha256(BLOB));
    expect((await root.put('/another', BLOB)).status).toBe(201);
    expect(await readFile(canary, 'utf8')).toMatch(/^(canary )+/);
  });

  it('a directory of blobs that is a link elsewhere: no start, and the message names it', async () => {
    const shard = join(server.dataDir, 'blobs', 'ab');
    await server.stop();
    await rename(shard, `${shard}.away`);
    await symlink(server.dir, shard);

    await expect(server.start()).rejects.toThrow(/ended/);
    expect(await server.exit()).toBe(1);
    expect(server.stderr).toContain(shard);

    await rm(shard);
    await rename(`${shard}.away`, shard);
    await server.start();
  });
});

describe('S2 symbolic links of the API', () => {
  const server = useServer();
  let root: Client;
  let base: string;

  beforeAll(() => {
    root = server.client();
  });

  beforeEach(async () => {
    base = await freshFixture(root);
  });

  it('lead where they say: beside, up, absolutely, through each other and through directories', async () => {
    await must(root.symlink(`${base}/dir/up`, '../file'));
    await must(root.symlink(`${base}/absolute`, `${base}/file`));
    await must(root.symlink(`${base}/chain`, 'dir/up'));
    await must(root.symlink(`${base}/folder`, './dir/'));

    for (const name of ['link', 'dir/up', 'absolute', 'chain', 'folder/up']) {
      expect([name, (await root.get(`${base}/${name}`)).text]).toEqual([name, 'old']);
    }
    expect((await root.get(`${base}/folder/inner`)).text).toBe('inside');
    expect(names(await root.list(`${base}/folder`))).toEqual(['inner', 'up']);
    expect((await root.put(`${base}/folder/new`, 'x')).status).toBe(201);
    expect((await root.get(`${base}/dir/new`)).text).toBe('x');
  });

  it('are entries of their own in a listing', async () => {
    const [entry] = (await root.list(base, { type: 'symlink' })).json.items;

    expect(entry).toMatchObject({ name: 'link', type: 'symlink', target: 'file', size: 4, mode: '0777' });
  });

  it('that exist are a 409, and the path keeps what it has', async () => {
    for (const name of ['file', 'dir', 'link'])
      expect((await root.symlink(`${base}/${name}`, 'x')).outcome).toBe('409 FILE_ALREADY_EXISTS');
  });

  it('in a circle: 400 ELOOP, on every operation that follows them', async () => {
    await must(root.symlink(`${base}/a`, 'b'));
    await must(root.symlink(`${base}/b`, 'a'));
    await must(root.symlink(`${base}/self`, 'self'));
    await must(root.symlink(`${base}/deep`, 'deep/x'));

    for (const name of ['a', 'self', 'deep', 'a/below', 'self/x/y']) {
      const path = `${base}/${name}`;
      expect([name, (await root.get(path)).outcome]).toEqual([name, '400 ELOOP']);
      expect([name, (await root.put(path, 'x')).outcome]).toEqual([name, '400 ELOOP']);
      expect([name, (await root.list(path)).outcome]).toEqual([name, '400 ELOOP']);
      expect([name, (await root.copy(path, `${base}/copy`)).outcome]).toEqual([name, '400 ELOOP']);
    }
    expect((await root.move(`${base}/file`, `${base}/a/x`)).outcome).toBe('400 ELOOP');
    for (const name of ['a', 'b', 'self', 'deep']) expect((await root.delete(`${base}/${name}`)).status).toBe(204);
  });

  it('are followed forty deep and no further', async () => {
    await must(root.put(`${base}/l0`, 'end'));
    for (let i = 1; i <= 41; i++) await must(root.symlink(`${base}/l${i}`, `l${i - 1}`));

    expect((await root.get(`${base}/l40`)).text).toBe('end');
    expect((await root.get(`${base}/l41`)).outcome).toBe('400 ELOOP');
  });

  it('that dangle: 404 to read, and PUT creates what they point to', async () => {
    await must(root.symlink(`${base}/dangling`, 'target'));

    expect((await root.get(`${base}/dangling`)).outcome).toBe('404 FILE_NOT_FOUND');
    expect((await root.put(`${base}/dangling`, 'x')).status).toBe(201);
    expect((await root.get(`${base}/target`)).text).toBe('x');
  });

  it.each(['../../../../../../etc/passwd', '/etc/passwd', '/proc/self/environ', '//etc/./passwd'])(
    'never lead to the host: %s',
    async (target) => {
      await must(root.symlink(`${base}/out`, target));

      expect((await root.get(`${base}/out`)).outcome).toBe('404 FILE_NOT_FOUND');
    },
  );

  it.each([
    ['an empty target', '{"target":""}'],
    ['a target with NUL', '{"target":"a\\u0000b"}'],
    ['a target that is no text', '{"target":7}'],
    ['no target', '{}'],
    ['a target of 4,096 bytes', JSON.stringify({ target: `${'n/'.repeat(2048)}` })],
  ])('with %s: 400, and nothing is made', async (_, body) => {
    const answer = await root.post(`${base}/new`, body, { 'content-type': 'application/vnd.callfs.symlink+json' });

    expect(answer.status).toBe(400);
    expect((await root.head(`${base}/new`)).status).toBe(404);
  });

  it("resolve with the caller's permissions, not those of who made them", async () => {
    const alice = server.client('alice');
    await must(root.put(`${base}/secret`, 'secret', { 'x-callfs-mode': '0600' }));
    await must(root.mkdir(`${base}/closed`, '0700'));
    await must(root.put(`${base}/closed/open`, 'x', { 'x-callfs-mode': '0666' }));
    const home = `/home/alice/${base.slice(1)}`;
    await must(alice.symlink(`${home}/to-secret`, `${base}/secret`));
    await must(alice.symlink(`${home}/to-closed`, `${base}/closed/open`));
    await must(root.symlink(`${base}/by-root`, 'secret'));

    for (const path of [`${home}/to-secret`, `${home}/to-closed`, `${base}/by-root`]) {
      expect([path, (await alice.get(path)).outcome]).toEqual([path, '403 PERMISSION_DENIED']);
      expect([path, (await alice.put(path, 'x')).outcome]).toEqual([path, '403 PERMISSION_DENIED']);
      expect([path, (await alice.copy(path, `${home}/copy`)).outcome]).toEqual([path, '403 PERMISSION_DENIED']);
    }
    expect((await root.get(`${base}/secret`)).text).toBe('secret');
  });

  it('removed with a tree leave what they lead to', async () => {
    const dir = await freshDirectory(root);
    await must(root.symlink(`${dir}/to-dir`, `${base}/dir`));

    await must(root.delete(dir, { recursive: true }));

    expect((await root.get(`${base}/dir/inner`)).text).toBe('inside');
  });
});

describe.runIf(isRoot)('S3 a disk that is full or read-only', () => {
  let disk: string;
  let server: TestServer;
  let root: Client;

  beforeAll(async () => {
    disk = await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
    server = await startServer({ config: { backend: { localfs_root_path: join(disk, 'data') } } });
    root = server.client();
  });

  afterAll(async () => {
    await server.stop();
    await server.remove();
    execFileSync('umount', [disk]);
    await rm(disk, { recursive: true });
  });

  it('full: 507, no partial file, no descriptor kept, reads go on, room made is room', async () => {
    await must(root.put('/kept', patternBytes(2, 1_000_000)));
    const before = await storedFiles(join(disk, 'data'));
    const descriptors = async () => (await server.openDescriptors()).filter((name) => name.startsWith(disk)).length;
    const open = await descriptors();

    for (let i = 0; i < 5; i++)
      expect((await root.put(`/big${i}`, patternBytes(3, 6_000_000))).outcome).toBe('507 INSUFFICIENT_STORAGE');
    const said = server.output.length;
    expect((await root.put('/kept', patternBytes(4, 6_000_000))).outcome).toBe('507 INSUFFICIENT_STORAGE');
    await server.waitFor(/"cause":"ENOSPC: [^"]*"/, said);
    expect(server.output.slice(said)).not.toContain('"stack"');

    expect(await storedFiles(join(disk, 'data'))).toEqual(before);
    await settlesWithin(60_000)(descriptors, open);
    expect(sha256((await root.get('/kept')).body)).toBe(sha256(patternBytes(2, 1_000_000)));
    expect(names(await root.list('/'))).toEqual(['home', 'kept']);
    expect((await root.put('/fits', patternBytes(5, 1_000_000))).status).toBe(201);
  });

  it('read-only: 503, reads go on, and writes again when it is writable', async () => {
    // The claim on the root is held open for writing, which keeps the disk itself from becoming read-only.
    const staging = join(disk, 'data', 'staging');
    execFileSync('mount', ['--bind', staging, staging]);
    execFileSync('mount', ['-o', 'remount,bind,ro', staging]);
    try {
      expect((await root.put('/new', patternBytes(6, 100_000))).outcome).toBe('503 BACKEND_UNAVAILABLE');
      expect(sha256((await root.get('/kept')).body)).toBe(sha256(patternBytes(2, 1_000_000)));
    } finally {
      execFileSync('umount', [staging]);
    }
    expect((await root.put('/new', patternBytes(6, 100_000))).status).toBe(201);
  });
});

describe.runIf(isRoot)('S3 a full disk under the metadata', () => {
  it('507 for what does not fit, reads go on, and nothing acknowledged is lost', async () => {
    const disk = await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk]);
    try {
      const config = { metadata_store: { type: 'sqlite', sqlite_path: join(disk, 'metadata.sqlite') } };
      await withServer({ config }, async (server) => {
        const root = server.client();
        const stored: string[] = [];
        let refused = '';
        for (let i = 0; refused === '' && i < 1_000; i++) {
          const { status, outcome } = await root.put(`/small${i}`, patternBytes(i, 10_000));
          if (status === 201) stored.push(`/small${i}`);
          else refused = outcome;
        }

        expect(refused).toBe('507 INSUFFICIENT_STORAGE');
        expect(stored.length).toBeGreaterThan(10);
        for (const [index, path] of stored.entries())
          expect(sha256((await root.get(path)).body)).toBe(sha256(patternBytes(index, 10_000)));
        expect(names(await root.list('/')).length).toBe(stored.length + 1);
      });
    } finally {
      execFileSync('umount', [disk]);
      await rm(disk, { recursive: true });
    }
  });
});

describe('S3 no descriptors left (EMFILE)', () => {
  it('is a 503 without a partial file; afterwards all is well', async () => {
    await withServer({}, async (server) => {
      const root = server.client();
      await must(root.put('/kept', BLOB));
      const before = await storedFiles(server.dataDir);

      for (let limit = Infinity, free = 0; limit > free; free = await firstFreeDescriptor(server.pid)) {
        limit = await firstFreeDescriptor(server.pid);
        execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${limit}:`]);
      }
      const refused = await root.put('/new', BLOB);
      execFileSync('prlimit', ['--pid', String(server.pid), '--nofile=1024:']);

      expect(refused.outcome).toBe('503 BACKEND_UNAVAILABLE');
      expect(await storedFiles(server.dataDir)).toEqual(before);
      expect((await root.put('/new', BLOB)).status).toBe(201);
      expect(sha256((await root.get('/kept')).body)).toBe(sha256(BLOB));
    });
  });
});

/** The kernel gives the lowest number that is free, so a limit there leaves none. */
async function firstFreeDescriptor(pid: number): Promise<number> {
  const open = new Set((await readdir(`/proc/${pid}/fd`)).map(Number));
  let number = 0;
  while (open.has(number)) number++;
  return number;
}

it('the storage root is closed to other users of the host', async () => {
  await withServer({}, async (server) => {
    for (const name of ['blobs', 'staging']) expect((await stat(join(server.dataDir, name))).mode & 0o077).toBe(0);
    expect((await stat(join(server.dir, 'metadata.sqlite'))).mode & 0o077).toBe(0);
  });
});
