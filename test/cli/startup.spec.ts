import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimPort } from '../support/ports';
import { SmallDisk } from '../support/small-disk';
import { KEY, runCli, startCli, useDirectory, variables, type CliOptions, type CliResult, type RunningCli } from './run-cli';

const directory = useDirectory();
const file = (name: string) => join(directory.path, name);
/** Nobody's, on Debian. */
const NOBODY = 65_534;

/** A start with the working configuration and `env` over it. */
const start = (env: Record<string, string>, options: Partial<CliOptions> = {}): Promise<CliResult> =>
  runCli(['server'], { cwd: directory.path, env: { ...variables(file('data')), ...env }, ...options });

/** Exit code and what it said: a start that fails says one line, on stderr, without a stack trace. */
const failed = (line: RegExp) => ({
  code: 1,
  stdout: '',
  stderr: expect.stringMatching(new RegExp(`^callfs: ${line.source}\n$`)),
});

describe('a start that fails says in one line which key, why and what next, and ends with 1', () => {
  beforeAll(async () => {
    await writeFile(file('garbage.pem'), 'garbage');
    await writeFile(file('garbage.sqlite'), 'no database at all\n'.repeat(100));
    await mkdir(file('closed'), { mode: 0o755 });
    for (const name of ['one', 'two']) {
      const { code } = await runCli(['tls', 'self-signed', '--out', name], { cwd: directory.path });
      expect(code).toBe(0);
    }
  });

  const tls = (certificate: string, key: string) => ({
    CALLFS_SERVER_PROTOCOL: 'https',
    CALLFS_SERVER_CERT_FILE: certificate,
    CALLFS_SERVER_KEY_FILE: key,
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'a certificate that is not PEM',
      tls('garbage.pem', 'one/server.key'),
      /server\.cert_file: invalid certificate: .*garbage\.pem is not PEM\. .+/,
    ],
    ['a key that is not PEM', tls('one/server.crt', 'garbage.pem'), /server\.key_file: .*garbage\.pem .+/],
    [
      'a certificate and key that are no pair',
      tls('one/server.crt', 'two/server.key'),
      /server\.key_file: the key in .* does not belong to the certificate in .*\. Give the two .+/,
    ],
    [
      'a root below a file',
      { CALLFS_BACKEND_LOCALFS_ROOT_PATH: '/etc/passwd/callfs' },
      /backend\.localfs_root_path: \/etc\/passwd\/callfs is not a directory .*\(ENOTDIR\)\. Make it, or name another\./,
    ],
    [
      'metadata that is no SQLite file',
      { CALLFS_METADATA_STORE_SQLITE_PATH: 'garbage.sqlite' },
      /metadata_store\.sqlite_path: the file .*garbage\.sqlite is no SQLite database, or a damaged one\. Restore it from a backup, .+/,
    ],
    [
      'a directory where the metadata file is to be',
      { CALLFS_METADATA_STORE_SQLITE_PATH: 'one' },
      /metadata_store\.sqlite_path: .*one is a directory\. Set metadata_store\.sqlite_path to a file\./,
    ],
    [
      "an address that is not this machine's",
      { CALLFS_SERVER_LISTEN_ADDR: '203.0.113.5:0', CALLFS_SERVER_TRUSTED_PROXIES: '127.0.0.1' },
      /server\.listen_addr: 203\.0\.113\.5:0 is not an address of this machine\. .+/,
    ],
  ])('%s', async (_, env, line) => {
    expect(await start(env)).toEqual(failed(line));
  });

  it('a root that may not be written', async () => {
    const env = { CALLFS_BACKEND_LOCALFS_ROOT_PATH: file('closed') };

    expect(await start(env, { uid: NOBODY, cwd: '/' })).toEqual(
      failed(/backend\.localfs_root_path: the directory .*closed is not writable \(EACCES\)\. Give the user .+/),
    );
  });

  it('a root on a full disk', async () => {
    const disk = SmallDisk.mount(4096);
    try {
      await writeFile(join(disk.path, 'all'), Buffer.alloc(4096)).catch(() => undefined);
      const env = { CALLFS_BACKEND_LOCALFS_ROOT_PATH: disk.path, CALLFS_METADATA_STORE_SQLITE_PATH: file('full.sqlite') };

      expect(await start(env)).toEqual(
        failed(/The storage root .* cannot be used: the disk is full\. Free some space, or change backend\.localfs_root_path\./),
      );
    } finally {
      disk.unmount();
    }
  });

  it('metadata on a full disk', async () => {
    const disk = SmallDisk.mount(100 * 1024);
    try {
      const env = { CALLFS_METADATA_STORE_SQLITE_PATH: join(disk.path, 'full.sqlite') };

      expect(await start(env)).toEqual(
        failed(
          /metadata_store\.sqlite_path: the disk of .*full\.sqlite is full\. Free some space, or set metadata_store\.sqlite_path .+/,
        ),
      );
    } finally {
      disk.unmount();
    }
  });

  it('metadata on a file system that is read-only', async () => {
    const disk = SmallDisk.mount(1 << 20);
    try {
      disk.makeReadOnly();
      const env = { CALLFS_METADATA_STORE_SQLITE_PATH: join(disk.path, 'read-only.sqlite') };

      expect(await start(env)).toEqual(
        failed(/metadata_store\.sqlite_path: .*read-only\.sqlite is on a file system that is read-only\. Set .+/),
      );
    } finally {
      disk.unmount();
    }
  });

  it('an endpoint of S3 where something else answers', async () => {
    const other = createHttpServer((_, response) => response.writeHead(404).end('{"message":"no such page"}')).listen(
      0,
      '127.0.0.1',
    );
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const env = {
      CALLFS_BACKEND_DEFAULT_BACKEND: 's3',
      CALLFS_BACKEND_S3_ENDPOINT: `http://127.0.0.1:${port}`,
      CALLFS_BACKEND_S3_BUCKET_NAME: 'files',
      CALLFS_BACKEND_S3_ACCESS_KEY: 'someone',
      CALLFS_BACKEND_S3_SECRET_KEY: 'Rv4-of-the-bucket',
    };
    try {
      expect(await start(env)).toEqual(
        failed(/http:\/\/127\.0\.0\.1:\d+ does not answer as an S3 server does \(status 404\)\. Check backend\.s3\.endpoint\./),
      );
    } finally {
      other.close();
    }
  });

  it('an address that is taken: its holder is named, and nothing of the server is left', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const line = new RegExp(
      `server\\.listen_addr: address already in use: 127\\.0\\.0\\.1:${port}, held by process ${process.pid} .+ Stop that process, .+`,
    );

    expect(await start({ CALLFS_SERVER_LISTEN_ADDR: `127.0.0.1:${port}` })).toEqual(failed(line));
    expect(await start({ CALLFS_METRICS_LISTEN_ADDR: `127.0.0.1:${port}` })).toEqual(
      failed(new RegExp(line.source.replace('server', 'metrics'))),
    );
    holder.close();

    const next = await startCli(['server'], { cwd: directory.path, env: variables(file('data')) }, /listening on/);
    next.kill('SIGTERM');
    expect(await next.exit).toBe(0);
  });
});

