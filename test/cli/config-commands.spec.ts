import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KEY, runCli, useDirectory, variables } from './run-cli';

const directory = useDirectory();
const file = (name: string) => join(directory.path, name);
const cli = (args: string[], env: Record<string, string> = {}) => runCli(args, { cwd: directory.path, env });

describe('config init', () => {
  it('writes a valid configuration that its owner alone can read, and never over another file', async () => {
    expect(await cli(['config', 'init', '--output', 'single.yaml'])).toMatchObject({ code: 0, stdout: '' });
    expect((await stat(file('single.yaml'))).mode & 0o777).toBe(0o600);
    const before = await readFile(file('single.yaml'), 'utf8');
    const again = await cli(['config', 'init', '--output', 'single.yaml']);
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('exists and is not overwritten') });
    expect(await readFile(file('single.yaml'), 'utf8')).toBe(before);
    expect(await cli(['config', 'validate', '--config', 'single.yaml'])).toMatchObject({ code: 0 });
  });

  it('tells who began without a configuration how to go on with what is there', async () => {
    const cwd = join(directory.path, 'grown');
    await mkdir(join(cwd, 'callfs-data'), { recursive: true });
    const { stderr } = await runCli(['config', 'init', '--output', 'config.yaml'], { cwd });

    expect(stderr).toMatch(/begins with an empty tree and a new key.*\.\/callfs-data\//);
    expect(stderr).toContain('callfs-data/metadata.sqlite');
  });

  it('makes other secrets each time', async () => {
    const [one, two] = await Promise.all([cli(['config', 'init']), cli(['config', 'init'])]);
    const secrets = (text: string) => text.match(/(?:secret|api_keys): .{20,}/g) ?? [];
    expect(secrets(one.stdout)).toHaveLength(3);
    for (const secret of secrets(one.stdout)) expect(two.stdout).not.toContain(secret);
  });

  it('stays valid with every comment taken away but the text', async () => {
    const { stdout } = await cli(['config', 'init']);
    // "# key: value" and "#key:" become settings; those without a default stay empty, which is no value.
    await writeFile(file('all.yaml'), stdout.replace(/^( *)# ([a-z_0-9]+:(?: .*)?)$/gm, '$1$2'));
    expect(await cli(['config', 'validate', '--config', 'all.yaml'])).toMatchObject({ code: 0 });
  });

  it('for a cluster is valid, and checked without connecting', async () => {
    const { stdout } = await cli(['config', 'init', '--cluster']);
    await writeFile(file('cluster.yaml'), stdout);
    const { code, stdout: report } = await cli(['config', 'validate', '--config', 'cluster.yaml', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(report)).toMatchObject({ valid: true, problems: [], checks: [], file: file('cluster.yaml') });
  });
});

describe('config show', () => {
  it('tells each value and where it came from, and no secret', async () => {
    const env = { ...variables(file('data')), CALLFS_METADATA_STORE_DSN: 'postgres://u:hunter2@db/x' };
    const { code, stdout, stderr } = await cli(['config', 'show'], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^server\.listen_addr +127\.0\.0\.1:0 +CALLFS_SERVER_LISTEN_ADDR$/m);
    expect(stdout).toMatch(/^server\.read_timeout +30s +default$/m);
    expect(stdout).toMatch(/^auth\.api_keys +\["\*\*\*"\] +CALLFS_AUTH_API_KEYS$/m);
    expect(stdout).toMatch(/^metadata_store\.dsn +postgres:\/\/u:\*\*\*@db\/x +CALLFS_/m);
    for (const secret of [KEY, 'hunter2', 'Hk3-proxy']) expect(stdout).not.toContain(secret);
  });

  it('is JSON for programs', async () => {
    await writeFile(file('show.yaml'), 'log: {level: warn}\n');
    const { stdout } = await cli(['config', 'show', '--json', '--config', 'show.yaml'], variables(file('data')));
    const rows = JSON.parse(stdout) as { key: string }[];
    expect(rows.find(({ key }) => key === 'log.level')).toEqual({
      key: 'log.level',
      value: 'warn',
      source: { kind: 'file', file: 'show.yaml', line: 1, column: 7 },
    });
  });

  it('keeps nothing when there is no configuration', async () => {
    const { code, stdout } = await cli(['config', 'show']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^auth\.api_keys .*embedded$/m);
    await expect(stat(file('callfs-data'))).rejects.toThrow('ENOENT');
  });
});

describe('config validate', () => {
  it('tells every problem on stderr, with 1', async () => {
    await writeFile(file('wrong.yaml'), 'server:\n  listen_adr: ":1"\nauth:\n  api_keys: [hush-hush]\n');
    const { code, stdout, stderr } = await cli(['config', 'validate', '--config', 'wrong.yaml']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      'error: wrong.yaml:2:3: server.listen_adr: there is no such key; did you mean server.listen_addr?',
      expect.stringMatching(/^error: wrong\.yaml:4:14: auth\.api_keys\[0\]: expected a key/),
      expect.stringMatching(/^error: auth\.internal_proxy_secret: is missing/),
      expect.stringMatching(/^error: auth\.single_use_link_secret: is missing/),
      'callfs: the configuration has 4 problems',
      '',
    ]);
    expect(stderr).not.toContain('hush');
  });

  it('tells them as JSON on stdout', async () => {
    const { code, stdout } = await cli(['config', 'validate', '--json'], { CALLFS_LOG_LEVEL: 'loud' });
    expect(code).toBe(1);
    const report = JSON.parse(stdout) as { problems: unknown[] };
    expect(report).toMatchObject({ valid: false });
    expect(report.problems).toContainEqual({
      key: 'log.level',
      message: 'expected debug, info, warn or error',
      place: { kind: 'variable', variable: 'CALLFS_LOG_LEVEL' },
    });
  });

  it('tries what a start would try, and says what it saw', async () => {
    const { code, stdout } = await cli(['config', 'validate', '--check-connections'], variables(file('data')));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^address +ok +127\.0\.0\.1:0 is free$/m);
    expect(stdout).toMatch(/^certificate +ok +plain HTTP/m);
    expect(stdout).toMatch(/^metadata +ok +.*metadata\.sqlite will be made$/m);
    expect(stdout).toMatch(/^locks +ok +local/m);
    expect(stdout).toMatch(/^storage +ok +.*data will be made, .* GiB free$/m);
    await expect(stat(file('data'))).rejects.toThrow('ENOENT');
  });

  it('ends with 1 when the address is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    const env = { ...variables(file('data')), CALLFS_SERVER_LISTEN_ADDR: `127.0.0.1:${port}` };
    const { code, stdout } = await cli(['config', 'validate', '--check-connections', '--json'], env);
    holder.close();
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: true,
      checks: expect.arrayContaining([
        {
          check: 'address',
          state: 'failed',
          saw: expect.stringContaining(`address already in use: 127.0.0.1:${port}, held by process ${process.pid}`),
        },
      ]),
    });
  });

  it('ends with 4 when a service cannot be reached', async () => {
    const env = {
      ...variables(file('data')),
      CALLFS_METADATA_STORE_DSN: 'postgres://me:hunter2@127.0.0.1:1/files',
      CALLFS_DLM_REDIS_ADDR: '127.0.0.1:1',
      CALLFS_BACKEND_S3_BUCKET_NAME: 'files',
      CALLFS_BACKEND_S3_ENDPOINT: 'http://127.0.0.1:1',
      CALLFS_BACKEND_S3_ACCESS_KEY: 'id',
      CALLFS_BACKEND_S3_SECRET_KEY: 'hunter3',
    };
    const { code, stdout } = await cli(['config', 'validate', '--check-connections'], env);
    expect(code).toBe(4);
    expect(stdout).toMatch(
      /^metadata +unreachable +metadata_store\.dsn: cannot connect to PostgreSQL at 127\.0\.0\.1:1: nothing listens there/m,
    );
    expect(stdout).toMatch(
      /^locks +unreachable +dlm\.redis_addr: cannot connect to Redis at 127\.0\.0\.1:1: nothing listens there/m,
    );
    expect(stdout).toMatch(
      /^storage +unreachable +backend\.s3\.endpoint: cannot connect to the bucket "files" .*: nothing listens there/m,
    );
    expect(stdout).not.toMatch(/hunter/);
  });
});
