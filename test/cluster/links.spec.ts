import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Answer, Client } from '../support/client';
import { TestCluster } from '../support/cluster';
import { freshDirectory, must } from '../support/fixture';
import { breakOff, download, makeLink, newAddress, rest, usesOf } from '../support/links';
import { patternBytes } from '../support/random';
import { S3Server } from '../support/s3';
import { TestBucket } from '../support/s3-bucket';
import type { ConfigTree } from '../support/server';

const MIB = 1_048_576;
/** Kept as a blob; too large to be on its way as a whole when a connection breaks. */
const CONTENT = patternBytes(1, 6 * MIB);
/** Tests ask more often than people. */
const rate_limits = { download: 'off', link_generation: 'off' };

const counted = (answers: readonly Answer[]) => {
  const counts: Record<string, number> = {};
  for (const { outcome } of answers) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
};

let s3: S3Server | undefined;
let bucket: TestBucket | undefined;
let cluster: TestCluster;
/** Whose node has the content, or put it where it is. */
let west: Client;
let strangerInEast: Client;
let strangerInWest: Client;
let path: string;

async function start(config: ConfigTree): Promise<void> {
  cluster = await TestCluster.start({ config: { rate_limits, ...config } });
  west = cluster.node(2).client('alice');
  strangerInEast = cluster.node(1).anonymous();
  strangerInWest = cluster.node(2).anonymous();
}
beforeEach(async () => {
  path = `${await freshDirectory(cluster.node(2).client(), '0777')}/file`;
  await must(west.put(path, CONTENT));
});

/** What holds wherever the content is. */
function everywhere(away: () => Promise<unknown>, outcome: string, back: () => Promise<unknown>): void {
  it.each([1, 7])('K1 of 100 downloads at once, half of them through each node, %d get it', async (max_uses) => {
    const content = patternBytes(2, 100_000);
    await must(west.put(path, content));
    const { token, id } = await makeLink(west, path, { max_uses });
    const strangers = [strangerInEast, strangerInWest];
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => download(strangers[i % 2] as Client, token)));
    expect(counted(answers)).toEqual({ '200': max_uses, '410 LINK_GONE': 100 - max_uses });
    for (const { status, body } of answers) if (status === 200) expect(body.equals(content)).toBe(true);
    expect(await usesOf(west, id)).toBe(max_uses);
  });

  it('a download that broke at one node is finished at the other, once, also by many at the same time', async () => {
    const { token, id } = await makeLink(west, path);
    const broken = await breakOff(cluster.node(2), token, MIB);
    const fields = rest(broken, 1);
    const strangers = [strangerInEast, strangerInWest];
    // What may be sent again is twice the file, whoever sends it.
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => download(strangers[i % 2] as Client, token, fields)));
    expect(counted(answers)).toEqual({ '206': 2, '410 LINK_GONE': 8 });
    for (const { status, body } of answers) if (status === 206) expect(body.equals(CONTENT.subarray(1))).toBe(true);
    expect(await usesOf(west, id)).toBe(1);
  });

  it('K2 content that cannot be had costs no use, and no more than itself', async () => {
    const { token, id } = await makeLink(west, path);
    await away();
    expect((await download(strangerInEast, token)).outcome).toBe(outcome);
    await back();
    expect(await usesOf(cluster.node(1).client('alice'), id)).toBe(0);
    await expect.poll(async () => (await download(strangerInEast, token)).body.equals(CONTENT), { timeout: 60_000 }).toBe(true);
    expect(await usesOf(cluster.node(1).client('alice'), id)).toBe(1);
  });
}

