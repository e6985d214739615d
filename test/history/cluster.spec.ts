import { expect, it } from 'vitest';
import { TestCluster } from '../support/cluster';
import { Random } from '../support/random';
import { must } from '../support/fixture';
import { ROOT_KEY, type TestServer } from '../support/server';
import { explainRegister, type HistoryEntry } from './linearizable';
import { Workload } from './workload';

const SEED = Number(process.env['HISTORY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** `npm run soak` sets more. */
const ROUNDS = Number(process.env['HISTORY_ROUNDS'] ?? 3);
const NODES = 3;

it(
  `C1, L4: every client's history has an explanation though nodes, Redis and PostgreSQL fail, and fsck is clean (seed ${SEED})`,
  async () => {
    const cluster = await TestCluster.start({ nodes: NODES });
    try {
      const random = new Random(SEED);
      // Each round has names of its own: the search for an order grows with the length of a history, and fast.
      for (let round = 0; round < ROUNDS; round++) await judgeRound(cluster, `/history-${round}`, (below) => random.below(below));
      for (const node of cluster.nodes) expect(await findings(node)).toEqual([]);
    } finally {
      await cluster.stop();
    }
  },
  300_000 * ROUNDS,
);

/** Works on names in `directory` while everything fails once, and judges what the clients saw. */
async function judgeRound(cluster: TestCluster, directory: string, random: (below: number) => number): Promise<void> {
  const names = Array.from({ length: 6 }, (_, i) => `${directory}/f${i}`);
  const workload = new Workload({
    urls: cluster.nodes.map((node) => () => node.url),
    key: ROOT_KEY,
    names,
    clients: 8,
    random,
    // With the metadata, and on the disk of the node that took it: nobody reads that while the node is away.
    sizes: [20, 2000, 12_000, 40_000, 300_000],
  });
  await must(cluster.node(1).client().mkdir(`${directory}/`));
  workload.start();
  for (const node of cluster.nodes) {
    await workload.progress(60);
    await node.kill();
    await workload.progress(60);
    await node.start();
  }
  await cluster.redis.client().flushall();
  await workload.progress(60);
  await cluster.redis.kill();
  await cluster.redis.restart();
  await workload.progress(60);
  await cluster.postgres.crash();
  await cluster.postgres.run();
  await workload.progress(60);
  await workload.stop();
  for (const name of names) await workload.readOnce(name);
  expect(workload.unknown).toBeGreaterThan(0);
  console.log(`history, ${NODES} nodes, ${directory}: HISTORY_SEED=${SEED}: ${workload.summary()}`);
  for (const name of names) {
    const history = workload.histories.get(name) ?? [];
    expect(explainRegister(history), name).toBeUndefined();
    // The same history with a read of what was there long ago, which no order explains.
    const stale = history.find(({ operation, returnedAt }) => operation.kind === 'write' && returnedAt !== Infinity);
    const value = stale?.operation.kind === 'write' ? stale.operation.value : '';
    expect(explainRegister([...history, ...staleRead(value)]), name).toMatch(/^No order explains/);
  }
}

/** A write and, after it, a read of `value`, which it has replaced. */
function staleRead(value: string): HistoryEntry[] {
  const client = 'planted';
  return [
    { operation: { kind: 'write', value: 'later' }, calledAt: 1e12, returnedAt: 1e12 + 1, client },
    { operation: { kind: 'read', saw: value }, calledAt: 1e12 + 2, returnedAt: 1e12 + 3, client },
  ];
}

/** What `callfs fsck --verify-content` finds through a node, every byte read. */
async function findings(node: TestServer): Promise<unknown[]> {
  const { text } = await must(node.client().request('GET', '/v1/admin/fsck?verify_content=true'));
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string });
  expect(events.at(-1)?.event).toBe('summary');
  return events.filter(({ event }) => event === 'finding' || event === 'failed');
}
