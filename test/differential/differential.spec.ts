import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Random } from '../support/random';
import { useServer } from '../support/use-server';
import { Duel } from './duel';
import { Generator } from './generator';
import { KernelSide } from './kernel-side';
import { legend } from './script';
import { ServerSide } from './server-side';
import { DIFFERENTIAL_USERS } from './users';

const SEED = Number(process.env['CALLFS_DIFF_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const OPERATIONS = Number(process.env['CALLFS_DIFF_OPS'] ?? (inject('sharedPostgres') ? 2_000 : 20_000));

/**
 * Issue 2, CHECKS A7: several users do random operations on the server, over the API, and on a real directory, with the
 * system calls that the operations stand for and those users' numbers. Both must come to the same outcome each time, and to
 * the same tree: types, modes, owners, groups, sizes, links. `CALLFS_DIFF_SEED=<seed printed> CALLFS_DIFF_OPS=<n>` repeats a run.
 */
describe('identity and permissions, exactly as Linux decides', () => {
  const server = useServer({
    users: DIFFERENTIAL_USERS,
    config: { storage: { inline_max_bytes: 64, durability: 'relaxed' }, log: { level: 'error' } },
  });
  let kernel: KernelSide;

  beforeAll(async () => {
    kernel = await KernelSide.start();
  });

  afterAll(async () => {
    await kernel?.stop();
  });

  it(
    `the server and the kernel agree on ${OPERATIONS} random operations (seed ${SEED})`,
    async () => {
      console.log(`differential test: CALLFS_DIFF_SEED=${SEED} CALLFS_DIFF_OPS=${OPERATIONS}; ${legend()}`);
      const duel = new Duel(kernel, new ServerSide(server), kernel.home);
      const setidFiles = await kernel.keepsPrivileges();
      if (!setidFiles) console.log('differential test: root of a user namespace, so without setuid and setgid on files');
      const tally = await duel.random(new Generator(new Random(SEED), setidFiles), OPERATIONS);
      const counted = [...tally].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, count]) => `${key}: ${count}`);
      console.log(`differential test: agreed. ${counted.join(', ')}`);
      expect([...tally.values()].reduce((sum, count) => sum + count, 0)).toBe(OPERATIONS);
    },
    OPERATIONS * 30 + 60_000,
  );
});
