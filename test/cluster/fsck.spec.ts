import { copyFile, mkdir, rm, stat, truncate, utimes } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../cli/run-cli';
import { TestCluster } from '../support/cluster';
import type { Fault } from '../support/fault-proxy';
import { must } from '../support/fixture';
import { patternBytes, sha256 } from '../support/random';
import { ROOT_KEY } from '../support/server';
import { findings, lines, summary } from '../upkeep/events';
import { flipByte } from '../upkeep/flip-byte';
import { putOn } from './replicas';

const FSCK = '/v1/admin/fsck';
const READ = `${FSCK}?verify_content=true`;
const SIZE = 300_000;

let cluster: TestCluster;
/** Of content that nobody touches: one on each node, one on two of them. */
const SOUND = 5;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3, proxied: true });
  for (const number of [1, 2, 3]) await putOn(cluster, `/sound-${number}`, patternBytes(number, SIZE), number);
  await putOn(cluster, '/sound-twice', patternBytes(4, SIZE), 2, 3);
});
afterEach(() => {
  for (const number of [1, 2, 3]) cluster.way(number).fault = () => undefined;
});
afterAll(() => cluster?.stop());

const root = (number = 1) => cluster.node(number).client();
const fsck = (...args: string[]) =>
  runCli(['fsck', ...args], {
    cwd: cluster.node(1).dir,
    env: { CALLFS_URL: cluster.node(1).url, CALLFS_API_KEY: ROOT_KEY },
  });
const checks = (path: string) => path.startsWith('/internal/v1/fsck');

it('asks every node: whichever is asked, all blobs are looked at', async () => {
  for (const number of [1, 2, 3])
    expect(await summary(root(number), 'GET', READ)).toEqual({
      event: 'summary',
      findings: 0,
      repaired: 0,
      remaining: 0,
      blobs: SOUND,
      elsewhere: 0,
      complete: true,
    });
  expect(await fsck()).toEqual({ code: 0, stdout: `nothing is wrong; ${SOUND} blobs were looked at\n`, stderr: '' });
  expect(await summary(root(), 'GET', `${FSCK}?scope=node`)).toMatchObject({ blobs: 1, elsewhere: SOUND - 1 });
});

it('P9: a blob of another node that lies here as well stays that node’s', async () => {
  const content = patternBytes(6, SIZE);
  const [theirs = ''] = await putOn(cluster, '/theirs', content, 2);
  const here = join(cluster.node(3).dataDir, relative(cluster.node(2).dataDir, theirs));
  await copyFile(theirs, here);
  const finding = { kind: 'blob_of_another_node', instance_id: 'node-3', key: basename(theirs), state: 'kept' };
  expect(await findings(root(), 'POST', FSCK)).toMatchObject([finding]);
  const answer = await must(root(3).get('/theirs'));
  expect([sha256(answer.body), answer.header('x-callfs-instance-id')]).toEqual([sha256(content), 'node-2']);
  await rm(here);
  await must(root().delete('/theirs'));
});

describe('C6 what is wrong on any node', () => {
  const paths = { missing: '/lost', short: '/short', flipped: '/rotten' };
  const blobs: Record<string, string> = {};
  let orphan: string;

  beforeAll(async () => {
    [blobs['missing'] = ''] = await putOn(cluster, paths.missing, patternBytes(5, SIZE), 2);
    [blobs['short'] = ''] = await putOn(cluster, paths.short, patternBytes(6, SIZE), 2);
    [blobs['flipped'] = ''] = await putOn(cluster, paths.flipped, patternBytes(7, SIZE), 3);
    orphan = join(cluster.node(3).dataDir, 'blobs', '00', '0'.repeat(32));
    await mkdir(dirname(orphan), { recursive: true });
    await copyFile(blobs['flipped'], orphan);
    const lastWeek = Date.now() / 1000 - 7 * 86_400;
    await utimes(orphan, lastWeek, lastWeek);
    await rm(blobs['missing']);
    await truncate(blobs['short'], 1_000);
    await flipByte(blobs['flipped'], 250_000);
    await cluster.query(`UPDATE inode SET nlink = nlink + 1 WHERE id = (SELECT inode_id FROM dentry WHERE name = 'sound-1')`);
  });

  it('is found, with its node and its files, once, and nothing is changed', async () => {
    const told = await findings(root(), 'GET', READ);
    const seen = told.map(({ kind, state, instance_id, paths: files }) => [kind, state, instance_id, files]);
    expect(seen).toHaveLength(5);
    expect(seen).toEqual(
      expect.arrayContaining([
        ['wrong_link_count', 'found', undefined, undefined],
        ['blob_missing', 'found', 'node-2', [paths.missing]],
        ['blob_damaged', 'found', 'node-2', [paths.short]],
        ['blob_damaged', 'found', 'node-3', [paths.flipped]],
        ['blob_unreferenced', 'found', 'node-3', undefined],
      ]),
    );
    expect(await findings(root(), 'GET', READ)).toHaveLength(5);
    const { code, stdout } = await fsck('--verify-content');
    expect(code).toBe(1);
    expect(stdout).toContain(`of node-3, 293 KiB, files: "${paths.flipped}"`);
    expect(stdout).toContain('5 findings, 0 repaired, 5 remain');
  });

  it('is mended where that loses nothing: metadata and orphans', async () => {
    const told = await findings(root(), 'POST', READ);
    const states = told.map(({ kind, instance_id, state }) => [kind, instance_id, state]);
    expect(states).toHaveLength(5);
    expect(states).toEqual(
      expect.arrayContaining([
        ['wrong_link_count', undefined, 'repaired'],
        ['blob_missing', 'node-2', 'kept'],
        ['blob_damaged', 'node-2', 'kept'],
        ['blob_damaged', 'node-3', 'kept'],
        ['blob_unreferenced', 'node-3', 'repaired'],
      ]),
    );
    for (const path of Object.values(paths)) await must(root().delete(path));
    expect(await summary(root(), 'GET', READ)).toMatchObject({ findings: 0, complete: true });
  });
});

