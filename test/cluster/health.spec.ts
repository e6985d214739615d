import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { runCli } from '../cli/run-cli';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';
import { patternBytes } from '../support/random';
import { ROOT_KEY } from '../support/server';
import { putOn } from './replicas';

/** A node that pings its peers every five seconds has noticed within this, however busy the machine is. */
const NOTICED = { timeout: 60_000, interval: 100 };

let cluster: TestCluster;

beforeAll(async () => {
  // Every read of another node's content goes there.
  cluster = await TestCluster.start({ nodes: 3, proxied: true, config: { storage: { block_cache_bytes: 0 } } });
});
afterEach(() => {
  cluster.way(2).fault = () => undefined;
});
afterAll(() => cluster?.stop());

interface Ready {
  readonly status: string;
  readonly checks: { readonly peers: { status: string; message?: string; nodes: Record<string, { status: string }> } };
}

async function ready(number = 1): Promise<Ready> {
  const { status, json } = await cluster.node(number).anonymous().request('GET', '/health/ready');
  expect(status).toBe(200);
  return json as Ready;
}

const peerOf = async (number: number, peer: string) => (await ready(number)).checks.peers.nodes[peer]?.status;

it('names the peers that answer, with their latency', async () => {
  for (const [number, peer] of [
    [1, 'node-2'],
    [2, 'node-1'],
  ] as const) {
    await expect.poll(async () => (await ready(number)).checks.peers.nodes[peer], NOTICED).toHaveProperty('latency_ms');
    expect((await ready(number)).checks.peers).toMatchObject({ status: 'up', nodes: { [peer]: { status: 'up' } } });
  }
});

it('N3 a peer that is black-holed is named; it costs no health check time, and the node stays ready', async () => {
  cluster.way(2).fault = () => 'silence';
  await expect.poll(() => peerOf(1, 'node-2'), NOTICED).toBe('down');
  const { status, checks } = await ready(1);
  expect(status).toBe('degraded');
  expect(checks.peers.message).toContain('node-2');
  // While a ping hangs for 1.7 s, nobody who asks for the health does.
  for (let i = 0; i < 20; i++) {
    const since = performance.now();
    expect((await cluster.node(1).anonymous().request('GET', '/health')).status).toBe(200);
    expect(performance.now() - since).toBeLessThan(1_500);
  }
  expect((await must(cluster.node(1).client().put('/written', patternBytes(1, 100_000)))).status).toBe(201);
  cluster.way(2).fault = () => undefined;
  await expect.poll(() => peerOf(1, 'node-2'), NOTICED).toBe('up');
  expect((await ready(1)).status).toBe('ok');
});

it('what a request finds out counts at once', async () => {
  await must(cluster.node(2).client().put('/there', patternBytes(2, 100_000)));
  // Pings pass: so only the request can tell.
  cluster.way(2).fault = ({ path }) => (path.startsWith('/internal/v1/blobs/') ? { status: 500, body: '' } : undefined);
  await expect
    .poll(async () => {
      expect((await cluster.node(1).client().get('/there')).outcome).toBe('502 PEER_UNAVAILABLE');
      return peerOf(1, 'node-2');
    }, NOTICED)
    .toBe('down');
});

it('of two nodes that have a content, one that does not answer is asked last', async () => {
  const content = patternBytes(3, 200_000);
  await putOn(cluster, '/twice', content, 2, 3);
  const reader = cluster.node(1).client();
  cluster.way(2).fault = () => 'silence';
  await expect.poll(() => peerOf(1, 'node-2'), NOTICED).toBe('down');
  const asked = () => cluster.way(2).seen.filter(({ path }) => path.startsWith('/internal/v1/blobs/')).length;
  const before = asked();
  for (let i = 0; i < 3; i++) expect((await must(reader.get('/twice'))).body.equals(content)).toBe(true);
  expect(asked()).toBe(before);
  // Last is not never: what nobody else has any more is asked for there.
  cluster.way(3).fault = () => ({ status: 500, body: '' });
  expect((await reader.get('/twice')).outcome).toBe('502 PEER_UNAVAILABLE');
  expect(asked()).toBe(before + 1);
  cluster.way(3).fault = () => undefined;
});

it('N3 of two nodes that have a content, one that sends other bytes is passed over', async () => {
  const content = patternBytes(4, 200_000);
  await putOn(cluster, '/twice-again', content, 2, 3);
  // As nobody was left out of the tests before: the order is that of the nodes.
  for (const peer of ['node-2', 'node-3']) await expect.poll(() => peerOf(1, peer), NOTICED).toBe('up');
  const wrong = async () => {
    const { text } = await cluster.node(1).client().request('GET', '/metrics');
    return Number(/operation="read",status="wrong"\} (\d+)/.exec(text)?.[1] ?? 0);
  };
  const before = await wrong();
  // Whichever of them is asked first.
  for (const liar of [2, 3]) {
    cluster.way(liar).fault = ({ path }) =>
      path.startsWith('/internal/v1/blobs/') ? { rewrite: (chunk) => Buffer.alloc(chunk.length, liar) } : undefined;
    expect((await must(cluster.node(1).client().get('/twice-again'))).body.equals(content)).toBe(true);
    cluster.way(liar).fault = () => undefined;
  }
  expect(await wrong()).toBe(before + 1);
});

it('pings are counted, and not written into the access log', async () => {
  const { text } = await cluster.node(1).client().request('GET', '/metrics');
  expect(text).toMatch(/^callfs_cross_server_operations_total\{operation="ping",status="ok"\} [1-9]/m);
  expect(text).toMatch(/^callfs_cross_server_operations_total\{operation="ping",status="error"\} [1-9]/m);
  expect(cluster.node(2).output).not.toContain('/internal/v1/node');
});

it('a node that has stopped is named until it is forgotten; one that nobody knows cannot be', async () => {
  await cluster.node(2).stop();
  await expect
    .poll(async () => (await ready(1)).checks.peers.nodes['node-2'], NOTICED)
    .toMatchObject({
      status: 'down',
      message: 'It has stopped.',
    });
  const env = { CALLFS_URL: cluster.node(1).url, CALLFS_API_KEY: ROOT_KEY };
  const forget = (...args: string[]) => runCli(['nodes', 'forget', ...args], { cwd: cluster.node(1).dir, env });
  expect(await forget('node-2', '--force')).toMatchObject({ code: 0 });
  await expect
    .poll(async () => (await ready(1)).checks.peers, NOTICED)
    .toMatchObject({
      status: 'up',
      nodes: { 'node-3': { status: 'up' } },
    });
  const unknown = await forget('node-2');
  expect(unknown).toMatchObject({ code: 1, stdout: '' });
  expect(unknown.stderr).toContain('NODE_NOT_FOUND: There is no node "node-2"');
  expect((await cluster.node(1).client().request('DELETE', '/v1/admin/nodes/nobody')).outcome).toBe('404 NODE_NOT_FOUND');
});