it('a stop that waits for an upload says so, and how to end it at once', async () => {
  const running = await startCli(['server'], { cwd: directory.path, env: variables(file('waiting')) }, /listening on/);
  const { port } = new URL(/listening on (\S+)/.exec(running.stderr)?.[1] ?? '');
  const upload = connect(Number(port), '127.0.0.1');
  upload.on('error', () => undefined);
  const head = [
    `PUT /v1/files/f HTTP/1.1`,
    `Host: x`,
    `Authorization: Bearer ${KEY}`,
    `Content-Length: 9`,
    `Expect: 100-continue`,
  ];
  upload.write(`${head.join('\r\n')}\r\n\r\n`);
  await once(upload, 'data');

  running.kill('SIGINT');
  await running.says(/^callfs: stopping; requests under way have up to 30 s to end\. .*Ctrl-C.* at once\.$/m);
  running.kill('SIGINT');
  expect(await running.exit).toBe(1);
  upload.destroy();
});

describe('beside a server that runs', () => {
  let running: RunningCli;
  const held = () => ({ ...variables(file('held')) });
  const elsewhere = () => ({ ...held(), CALLFS_BACKEND_LOCALFS_ROOT_PATH: file('other'), CALLFS_METADATA_STORE_SQLITE_PATH: '' });

  beforeAll(async () => {
    running = await startCli(['server'], { cwd: directory.path, env: held() }, /listening on/);
  });
  afterAll(async () => {
    running.kill('SIGTERM');
    await running.exit;
  });

  it('a second one on its metadata, or on its root, is refused and told who has it', async () => {
    const metadata = { ...elsewhere(), CALLFS_METADATA_STORE_SQLITE_PATH: file('held/metadata.sqlite') };
    const root = { ...held(), CALLFS_METADATA_STORE_SQLITE_PATH: file('third.sqlite') };

    expect(await start(metadata)).toEqual(failed(new RegExp(`The metadata file .* is in use by process ${running.pid} on .+`)));
    expect(await start(root)).toEqual(failed(new RegExp(`The storage root .* is in use by process ${running.pid} on .+`)));
  });

  it('config validate --check-connections says so as well, and disturbs nothing', async () => {
    const { code, stdout } = await runCli(['config', 'validate', '--check-connections'], { cwd: directory.path, env: held() });

    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`^metadata +failed +.*is in use by process ${running.pid} on `, 'm'));
    expect(stdout).toMatch(new RegExp(`^storage +failed +.*is in use by process ${running.pid} on `, 'm'));
    expect(await start(held())).toMatchObject({ code: 1, stderr: expect.stringContaining(`process ${running.pid}`) });
  });

  it('once that is killed, config validate finds everything free and the next start goes through', async () => {
    running.kill('SIGKILL');
    expect(await running.exit).toBe('SIGKILL');

    const { code, stdout } = await runCli(['config', 'validate', '--check-connections'], { cwd: directory.path, env: held() });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^metadata +ok [\s\S]*^storage +ok /m) });
    running = await startCli(['server'], { cwd: directory.path, env: held() }, /listening on/);
  });
});