describe('C6 a blob that is sound elsewhere', () => {
  const content = patternBytes(8, SIZE);
  const kinds = (told: { kind: string; state: string; instance_id: string }[]) =>
    told.map(({ kind, state, instance_id }) => `${kind} ${state} ${instance_id}`);

  it.each<[string, (blob: string) => Promise<void>, string]>([
    ['missing', (blob) => rm(blob), 'blob_missing'],
    ['damaged', (blob) => flipByte(blob, 100_000), 'blob_damaged'],
    ['short', (blob) => truncate(blob, 70_000), 'blob_damaged'],
  ])('%s on one node is fetched from another, verified and put back', async (how, harm, kind) => {
    const path = `/mended-${how}`;
    const [blob = ''] = await putOn(cluster, path, content, 2, 3);
    await harm(blob);
    expect(kinds(await findings(root(), 'GET', READ))).toEqual([`${kind} found node-2`]);
    expect(kinds(await findings(root(), 'POST', READ))).toEqual([`${kind} repaired node-2`]);
    expect(await summary(root(), 'GET', READ)).toMatchObject({ findings: 0, complete: true });
    // Of those that have it node 2 reads its own.
    cluster.way(3).fault = () => ({ status: 500, body: '' });
    expect(sha256((await must(root(2).get(path))).body)).toBe(sha256(content));
  });

  it('is put back by a scrub of the node that lost it', async () => {
    const [, blob = ''] = await putOn(cluster, '/scrubbed', content, 2, 3);
    await flipByte(blob, 5_000);
    expect(kinds(await findings(root(3), 'POST', '/v1/admin/scrub'))).toEqual(['blob_damaged repaired node-3']);
    expect(await summary(root(), 'GET', READ)).toMatchObject({ findings: 0 });
  });

  it('is not taken from a node that sends other bytes; what is left stays', async () => {
    const [blob = ''] = await putOn(cluster, '/lied', content, 2, 3);
    await flipByte(blob, 100_000);
    let lies = 0;
    cluster.way(3).fault = ({ path, method }) =>
      method === 'GET' && path.includes('/blobs/') && ++lies > 0
        ? { rewrite: (chunk) => Buffer.alloc(chunk.length, 1) }
        : undefined;
    expect(kinds(await findings(root(), 'POST', READ))).toEqual(['blob_damaged kept node-2']);
    expect(lies).toBe(1);
    expect((await stat(blob)).size).toBeGreaterThan(SIZE);
    cluster.way(3).fault = () => undefined;
    expect(kinds(await findings(root(), 'POST', READ))).toEqual(['blob_damaged repaired node-2']);
  });

  it('damaged on every node is kept on every node', async () => {
    const blobs = await putOn(cluster, '/doomed', content, 2, 3);
    for (const blob of blobs) await flipByte(blob, 100_000);
    const told = kinds(await findings(root(), 'POST', READ)).sort();
    expect(told).toEqual(['blob_damaged kept node-2', 'blob_damaged kept node-3']);
    await must(root().delete('/doomed'));
  });
});

describe('N3 a node that cannot be asked', () => {
  const failures = async (): Promise<string[]> => {
    const told = await lines(root(), 'GET', FSCK);
    expect(told.filter(({ event }) => event === 'finding')).toEqual([]);
    expect(told.at(-1)).toMatchObject({ complete: false });
    return told.filter(({ event }) => event === 'failed').map(({ backend, instance_id }) => `${backend} of ${instance_id}`);
  };

  it.each<[string, Fault]>([
    ['is black-holed', 'silence'],
    ['dies in the middle', { cutAfter: 20 }],
    ['goes silent in the middle', { stallAfter: 20 }],
    ['sends nonsense', { status: 200, body: 'nonsense\n' }],
    ['ends without a summary', { status: 200, body: '{"event":"progress","blobs":3}\n' }],
    ['refuses', { status: 500, body: '' }],
  ])('that %s is told of, in bounded time, and nothing is said of its blobs', async (_, fault) => {
    cluster.way(3).fault = ({ path }) => (checks(path) ? fault : undefined);
    const since = performance.now();
    expect(await failures()).toEqual(['all of node-3']);
    expect(performance.now() - since).toBeLessThan(15_000);
  });

  it('that is dead: exit code 3, its name, and how many blobs were not looked at', async () => {
    await cluster.node(3).kill();
    expect(await failures()).toEqual(['all of node-3']);
    const { code, stdout, stderr } = await fsck();
    expect(code).toBe(3);
    expect(stderr).toContain('callfs: node-3: The node node-3 does not answer.');
    expect(stdout).toMatch(
      /^nothing was found; \d+ blobs were looked at\n[1-9]\d* blobs were not looked at: they are on other nodes\n$/,
    );
  });

  it('that was forgotten, though its disk has blobs: as well', async () => {
    // As if it had said goodbye: a silent one can be forgotten after 15 s.
    await cluster.query(`UPDATE node SET heartbeat_ms = 0 WHERE instance_id = 'node-3'`);
    await must(root().request('DELETE', '/v1/admin/nodes/node-3?force=true'));
    expect(await failures()).toEqual(['all of node-3']);
    await cluster.node(3).start();
    expect(await summary(root(), 'GET', READ)).toMatchObject({ findings: 0, elsewhere: 0, complete: true });
  });
});
