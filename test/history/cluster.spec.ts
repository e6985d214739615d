import { expect, it } from 'vitest';
import { TestCluster } from '../support/cluster';
import { Random } from '../support/random';
import { ROOT_KEY } from '../support/server';
import { explainRegister } from './linearizable';
import { Workload } from './workload';

const SEED = Number(process.env['HISTORY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** `npm run soak` sets more. */
const ROUNDS = Number(process.env['HISTORY_ROUNDS'] ?? 1);
const NODES = 3;

it(
  `C1, L4: every client's history has an explanation though nodes, Redis and PostgreSQL fail (seed ${SEED})`,
  async () => {
    const cluster = await TestCluster.start({ nodes: NODES });
    try {
      const random = new Random(SEED);
      const names = Array.from({ length: 6 }, (_, i) => `/history/f${i}`);
      const workload = new Workload({
        urls: cluster.nodes.map((node) => () => node.url),
        key: ROOT_KEY,
        names,
        clients: 8,
        random: (below) => random.below(below),
        // Kept with the metadata, so that a node which is away keeps nobody from reading.
        sizes: [20, 2000, 12_000],
      });
      await cluster.node(1).client().mkdir('/history/');
      workload.start();
      for (let round = 0; round < ROUNDS; round++) {
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
      }
      await workload.stop();
      for (const name of names) await workload.readOnce(name);
      expect(workload.unknown).toBeGreaterThan(0);
      console.log(`history, ${NODES} nodes: HISTORY_SEED=${SEED}: ${workload.summary()}`);
      for (const name of names) expect(explainRegister(workload.histories.get(name) ?? []), name).toBeUndefined();
    } finally {
      await cluster.stop();
    }
  },
  180_000 * ROUNDS,
);
