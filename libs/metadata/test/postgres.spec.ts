import { openPostgresStore, type PostgresMetadataStore } from '@callfs/metadata';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { PostgresServer } from '../../../test/support/postgres';
import type { Graces } from '../src/graces';
import { metadataStoreSuite } from '../src/testing/metadata-store-suite';

let server: PostgresServer;
/** Has the tables already; copying it is faster than making them each time. */
let template: string;
const opened = new Map<unknown, { store: PostgresMetadataStore; database: string }>();

async function open(database: string, graces: Graces = {}): Promise<PostgresMetadataStore> {
  const store = await openPostgresStore({
    dsn: server.dsn(database),
    poolSize: 4,
    collectGraceMs: 0,
    ...graces,
    operationTimeoutMs: 30_000,
  });
  opened.set(store, { store, database });
  return store;
}

beforeAll(async () => {
  // What is lost when the power fails is another file's concern. The connections are enough for the stores of one test.
  const unsafe = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
  server = await PostgresServer.start({ ...unsafe, max_connections: '30' });
  template = await server.createDatabase();
  await (await openPostgresStore({ dsn: server.dsn(template) })).close();
});

afterEach(async () => {
  await Promise.all([...opened.values()].map(({ store }) => store.close()));
  opened.clear();
});
afterAll(() => server.stop());

metadataStoreSuite('postgres', {
  open: async (graces) => open(await server.createDatabase(template), graces),
  reopen: async (store) => {
    const { database } = opened.get(store)!;
    await store.close();
    opened.delete(store);
    return open(database);
  },
  corrupt: async (store, ...statements) => {
    const { database } = opened.get(store)!;
    await store.close();
    opened.delete(store);
    for (const statement of statements) await server.query(statement, database);
    return open(database);
  },
});
