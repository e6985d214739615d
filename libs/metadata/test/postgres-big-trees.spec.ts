import { Client } from 'pg';
import { openPostgresStore, type PostgresMetadataStore, type PostgresStoreOptions, type TreeAccess } from '@callfs/metadata';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { PostgresServer } from '../../../test/support/postgres';
import { EXCLUSIVE } from '../src/postgres/tree-functions';
import { faultsOf, find, inline, makeDirectory, makeFile, namesIn, place, read, target } from '../src/testing/tree-builder';

/** Issue 5, D6: what is done to a large tree costs others nothing. What is counted is what was done, not how long it took. */
let server: PostgresServer;
const stores: PostgresMetadataStore[] = [];
const clients: Client[] = [];

const COPY = { uid: 7, gid: 8, umask: 0o022, directoryBits: 0 };
const ALICE: TreeAccess = { caller: { uid: 7, gid: 7, groups: [] }, action: 'copy' };

beforeAll(async () => {
  server = await PostgresServer.start({ fsync: 'off', full_page_writes: 'off', autovacuum: 'off' });
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

afterAll(() => server.stop());

async function open(database: string, options: Partial<PostgresStoreOptions> = {}): Promise<PostgresMetadataStore> {
  const dsn = server.dsn(database);
  const store = await openPostgresStore({ dsn, poolSize: 4, operationTimeoutMs: 30_000, collectGraceMs: 0, ...options });
  stores.push(store);
  return store;
}

async function connect(database: string): Promise<Client> {
  const client = new Client({ connectionString: server.dsn(database) });
  clients.push(client);
  await client.connect();
  return client;
}

/** Makes `/<name>` with so many directories of so many files each, owned by 7, as nobody could through the store in this time. */
async function plant(
  store: PostgresMetadataStore,
  database: string,
  name: string,
  directories: number,
  files: number,
): Promise<void> {
  const { id } = await makeDirectory(store, [name], { mode: 0o755, uid: 7, gid: 7 });
  const client = await connect(database);
  const columns = 'id, type, mode, uid, gid, size, nlink, atime_ns, mtime_ns, ctime_ns, version, content_id';
  for (const statement of [
    `CREATE TEMP TABLE d AS SELECT nextval('inode_id_seq') AS id, n FROM generate_series(1, ${directories}) n`,
    `CREATE TEMP TABLE f AS SELECT nextval('inode_id_seq') AS id, nextval('content_id_seq') AS content, d.id AS parent, n.n
     FROM d, generate_series(1, ${files}) n`,
    `INSERT INTO inode (${columns}) SELECT id, 'directory', 493, 7, 7, 0, 2, 0, 0, 0, 1, NULL FROM d`,
    `INSERT INTO inode (${columns}) SELECT id, 'file', 420, 7, 7, 4, 1, 0, 0, 0, 1, content FROM f`,
    `INSERT INTO dentry SELECT ${id}, 'd' || n, id FROM d UNION ALL SELECT parent, 'f' || n, id FROM f`,
    `INSERT INTO content (id, kind, size, sha256, refs, backend, instance_id, data)
     SELECT content, 'inline', 4, '', 1, 'localfs', 'node-1', 'text' FROM f`,
    `UPDATE inode SET nlink = 2 + ${directories} WHERE id = ${id}`,
    `UPDATE statistic SET value = value + CASE name WHEN 'directories' THEN ${directories} WHEN 'files' THEN ${directories * files}
     WHEN 'inline_bytes' THEN ${directories * files * 4} ELSE 0 END`,
    'ANALYZE',
  ])
    await client.query(statement);
}

/** Bytes that the database has written into its log for `work`: how much was changed. */
async function written(database: string, work: () => Promise<unknown>): Promise<number> {
  const position = async () => {
    const [row] = await server.query<{ at: string }>(`SELECT pg_current_wal_insert_lsn() - '0/0' AS at`, database);
    return Number(row!.at);
  };
  const before = await position();
  await work();
  return (await position()) - before;
}

async function waiting(database: string, count: number): Promise<void> {
  const sql = `SELECT pid FROM pg_stat_activity WHERE datname = '${database}' AND application_name = 'callfs' AND wait_event_type = 'Lock'`;
  await expect.poll(async () => (await server.query(sql)).length, { timeout: 60_000, interval: 20 }).toBe(count);
}

/** Somebody else's transaction that has a content to itself, until `release`: a copy of what has it comes to stand before it. */
async function holdContent(database: string, content: number): Promise<{ release: () => Promise<unknown> }> {
  const client = await connect(database);
  await client.query('BEGIN');
  await client.query('SELECT 1 FROM content WHERE id = $1 FOR UPDATE', [content]);
  return { release: () => client.query('ROLLBACK') };
}

it('D6: a directory of a hundred thousand files is moved and removed for what an empty one costs', async () => {
  const database = await server.createDatabase();
  const store = await open(database);
  await plant(store, database, 'large', 100, 1000);
  await makeDirectory(store, ['empty'], { mode: 0o755, uid: 7, gid: 7 });
  const move = async (name: string) => store.move(await target(store, name), await place(store, `${name} moved`), null);
  const remove = async (name: string) => store.removeTree(await target(store, `${name} moved`), { ...ALICE, action: 'remove' });
  const cost = async (work: (name: string) => Promise<unknown>, name: string) => written(database, () => work(name));

  for (const work of [move, remove]) expect(await cost(work, 'large')).toBeLessThan(2 * (await cost(work, 'empty')) + 500);

  expect(await namesIn(store)).toEqual([]);
  expect(await store.reap(2000)).toBe(2000);
  await makeFile(store, ['meanwhile']);
  expect(await read(store, 'meanwhile')).toBe('text');
});

it('D6: a hundred thousand files are copied beside everything that others do to directories', async () => {
  const database = await server.createDatabase();
  const [store, other] = await Promise.all([open(database), open(database)]);
  await plant(store, database, 'large', 100, 1000);
  for (const name of ['mode', 'move', 'remove']) await makeDirectory(store, [name]);
  const first = await find(store, 'large', 'd1', 'f1');
  const held = await holdContent(database, first!.content!.id);

  const copying = store.copyTree(await target(store, 'large'), await place(store, 'copy'), COPY, ALICE);
  await waiting(database, 1);
  await makeFile(other, ['large', 'd2', 'new']);
  await other.setAttributes(await target(other, 'mode'), { mode: 0o700 });
  await other.move(await target(other, 'move'), await place(other, 'moved'), null);
  await other.removeTree(await target(other, 'remove'), null);
  await other.raiseFence(['/somewhere']);
  expect(await namesIn(other)).toEqual(['large', 'mode', 'moved']);
  await held.release();
  await copying;

  expect(await namesIn(other)).toEqual(['copy', 'large', 'mode', 'moved']);
  expect(await namesIn(other, 'copy', 'd100')).toHaveLength(1000);
  expect(await find(other, 'copy', 'd2', 'new')).toBeUndefined();
  expect(await store.statistics()).toMatchObject({ files: 200_001, inlineBytes: 400_004 });
  expect(await faultsOf(store)).toEqual([]);
});

it('D6: a copy that would hold the lock of the tree for long gives it up, and says when to try again', async () => {
  const database = await server.createDatabase();
  const store = await open(database);
  await plant(store, database, 'tree', 1, 2);
  await makeDirectory(store, ['mode']);
  const other = await open(database, { operationTimeoutMs: 5_000 });
  const { id } = (await find(store, 'tree', 'd1', 'f1'))!.content!;
  const locked = await connect(database);
  await locked.query('BEGIN');
  await locked.query(EXCLUSIVE);
  const copying = store.copyTree(await target(store, 'tree'), await place(store, 'copy'), COPY, null);
  const refused = expect(copying).rejects.toMatchObject({ code: 'METADATA_UNAVAILABLE', details: { retry_after: 10 } });
  const last = `SELECT 1 FROM pg_stat_activity WHERE datname = '${database}' AND application_name = 'callfs'
    AND wait_event = 'advisory' AND clock_timestamp() - query_start > interval '500 ms'`;
  await expect.poll(async () => (await server.query(last)).length, { timeout: 60_000, interval: 20 }).toBe(1);
  // One that cannot be had stands in for very many.
  const held = await holdContent(database, id);
  await locked.query('ROLLBACK');
  await other.setAttributes(await target(other, 'mode'), { mode: 0o700 });
  await refused;
  await held.release();
  expect(await namesIn(store)).toEqual(['mode', 'tree']);
  expect(await faultsOf(store)).toEqual([]);
});

it('D6: a copy may take longer than a call otherwise may', async () => {
  const database = await server.createDatabase();
  const patient = await open(database);
  await plant(patient, database, 'tree', 1, 2);
  const store = await open(database, { operationTimeoutMs: 1000 });
  const other = await open(database, { operationTimeoutMs: 1500 });
  const content = (await find(patient, 'tree', 'd1', 'f1'))!.content!.id;
  const held = await holdContent(database, content);
  const copying = store.copyTree(await target(patient, 'tree'), await place(patient, 'copy'), COPY, null);
  await waiting(database, 1);
  const replacing = other.replaceContent(await target(patient, 'tree', 'd1', 'f1'), inline('new'), {});
  await expect(replacing).rejects.toMatchObject({ code: 'METADATA_UNAVAILABLE' });
  await held.release();
  await copying;
  expect(await read(patient, 'copy', 'd1', 'f1')).toBe('text');
});

it('what is replaced or removed while a tree is copied is in the copy as it was or as it is', async () => {
  const database = await server.createDatabase();
  const [store, other] = await Promise.all([open(database), open(database)]);
  await plant(store, database, 'tree', 2, 5);
  const held = await holdContent(database, (await find(store, 'tree', 'd1', 'f1'))!.content!.id);

  const copying = store.copyTree(await target(store, 'tree'), await place(store, 'copy'), COPY, ALICE);
  await waiting(database, 1);
  await other.replaceContent(await target(other, 'tree', 'd1', 'f2'), inline('replaced'), {});
  await other.remove(await target(other, 'tree', 'd1', 'f3'));
  await makeFile(other, ['renamed over'], inline('renamed'));
  const { id, version } = (await find(other, 'tree', 'd2', 'f1'))!;
  await other.move(await target(other, 'renamed over'), await place(other, 'tree', 'd2', 'f1'), { id, version });
  await other.remove(await target(other, 'tree', 'd2', 'f2'));
  await makeDirectory(other, ['tree', 'd2', 'f2']);
  await held.release();
  await copying;

  expect(await namesIn(store, 'copy', 'd1')).toEqual(['f1', 'f2', 'f4', 'f5']);
  expect(await namesIn(store, 'copy', 'd2')).toEqual(['f1', 'f3', 'f4', 'f5']);
  expect(await read(store, 'copy', 'd1', 'f1')).toBe('text');
  expect(await read(store, 'copy', 'd1', 'f2')).toBe('replaced');
  expect(await read(store, 'copy', 'd2', 'f1')).toBe('renamed');
  expect(await find(store, 'copy', 'd2', 'f1')).toMatchObject({ size: 7, mode: 0o644, uid: 7 });
  expect(await faultsOf(store)).toEqual([]);
});

it('A7: what is replaced while a tree is copied is judged as it is', async () => {
  const database = await server.createDatabase();
  const [store, other] = await Promise.all([open(database), open(database)]);
  await plant(store, database, 'tree', 1, 2);
  const held = await holdContent(database, (await find(store, 'tree', 'd1', 'f1'))!.content!.id);
  const copying = store.copyTree(await target(store, 'tree'), await place(store, 'copy'), COPY, ALICE);
  await waiting(database, 1);
  await other.replaceContent(await target(other, 'tree', 'd1', 'f2'), inline('secret'), { mode: 0o600, uid: 0 });
  await held.release();
  await expect(copying).rejects.toMatchObject({ code: 'PERMISSION_DENIED', details: { path: 'd1/f2', mode: '0600' } });
  expect(await namesIn(store)).toEqual(['tree']);
  expect(await faultsOf(store)).toEqual([]);
});

it('P7: a copy that has lost its lock on the way, or whose path has changed, is not made', async () => {
  const database = await server.createDatabase();
  const [store, other] = await Promise.all([open(database), open(database)]);
  await plant(store, database, 'tree', 1, 2);
  const content = (await find(store, 'tree', 'd1', 'f1'))!.content!.id;
  const interrupted = async (change: () => Promise<unknown>) => {
    const held = await holdContent(database, content);
    const guard = { lockNames: ['/copy'], fence: await store.nextFence() };
    const copying = store.copyTree(await target(store, 'tree'), await place(store, 'copy'), COPY, null, guard);
    const outcome = copying.catch((error: unknown) => error);
    await waiting(database, 1);
    await change();
    await held.release();
    return outcome;
  };
  expect(await interrupted(() => other.raiseFence(['/copy']))).toMatchObject({ code: 'STALE_LOCK' });
  const close = async () => other.setAttributes(await target(other, 'tree'), { mode: 0o700 });
  expect(await interrupted(close)).toMatchObject({ code: 'CONFLICT' });
  expect(await interrupted(() => makeFile(other, ['copy']))).toMatchObject({ code: 'CONFLICT' });
  expect(await faultsOf(store)).toEqual([]);
});
