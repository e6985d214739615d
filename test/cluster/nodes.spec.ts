import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../cli/run-cli';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';
import { patternBytes } from '../support/random';
import { prepareServer, ROOT_KEY } from '../support/server';

/** Two nodes, one tree. */
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 2 });
});
afterAll(() => cluster.stop());

it('P3: what one node has acknowledged the other sees with its next request', async () => {
  const [a, b] = [cluster.node(1).client(), cluster.node(2).client()];
  for (let round = 0; round < 30; round++) {
    const [writer, reader] = round % 2 ? [a, b] : [b, a];
    expect((await writer.put('/seen', `round ${round}`)).status).toBe(round === 0 ? 201 : 200);
    expect((await reader.get('/seen')).text).toBe(`round ${round}`);
  }
  await a.mkdir('/tree/');
  await b.put('/tree/file', 'x');
  expect((await a.move('/tree', '/moved')).status).toBe(200);
  expect((await b.get('/tree/file')).status).toBe(404);
  expect((await b.get('/moved/file')).text).toBe('x');
  await b.patch('/moved', { mode: '0700' });
  expect((await cluster.node(1).client('alice').get('/moved/file')).status).toBe(403);
});

it('P4, P5: of fifty writers on two nodes one wins', async () => {
  const [a, b] = [cluster.node(1).client(), cluster.node(2).client()];
  const race = async (header: Record<string, string>) => {
    const writers = Array.from({ length: 50 }, (_, i) => (i % 2 ? a : b).put('/raced', `writer ${i}`, header));
    const answers = await Promise.all(writers);
    const winner = answers.findIndex(({ status }) => status < 300);
    expect((await a.get('/raced')).text).toBe(`writer ${winner}`);
    return answers.map(({ status }) => status).sort();
  };
  expect(await race({ 'If-None-Match': '*' })).toEqual([201, ...Array<number>(49).fill(412)]);
  const etag = (await b.head('/raced')).header('etag') ?? '';
  expect(await race({ 'If-Match': etag })).toEqual([200, ...Array<number>(49).fill(412)]);
});

it('callfs nodes list tells them, and forget only one that is gone', async () => {
  const env = { CALLFS_URL: cluster.node(1).url, CALLFS_API_KEY: ROOT_KEY };
  const list = async () => {
    const { stdout } = await runCli(['nodes', 'list', '--json'], { cwd: cluster.node(1).dir, env });
    return (JSON.parse(stdout) as { instance_id: string; state: string; endpoint: string }[]).map(
      ({ instance_id, state, endpoint }) => `${instance_id} ${state} ${endpoint}`,
    );
  };
  const [one, two] = [1, 2].map((number) => cluster.node(number).url);
  expect(await list()).toEqual([`node-1 alive ${one}`, `node-2 alive ${two}`]);
  const refused = await runCli(['nodes', 'forget', 'node-2'], { cwd: cluster.node(1).dir, env });
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('alive');
  await must(cluster.node(2).client().put('/only-there', patternBytes(1, 100_000)));
  // A copy on the disk of a node that was forgotten before.
  await cluster.query(`INSERT INTO replica (content_id, backend, instance_id, key)
    SELECT content_id, backend, 'forgotten', key FROM replica WHERE instance_id = 'node-2'`);
  await cluster.node(2).stop();
  expect(await list()).toEqual([`node-1 alive ${one}`, `node-2 stopped ${two}`]);
  const kept = await runCli(['nodes', 'forget', 'node-2'], { cwd: cluster.node(1).dir, env });
  expect(kept).toMatchObject({ code: 1, stdout: '' });
  expect(kept.stderr).toContain('Only the disk of "node-2" has 1 blobs');
  await must(cluster.node(1).client().delete('/only-there'));
  expect(await runCli(['nodes', 'forget', 'node-2'], { cwd: cluster.node(1).dir, env })).toMatchObject({
    code: 0,
    stdout: 'forgot node-2\n',
  });
  expect(await list()).toEqual([`node-1 alive ${one}`]);
  await cluster.node(2).start();
  expect(await list()).toEqual([`node-1 alive ${one}`, `node-2 alive ${two}`]);
});

it('a node whose name another has taken says so, reads on and writes nothing; one whose entry is gone registers again', async () => {
  const [one, two] = [cluster.node(1), cluster.node(2)];
  const bytes = patternBytes(2, 100_000);
  await must(one.client().put('/before', bytes));
  const twin = await prepareServer({
    dsn: cluster.postgres.dsn(cluster.database),
    config: {
      dlm: { type: 'redis', redis_addr: [cluster.redis.address] },
      instance_discovery: { instance_id: 'node-2' },
    },
  });
  try {
    const said = two.output.length;
    await twin.start();
    await two.waitFor(/another node has registered as \\"node-2\\": this one accepts no writes any more/, said);
    for (const body of [bytes, 'inline'])
      expect((await two.client().put('/refused', body)).outcome).toBe('503 METADATA_UNAVAILABLE');
    expect((await two.client().delete('/before')).outcome).toBe('503 METADATA_UNAVAILABLE');
    expect((await must(two.client().get('/before'))).body.equals(bytes)).toBe(true);
    await must(twin.client().put('/twin', bytes));
    expect((await must(twin.client().get('/twin'))).body.equals(bytes)).toBe(true);
    await must(twin.client().delete('/twin'));
  } finally {
    await twin.remove();
  }
  await two.restart();
  await must(two.client().put('/after', bytes));

  const said = one.output.length;
  await cluster.query("DELETE FROM node WHERE instance_id = 'node-1'");
  await one.waitFor(/this node has registered again/, said);
  await must(one.client().put('/registered-again', bytes));
  expect(await cluster.query("SELECT endpoint FROM node WHERE instance_id = 'node-1'")).toEqual([{ endpoint: one.url }]);
});
