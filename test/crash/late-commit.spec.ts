import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../support/fixture';
import { LateLine } from '../support/late-line';
import { PostgresServer } from '../support/postgres';
import { patternBytes } from '../support/random';
import { PATIENT, startServer, type TestServer } from '../support/server';
import { storedFiles } from '../support/storage-root';

/**
 * What a node has sent to PostgreSQL, and PostgreSQL gets to see when that node is dead, or has long begun anew; and what
 * PostgreSQL has done without the node being told.
 */
let postgres: PostgresServer;
let line: LateLine;
let server: TestServer;

beforeAll(async () => {
  postgres = await PostgresServer.start();
  line = await LateLine.to(postgres.port);
  const database = await postgres.createDatabase();
  server = await startServer({ dsn: postgres.dsn(database, undefined, line.port), config: { dlm: PATIENT.dlm } });
});
afterAll(async () => {
  await server.remove();
  await line.stop();
  await postgres.stop();
});

it('C4, P9: a commit that comes when its blob was removed after the restart is refused: no file is without its bytes', async () => {
  const root = server.client();
  await must(root.put('/before', patternBytes(1, 300_000)));
  const { blobs } = await storedFiles(server.dataDir);
  const held = line.hold('callfs_commit');
  const unanswered = expect(root.put('/late', patternBytes(2, 300_000))).rejects.toThrow();
  await held;
  await server.kill();
  await unanswered;
  await server.start();
  expect(await storedFiles(server.dataDir)).toEqual({ blobs, staging: [] });
  await must(root.request('POST', '/v1/admin/gc'));

  await line.deliver();
  expect((await root.get('/late')).status).toBe(404);
  const { text } = await must(root.request('GET', '/v1/admin/fsck?verify_content=true'));
  expect(text).not.toContain('"event":"finding"');
  expect((await root.get('/before')).body.equals(patternBytes(1, 300_000))).toBe(true);
});

it('has every entry in the audit log once, also those that came while nobody knew whether those before were written', async () => {
  const root = server.client();
  const lost = line.loseAnswer('INSERT INTO audit', 'COMMIT');
  await must(root.put('/audited/1', 'x'));
  await lost;
  await must(root.put('/audited/2', 'x'));
  const { json } = await must(root.request('GET', '/v1/admin/audit?path=/audited&order=asc'));
  expect((json.items as { path: string }[]).map(({ path }) => path)).toEqual(['/audited/1', '/audited/2']);
});
