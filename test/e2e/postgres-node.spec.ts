import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../support/fixture';
import { PostgresServer } from '../support/postgres';
import { PATIENT, startServer, type TestServer } from '../support/server';

/** One node with its metadata in PostgreSQL: the way from a request to its tables and back. */
let postgres: PostgresServer;
let server: TestServer;

beforeAll(async () => {
  postgres = await PostgresServer.start();
  server = await startServer({ dsn: postgres.dsn(await postgres.createDatabase()), config: { dlm: PATIENT.dlm } });
});
afterAll(async () => {
  await server.stop();
  await server.remove();
  await postgres.stop();
});

it('keeps files of any size, trees, links and permissions, over a restart and a kill', async () => {
  const root = server.client();
  const large = Buffer.alloc(300_000, 'large ');
  expect((await root.put('/a/small', 'small')).status).toBe(201);
  expect((await root.put('/a/b/large', large)).status).toBe(201);
  expect((await root.symlink('/a/link', 'b/large')).status).toBe(201);
  expect((await root.patch('/a/small', { mode: '0600' })).status).toBe(200);
  expect((await server.client('alice').get('/a/small')).status).toBe(403);
  expect((await root.move('/a', '/moved')).status).toBe(200);
  await server.restart();
  expect((await root.get('/moved/small')).text).toBe('small');
  expect((await root.get('/moved/link')).body).toEqual(large);
  await server.kill();
  await server.start();
  expect((await root.list('/moved', { recursive: true })).json.items).toHaveLength(4);
  expect((await root.delete('/moved', { recursive: true })).status).toBe(204);
  expect((await root.get('/moved/small')).status).toBe(404);
});

it('P4, P5: of fifty writers with one condition one wins', async () => {
  const root = server.client();
  const race = async (header: Record<string, string>) => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => root.put('/raced', `writer ${i}`, header)));
    return answers.map(({ status }) => status).sort();
  };
  expect(await race({ 'If-None-Match': '*' })).toEqual([201, ...Array<number>(49).fill(412)]);
  const etag = (await root.head('/raced')).header('etag') ?? '';
  expect(await race({ 'If-Match': etag })).toEqual([200, ...Array<number>(49).fill(412)]);
});

it('P7: a NUL in a URL names nothing, and does not keep the audit log from what others do', async () => {
  const root = server.client();
  const entries = async () => (await must(root.request('GET', '/v1/admin/audit?path=/audited'))).json.items as unknown[];
  const answers = ['/v1/links/%00', '/v1/keys/%00'].map((url) => server.client('alice').request('DELETE', url));
  expect((await Promise.all(answers)).map(({ outcome }) => outcome)).toEqual(['404 LINK_NOT_FOUND', '404 KEY_NOT_FOUND']);
  await must(root.put('/audited', 'x'));
  expect(await entries()).toHaveLength(1);
});

it('N5: answers 503 while PostgreSQL is away, keeps what was acknowledged, and goes on by itself', async () => {
  const root = server.client();
  await root.put('/kept', 'kept');
  await postgres.crash();
  const away = await root.put('/lost', 'lost');
  expect(away.outcome).toBe('503 METADATA_UNAVAILABLE');
  expect(away.header('retry-after')).toBeDefined();
  expect((await root.get('/kept')).outcome).toBe('503 METADATA_UNAVAILABLE');
  await postgres.run();
  expect((await root.get('/kept')).text).toBe('kept');
  expect((await root.get('/lost')).status).toBe(404);
  expect((await root.put('/lost', 'found')).status).toBe(201);
});
