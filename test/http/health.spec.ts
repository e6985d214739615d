import { expect, it } from 'vitest';
import { HealthChecks, type HealthCheck } from '../../apps/callfs/src/http/health/health-checks';
import { startShell } from './support/shell';
import { ask } from './support/use-shell';

const up = (name: string, neededFor: HealthCheck['neededFor']): HealthCheck => ({
  name,
  neededFor,
  code: 'METADATA_UNAVAILABLE',
  check: async () => undefined,
});

const down = (name: string, neededFor: HealthCheck['neededFor']): HealthCheck => ({
  ...up(name, neededFor),
  check: () => Promise.reject(new Error('connect ECONNREFUSED secret.internal:5432')),
});

async function answersWith(...checks: HealthCheck[]) {
  const shell = await startShell();
  try {
    shell.app.get(HealthChecks).register(...checks);
    const [health, live, ready] = await Promise.all(
      ['/health', '/health/live', '/health/ready'].map((path) => ask(shell, 'GET', path)),
    );
    return { health, live, ready };
  } finally {
    await shell.app.close();
  }
}

it('is well and ready when everything is up, each check with its latency', async () => {
  const { health, live, ready } = await answersWith(up('metadata', 'everything'), up('locks', 'writes'));
  expect([health?.status, health?.json]).toEqual([200, { status: 'ok' }]);
  expect([live?.status, live?.json]).toEqual([200, { status: 'ok' }]);
  expect(ready?.status).toBe(200);
  expect(ready?.json).toEqual({
    status: 'ok',
    checks: {
      metadata: { status: 'up', latency_ms: expect.any(Number) },
      locks: { status: 'up', latency_ms: expect.any(Number) },
    },
  });
});

it('is degraded, and still ready, while reads work and writes do not', async () => {
  const { health, ready } = await answersWith(up('metadata', 'everything'), down('locks', 'writes'));
  expect(health?.status).toBe(200);
  expect(ready?.status).toBe(200);
  expect(ready?.json).toMatchObject({ status: 'degraded', checks: { metadata: { status: 'up' }, locks: { status: 'down' } } });
});

it('is alive but not well when nothing can succeed, and shows nothing of the cause', async () => {
  const { health, live, ready } = await answersWith(down('metadata', 'everything'), up('locks', 'writes'));
  expect(live?.status).toBe(200);
  for (const answer of [health, ready]) {
    expect(answer?.status).toBe(503);
    expect(answer?.headers.get('retry-after')).toBe('2');
    expect(answer?.json).toMatchObject({
      status: 'error',
      code: 'METADATA_UNAVAILABLE',
      request_id: answer?.headers.get('x-request-id'),
    });
    expect(answer?.text).not.toContain('internal');
  }
  expect(ready?.json.checks).toMatchObject({ metadata: { status: 'down' } });
});

it('does not wait longer than two seconds for a dependency that does not answer', async () => {
  const hanging = { ...up('metadata', 'everything'), check: () => new Promise<never>(() => undefined) };
  const { ready } = await answersWith(hanging);
  expect(ready?.status).toBe(503);
  expect(ready?.json.message).toBe('metadata is down. No answer within 2 s.');
});

it('asks an engine once for many that ask for the health', async () => {
  let asked = 0;
  let arrived = 0;
  let allArrived = (): void => undefined;
  const everybodyAsks = new Promise<void>((resolve) => (allArrived = resolve));
  const check = (): Promise<void> => {
    asked++;
    return everybodyAsks;
  };
  const shell = await startShell();
  shell.app.get(HealthChecks).register({ ...up('metadata', 'everything'), check });
  shell.app.getHttpServer().on('request', () => {
    if (++arrived === 50) allArrived();
  });
  await Promise.all(Array.from({ length: 50 }, () => ask(shell, 'GET', '/health')));
  await shell.app.close();
  expect(asked).toBe(1);
});
