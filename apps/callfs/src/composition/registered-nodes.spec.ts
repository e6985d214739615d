import { expect, it } from 'vitest';
import { RegisteredNodes } from './registered-nodes';

/** The registry as it is read, and a monotonic clock. */
function registry() {
  const state = { rows: [] as object[], nowMs: 1_000, reads: 0 };
  const read = async <R>(): Promise<R[]> => {
    state.reads++;
    return state.rows as R[];
  };
  return { state, nodes: new RegisteredNodes({ read }, () => state.nowMs) };
}
const row = (boot_id: string, heartbeat_ms: number) => ({ instance_id: 'node-2', boot_id, heartbeat_ms });

it('takes a node that nobody knows for alive: its leases end by themselves', async () => {
  expect(await registry().nodes.isAlive('node-2', 'boot')).toBe(true);
});

it('takes an earlier run of a node for dead', async () => {
  const { state, nodes } = registry();
  state.rows = [row('second', 5)];
  expect(await nodes.isAlive('node-2', 'second')).toBe(true);
  expect(await nodes.isAlive('node-2', 'first')).toBe(false);
  expect(state.reads).toBe(1);
});

it('C7 looks at whether a heartbeat changes, not at what its clock says', async () => {
  const { state, nodes } = registry();
  for (const heartbeat of [9e15, 3, 1]) {
    state.rows = [row('boot', heartbeat)];
    state.nowMs += 1_000;
    expect(await nodes.isAlive('node-2', 'boot')).toBe(true);
    state.nowMs += 59_000;
    expect(await nodes.isAlive('node-2', 'boot')).toBe(true);
  }
  state.nowMs += 2_000;
  expect(await nodes.isAlive('node-2', 'boot')).toBe(false);
  state.rows = [row('boot', 2)];
  state.nowMs += 1_000;
  expect(await nodes.isAlive('node-2', 'boot')).toBe(true);
});
