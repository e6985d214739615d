import { expect, it } from 'vitest';
import { auth, ORDINARY_KEY } from './support/shell';
import { ask, useShell } from './support/use-shell';

const shell = useShell();

it('takes a processor profile', async () => {
  const answer = await ask(shell, 'GET', '/debug/pprof/profile?seconds=1', auth);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="callfs.cpuprofile"');
  expect(Object.keys(answer.json)).toEqual(expect.arrayContaining(['nodes', 'startTime', 'endTime', 'samples']));
});

it('takes a trace', async () => {
  const answer = await ask(shell, 'GET', '/debug/pprof/trace?seconds=1', auth);
  expect(answer.status).toBe(200);
  expect((answer.json.traceEvents as object[]).length).toBeGreaterThan(0);
});

it('takes one at a time', async () => {
  const [first, second] = await Promise.all([
    ask(shell, 'GET', '/debug/pprof/profile?seconds=1', auth),
    ask(shell, 'GET', '/debug/pprof/trace?seconds=1', auth),
  ]);
  expect([first.status, second.status].sort()).toEqual([200, 429]);
  expect((await ask(shell, 'GET', '/debug/pprof/profile?seconds=1', auth)).status).toBe(200);
});

it('is for the superuser alone', async () => {
  for (const kind of ['profile', 'heap', 'trace']) {
    const answer = await ask(shell, 'GET', `/debug/pprof/${kind}`, { Authorization: `Bearer ${ORDINARY_KEY}` });
    expect([kind, answer.status, answer.json.code]).toEqual([kind, 403, 'PERMISSION_DENIED']);
  }
});

it.each(['0', '-1', '121', 'x', '', '1e9'])('refuses seconds=%s', async (seconds) => {
  expect((await ask(shell, 'GET', `/debug/pprof/profile?seconds=${seconds}`, auth)).status).toBe(400);
});
