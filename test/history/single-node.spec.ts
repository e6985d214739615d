import { expect, it } from 'vitest';
import { Random } from '../support/random';
import { ROOT_KEY, withServer } from '../support/server';
import { explainRegister } from './linearizable';
import { Workload } from './workload';

const SEED = Number(process.env['HISTORY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const KILLS = 6;

it(`C1, C4: every client's history has an explanation though the node is killed ${KILLS} times (seed ${SEED})`, async () => {
  await withServer({}, async (server) => {
    const random = new Random(SEED);
    const names = Array.from({ length: 8 }, (_, i) => `/history/f${i}`);
    const workload = new Workload({
      urls: [() => server.url],
      key: ROOT_KEY,
      names,
      clients: 8,
      random: (below) => random.below(below),
      sizes: [20, 5000, 60_000],
    });
    await server.client().mkdir('/history/');
    workload.start();
    for (let kill = 0; kill < KILLS; kill++) {
      await workload.progress(150);
      await server.kill();
      await server.start();
    }
    await workload.progress(150);
    await workload.stop();
    // What is there at the end is one more read of each.
    for (const name of names) await workload.readOnce(name);
    // Kills that hit no change under way would have tested nothing.
    expect(workload.unknown).toBeGreaterThan(0);
    for (const name of names) expect(explainRegister(workload.histories.get(name) ?? []), name).toBeUndefined();
    console.log(`history, one node: HISTORY_SEED=${SEED}: ${workload.summary()}`);
  });
}, 240_000);