it('an old Node.js is told what is needed, before anything of it fails', async () => {
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });`;
  await writeFile(file('old-node.cjs'), old);

  expect(await runCli(['server'], { cwd: directory.path, env: { NODE_OPTIONS: `--require ${file('old-node.cjs')}` } })).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^callfs needs Node\.js 20\.19 or 22, and this is 18\.20\.8\. .*"npm ci" in \/.+\n$/),
  });
});

describe('npm start', () => {
  it('stops with its SIGTERM: no server is left behind', async () => {
    const cwd = await mkdtemp(join(directory.path, 'package-'));
    const { scripts } = JSON.parse(await readFile(join(__dirname, '../../package.json'), 'utf8')) as {
      scripts: Record<'start', string>;
    };
    // As npm runs it, but for the build, which must not be repeated under the other tests.
    const command = scripts.start.replace('nest build', 'true').replace('node callfs', `node ${join(__dirname, '../../callfs')}`);
    const port = await claimPort();
    const env = { ...variables(join(cwd, 'data')), CALLFS_SERVER_LISTEN_ADDR: `127.0.0.1:${port}`, PATH: process.env['PATH'] };
    const shell = spawn('sh', ['-c', command], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    await new Promise<void>((resolve, reject) => {
      shell.once('exit', () => reject(new Error(`It ended:\n${said}`)));
      shell.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (/listening on/.test(said)) resolve();
      });
    });

    shell.removeAllListeners('exit').kill('SIGTERM');

    expect(await once(shell, 'close')).toEqual([0, null]);
    const free = createServer().listen(port, '127.0.0.1');
    await once(free, 'listening');
    free.close();
    await expect(stat(join(cwd, 'data/metadata.sqlite-wal'))).rejects.toThrow('ENOENT');
    await rm(cwd, { recursive: true });
  });
});
