import { expect, it } from 'vitest';
import { NodeSightings } from './node-sightings';

/** The registry as it is read, and a monotonic clock. */
function registry() {
  const state = { rows: [] as object[], nowMs: 1_000, reads: 0 };
  const read = async <R>(): Promise<R[]> => {
    state.reads++;
    return state.rows as R[];
  };
  return { state, nodes: new NodeSightings({ read }, () => state.nowMs) };
}
const row = (boot_id: string, heartbeat_ms: number) => ({ instance_id: 'node-2', boot_id, heartbeat_ms });

it('takes a node that nobody knows for alive: its leases end by themselves', async () => {
  expect(await registry().nodes.isRunAlive('node-2', 'boot')).toBe(true);
});

it('takes an earlier run of a node for dead', async () => {
  const { state, nodes } = registry();
  state.rows = [row('second', 5)];
  expect(await nodes.isRunAlive('node-2', 'second')).toBe(true);
  for (let i = 0; i < 3; i++) expect(await nodes.isRunAlive('node-2', 'first')).toBe(false);
  expect(state.reads).toBe(2);
});

it('takes no run for dead that has begun since it last looked', async () => {
  const { state, nodes } = registry();
  state.rows = [row('first', 5)];
  expect(await nodes.isRunAlive('node-2', 'first')).toBe(true);
  state.rows = [row('second', 6)];
  expect(await nodes.isRunAlive('node-2', 'second')).toBe(true);
  expect(await nodes.isRunAlive('node-2', 'first')).toBe(false);
});

it('C7 looks at whether a heartbeat changes, not at what its clock says', async () => {
  const { state, nodes } = registry();
  for (const heartbeat of [9e15, 3, 1]) {
    state.rows = [row('boot', heartbeat)];
    state.nowMs += 1_000;
    expect(await nodes.isRunAlive('node-2', 'boot')).toBe(true);
    state.nowMs += 59_000;
    expect(await nodes.isRunAlive('node-2', 'boot')).toBe(true);
  }
  state.nowMs += 2_000;
  expect(await nodes.isRunAlive('node-2', 'boot')).toBe(false);
  state.rows = [row('boot', 2)];
  state.nowMs += 1_000;
  expect(await nodes.isRunAlive('node-2', 'boot')).toBe(true);
});

it('tells a node that is silent before one whose leases are taken back', async () => {
  const { state, nodes } = registry();
  const stateOf = async () => {
    const node = (await nodes.look()).get('node-2');
    return node && nodes.stateOf(node);
  };
  expect(await stateOf()).toBeUndefined();
  state.rows = [row('boot', 7)];
  expect(await stateOf()).toBe('alive');
  state.nowMs += 15_000;
  expect(await stateOf()).toBe('silent');
  expect(await nodes.isRunAlive('node-2', 'boot')).toBe(true);
  state.rows = [row('boot', 0)];
  expect(await stateOf()).toBe('stopped');
  state.nowMs += 1_000;
  expect(await nodes.isRunAlive('node-2', 'boot')).toBe(false);
});

it('is not taken back by an answer that comes late', async () => {
  let answerFirst = (_rows: object[]): void => undefined;
  const answers = [new Promise<object[]>((resolve) => (answerFirst = resolve)), Promise.resolve([row('second', 2)])];
  let nowMs = 0;
  const nodes = new NodeSightings({ read: async <R>() => (await answers.shift()) as R[] }, () => ++nowMs);
  const first = nodes.look();
  await nodes.look();
  answerFirst([row('first', 1)]);
  expect((await first).get('node-2')?.bootId).toBe('second');
});
