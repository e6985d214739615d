import { rm } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { must } from '../support/fixture';
import { patternBytes } from '../support/random';
import { ROOT_KEY } from '../support/server';
import { blobMadeBy } from '../support/storage-root';
import { useServer } from '../support/use-server';
import { runCli, type CliResult } from './run-cli';

const server = useServer();
let client: Client;

const cli = (line: string, env: Record<string, string> = {}): Promise<CliResult> => {
  const reached = { CALLFS_URL: server.url, CALLFS_API_KEY: ROOT_KEY };
  return runCli(line.split(' '), { cwd: server.dir, env: { ...reached, ...env } });
};
const offline = (line: string): Promise<CliResult> =>
  runCli([...line.split(' '), '--offline', '--config', server.configFile], { cwd: server.dir });
const json = ({ stdout }: CliResult) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

beforeAll(async () => {
  client = server.client();
  await must(client.put('/sound', patternBytes(1, 100_000)));
});

describe('of a node that is in order', () => {
  it('fsck finds nothing, with exit code 0', async () => {
    expect(await cli('fsck')).toEqual({ code: 0, stdout: 'nothing is wrong; 1 blobs were looked at\n', stderr: '' });
    const told = await cli('fsck --verify-content --json');
    expect(told.code).toBe(0);
    expect(json(told).at(-1)).toMatchObject({ event: 'summary', findings: 0, complete: true });
  });

  it('gc frees nothing, with and without --yes', async () => {
    expect(await cli('gc')).toEqual({ code: 0, stdout: 'to be freed: 0 blobs, 0 B; 0 removed trees\n', stderr: '' });
    expect((await cli('gc --yes')).stdout).toBe('freed: 0 blobs, 0 B; 0 removed trees\n');
    expect(json(await cli('gc --json')).at(-1)).toMatchObject({ event: 'summary', removed: false });
  });

  it('scrub tells how it goes, and with --now that all is well', async () => {
    const now = await cli('scrub --now');
    expect(now).toEqual({ code: 0, stdout: '1 blobs, 98 KiB checked; 0 damaged, 0 remain so\n', stderr: '' });
    const status = await cli('scrub');
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/^localfs of callfs-test: waiting, 4\.0 MiB a second\n {2}last pass since .*: 1 blobs/);
  });
});

describe('of a node with a blob that is lost', () => {
  beforeAll(async () => {
    await rm(await blobMadeBy(server.dataDir, () => must(client.put('/lost', patternBytes(2, 100_000)))));
  });

  it.each(['fsck', 'fsck --repair', 'scrub --now'])('%s names the file and ends with 1', async (line) => {
    const { code, stdout } = await cli(line);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^(found|kept) .*blob_missing: .*98 KiB, files: "\/lost"$/m);
    expect((await client.head('/lost')).status).toBe(200);
  });

  it('scrub names it until the file is restored', async () => {
    const { code, stdout } = await cli('scrub status');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/damaged {2}"\/lost": missing/)]);
    await must(client.put('/lost', patternBytes(2, 100_000)));
    expect((await cli('scrub')).code).toBe(0);
    expect((await cli('fsck')).code).toBe(0);
  });
});

describe('who may, and when', () => {
  it.each(['fsck', 'gc', 'scrub', 'scrub --now'])('%s is for the superuser alone', async (line) => {
    const { code, stdout, stderr } = await cli(line, { CALLFS_API_KEY: server.user('alice').key });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('PERMISSION_DENIED');
  });

  it('without a server it is 4, and offline it is the same work', async () => {
    const busy = await offline('fsck');
    expect([busy.code, busy.stdout]).toEqual([1, '']);
    expect(busy.stderr).toMatch(/in use by process \d+.* leave out --offline: it does the same\.$/m);
    await server.stop();
    expect((await cli('fsck')).code).toBe(4);
    expect((await cli('gc --yes')).code).toBe(4);
    expect(await offline('fsck --verify-content')).toMatchObject({
      code: 0,
      stdout: 'nothing is wrong; 2 blobs were looked at\n',
    });
    expect(await offline('gc --yes')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^freed: /) as string });
    await server.start();
    expect((await client.get('/sound')).status).toBe(200);
  });
});