describe('links whose content is on the disk of a node', () => {
  beforeAll(() => start({}));
  afterAll(() => cluster?.stop());

  everywhere(
    () => cluster.node(2).kill(),
    '502 PEER_UNAVAILABLE',
    () => cluster.node(2).start(),
  );

  it('K2 what gives no bytes spends nothing, whichever node is asked', async () => {
    const { token, id } = await makeLink(west, path);
    const etag = (await west.head(path)).header('etag') as string;
    expect((await download(strangerInEast, token, {}, { method: 'HEAD' })).header('etag')).toBe(etag);
    expect((await download(strangerInEast, token, { 'if-none-match': etag })).status).toBe(304);
    expect((await download(strangerInEast, token, { range: `bytes=${CONTENT.length}-` })).status).toBe(416);
    expect(await usesOf(west, id)).toBe(0);
    expect((await download(strangerInEast, token)).body.equals(CONTENT)).toBe(true);
    expect((await download(strangerInWest, token)).outcome).toBe('410 LINK_GONE');
  });

  it.each<readonly [string, (east: Client, id: string) => Promise<unknown>]>([
    ['deleted', (east) => must(east.delete(path))],
    ['moved', (east) => must(east.move(path, `${path}-moved`))],
    ['replaced', (east) => must(east.put(path, 'other'))],
    ['made unreadable for its maker', () => must(cluster.node(1).client().patch(path, { mode: '0600', owner: 'bob' }))],
    ['revoked', (east, id) => must(east.request('DELETE', `/v1/links/${id}`))],
  ])('K3 410 from the next request on when it was %s on the other node', async (_, change) => {
    const { token, id } = await makeLink(west, path, { max_uses: 2 });
    const broken = await breakOff(cluster.node(2), token, MIB);
    await change(cluster.node(1).client('alice'), id);
    expect((await download(strangerInWest, token)).outcome).toBe('410 LINK_GONE');
    expect((await download(strangerInWest, token, rest(broken))).outcome).toBe('410 LINK_GONE');
  });

  it('K4 what is no token is 404 on the other node as well', async () => {
    const { token } = await makeLink(west, path);
    const flipped = (at: number) => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    for (const wrong of [flipped(0), flipped(50), token.slice(0, 43), `${token}A`])
      expect((await download(strangerInEast, wrong)).outcome).toBe('404 LINK_NOT_FOUND');
    expect((await download(strangerInEast, token)).status).toBe(200);
  });

  it('K5 a password is guessed five times, not five times a node', async () => {
    const { token } = await makeLink(west, path, { password: 'right' });
    const localAddress = newAddress();
    const guess = (stranger: Client, password: string) =>
      download(stranger, token, { 'x-callfs-link-password': password }, { localAddress });
    const guesses = Array.from({ length: 20 }, (_, i) => guess(i % 2 ? strangerInEast : strangerInWest, `guess ${i}`));
    expect(counted(await Promise.all(guesses))).toEqual({ '401 LINK_PASSWORD_REQUIRED': 5, '429 RATE_LIMIT_EXCEEDED': 15 });
    expect((await guess(strangerInEast, 'right')).outcome).toBe('429 RATE_LIMIT_EXCEEDED');
  });

  it('a download is continued at the other node when the one that sent it was killed on the way', async () => {
    await must(cluster.node(1).client('alice').put(path, CONTENT));
    const { token } = await makeLink(west, path);
    const broken = await breakOff(cluster.node(2), token, MIB);
    await cluster.node(2).kill();
    const resumed = await download(strangerInEast, token, rest(broken));
    expect([resumed.status, resumed.body.equals(CONTENT.subarray(broken.bytes.length))]).toEqual([206, true]);
    await cluster.node(2).start();
  });

  it('that expired long ago are forgotten and counted once, though both nodes sweep', async () => {
    const old = await Promise.all(Array.from({ length: 5 }, () => makeLink(west, path)));
    const kept = await makeLink(west, path);
    await cluster.node(1).stop();
    await cluster.node(2).stop();
    const ids = old.map(({ id }) => `'${id}'`).join();
    await cluster.query(`UPDATE link SET expires_ms = 1000 WHERE id IN (${ids})`);
    await Promise.all([cluster.node(1).start(), cluster.node(2).start()]);
    const expired = async () => {
      const texts = await Promise.all(cluster.nodes.map((node) => node.client().request('GET', '/metrics')));
      const counts = texts.map(({ text }) => Number(/^callfs_single_use_links_expired_total (\d+)$/m.exec(text)?.[1]));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    await expect.poll(expired, { timeout: 60_000 }).toBe(5);
    for (const { token } of old) expect((await download(strangerInEast, token)).outcome).toBe('404 LINK_NOT_FOUND');
    expect((await download(strangerInWest, kept.token)).status).toBe(200);
    expect(await expired()).toBe(5);
  });
});

describe('links whose content is in S3', () => {
  beforeAll(async () => {
    // One of its own, since it is stopped for a while.
    s3 = await S3Server.start();
    bucket = await TestBucket.start(s3.place);
    await start({ ...bucket.configuration(), server: { file_op_timeout: '1s' } });
  });
  afterAll(async () => {
    await cluster?.stop();
    await bucket?.stop();
    await s3?.stop();
  });

  everywhere(
    async () => s3?.signalGateway('SIGSTOP'),
    '503 BACKEND_UNAVAILABLE',
    async () => s3?.signalGateway('SIGCONT'),
  );
});
