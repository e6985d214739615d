import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newStorageKey } from '@callfs/core';
import { Client, type Pool } from 'pg';
import {
  openPostgresData,
  openPostgresStore,
  type PostgresMetadataStore,
  type PostgresStoreOptions,
  type Target,
} from '@callfs/metadata';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { selfSignedCertificate } from '../../../apps/callfs/src/cli/tls/self-signed-certificate';
import { PostgresServer } from '../../../test/support/postgres';
import { SeverableLine } from '../../../test/support/severable-line';
import { SteadyClient, TYPES } from '../src/postgres/connection';
import { ReadLane } from '../src/postgres/read-lane';
import { Sessions } from '../src/postgres/sessions';
import { MIGRATION_LOCK } from '../src/postgres/tree-functions';
import {
  authorised,
  blob,
  faultsOf,
  find,
  inline,
  makeDirectory,
  makeFile,
  namesIn,
  place,
  read,
  ROOT_OWNED,
  target,
} from '../src/testing/tree-builder';

let server: PostgresServer;
const stores: PostgresMetadataStore[] = [];
const clients: Client[] = [];

beforeAll(async () => {
  // What it would do by itself changes the snapshot, which these tests look at.
  server = await PostgresServer.start({ autovacuum: 'off' });
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

afterAll(() => server.stop());

async function open(dsn: string, options: Partial<PostgresStoreOptions> = {}): Promise<PostgresMetadataStore> {
  const store = await openPostgresStore({ dsn, poolSize: 4, operationTimeoutMs: 30_000, ...options });
  stores.push(store);
  return store;
}

/** Two nodes on one database. */
async function openTwo(): Promise<[PostgresMetadataStore, PostgresMetadataStore, database: string]> {
  const database = await server.createDatabase();
  const dsn = server.dsn(database);
  return [...(await Promise.all([open(dsn), open(dsn)])), database] as const;
}

/** Somebody else's transaction, which has done `sql`, until `release`. */
async function holding(database: string, sql: string): Promise<{ client: Client; release: () => Promise<unknown> }> {
  const client = new Client({ connectionString: server.dsn(database), application_name: 'somebody else' });
  clients.push(client);
  await client.connect();
  await client.query('BEGIN');
  await client.query(sql);
  return { client, release: () => client.query('ROLLBACK') };
}

/** Such a one that holds the row of `/`. */
const holdRoot = (database: string) => holding(database, 'SELECT 1 FROM inode WHERE id = 1 FOR UPDATE');

/** Resolves once so many statements wait for a lock: of the stores, or of somebody else. */
async function waiting(database: string, count: number, whose = 'callfs'): Promise<void> {
  const sql = `SELECT pid FROM pg_stat_activity WHERE datname = '${database}' AND application_name = '${whose}' AND wait_event_type = 'Lock'`;
  await expect.poll(async () => (await server.query(sql)).length, { timeout: 60_000, interval: 20 }).toBe(count);
}

describe('two stores on one database', () => {
  it('P3: what one acknowledged the other sees at once, also where it had found nothing', async () => {
    const [a, b] = await openTwo();
    for (let round = 0; round < 30; round++) {
      const [here, there] = round % 2 === 0 ? [a, b] : [b, a];
      const name = `f${round}`;
      expect(await find(there, name)).toBeUndefined();
      const made = await makeFile(here, [name], inline(name));
      expect(await find(there, name)).toEqual(made);
      expect(await namesIn(there)).toContain(name);
      const changed = await there.replaceContent(await target(there, name), inline('other'), {});
      expect([await find(here, name), await read(here, name)]).toEqual([changed, 'other']);
      await here.remove(await target(here, name));
      expect(await find(there, name)).toBeUndefined();
    }
  });

  it('P5: of 50 creators on both exactly one makes the name', async () => {
    const [a, b] = await openTwo();
    const at = await place(a, 'f');
    const calls = Array.from({ length: 50 }, (_, index) =>
      (index % 2 === 0 ? a : b).createFile(at, ROOT_OWNED, inline(`${index}`), null),
    );
    const results = await Promise.allSettled(calls);
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(49);
    for (const result of refused) expect(result).toMatchObject({ reason: { code: 'CONFLICT' } });
    expect(await find(b, 'f')).toEqual(await Promise.any(calls));
    expect(await a.statistics()).toMatchObject({ files: 1 });
  });

  it('P9: either condemns a blob or has a row that refers to it, whoever of two nodes comes first', async () => {
    const [a, b, database] = await openTwo();
    const part = { backend: 'localfs', instanceId: 'node-1', key: newStorageKey() };
    const sql = `INSERT INTO upload_part (upload_id, position, size, sha256, backend, instance_id, key) VALUES ('u', 0, 1, NULL, ?, ?, ?)`;
    const row = [{ sql, parameters: [part.backend, part.instanceId, part.key] }];
    const held = await holding(database, 'LOCK TABLE upload_part IN SHARE MODE');
    const appended = a.tables.transaction('upload', row, [part]);
    await waiting(database, 1);
    const condemned = b.condemn([part]);
    await waiting(database, 2);
    await held.release();
    await appended;
    expect(await condemned).toEqual([]);
  });

  describe('a copy of a tree beside commits waits for them and they for it, never each for the other', () => {
    /** `/t/f` and `/t/g` with older and newer content, on two nodes; whoever waits in a circle waits to the end. */
    async function openTree(content = () => inline('x')): Promise<[PostgresMetadataStore, PostgresMetadataStore, string]> {
      const database = await server.createDatabase();
      await server.query(`ALTER DATABASE ${database} SET deadlock_timeout = '10min'`);
      const dsn = server.dsn(database);
      const [a, b] = await Promise.all([open(dsn), open(dsn)]);
      await makeDirectory(a, ['t']);
      for (const name of ['f', 'g']) await makeFile(a, ['t', name], content());
      return [a, b, database];
    }
    const copied = async (store: PostgresMetadataStore) =>
      store.copyTree(await target(store, 't'), await place(store, 'copy'), { uid: 0, gid: 0, umask: 0, directoryBits: 0 }, null);
    const holdOlder = (database: string) =>
      holding(database, 'SELECT 1 FROM content WHERE id = (SELECT min(id) FROM content) FOR UPDATE');

    it.each([
      ['small contents', () => inline('new')],
      ['blobs', blob],
    ])('where a batch replaces several files: %s', async (_, content) => {
      const [a, b, database] = await openTree();
      const targets = [await target(b, 't', 'g'), await target(b, 't', 'f')];
      const held = await holdOlder(database);
      const copy = copied(a);
      await waiting(database, 1);
      const replaced = targets.map((each) => b.replaceContent(each, content(), {}));
      await waiting(database, 2);
      await held.release();
      await Promise.all([copy, ...replaced]);
      expect(await faultsOf(a)).toEqual([]);
    });

    it('where a batch makes a name beside the copy', async () => {
      const [a, b, database] = await openTree();
      const [at, replaced] = [await place(b, 'beside'), await target(b, 't', 'f')];
      const held = await holdOlder(database);
      const copy = copied(a);
      await waiting(database, 1);
      const batch = [b.createFile(at, ROOT_OWNED, blob(), null), b.replaceContent(replaced, inline('new'), {})];
      await waiting(database, 2);
      await held.release();
      await Promise.all([copy, ...batch]);
      expect(await namesIn(a)).toEqual(['beside', 'copy', 't']);
    });

    it('where a directory changes meanwhile', async () => {
      const [a, b, database] = await openTree();
      await makeDirectory(a, ['d']);
      const [replaced, changed] = [await target(b, 't', 'f'), await target(a, 'd')];
      const held = await holdOlder(database);
      const copy = copied(a);
      await waiting(database, 1);
      const commit = b.replaceContent(replaced, inline('new'), {});
      await waiting(database, 2);
      const exclusive = a.setAttributes(changed, { mode: 0o700 });
      await waiting(database, 3);
      await held.release();
      await Promise.all([copy, commit, exclusive]);
    });

    it('where two nodes replace copies that share their contents, each in another order', async () => {
      const [a, b, database] = await openTree(blob);
      await copied(a);
      const held = await holdOlder(database);
      const replace = (store: PostgresMetadataStore, names: readonly string[], targets: Target[]) =>
        names.map((_, index) => store.replaceContent(targets[index]!, inline('new'), {}));
      const of = (store: PostgresMetadataStore, paths: string[][]) => Promise.all(paths.map((path) => target(store, ...path)));
      const here = await of(a, [
        ['t', 'g'],
        ['t', 'f'],
      ]);
      const there = await of(b, [
        ['copy', 'f'],
        ['copy', 'g'],
      ]);
      const first = replace(b, ['f', 'g'], there);
      await waiting(database, 1);
      const second = replace(a, ['g', 'f'], here);
      await waiting(database, 2);
      await held.release();
      await Promise.all([...first, ...second]);
      expect(await faultsOf(a)).toEqual([]);
    });
  });

  it('P16: directories that move into one another from both never make a cycle', async () => {
    const [a, b] = await openTwo();
    for (let round = 0; round < 15; round++) {
      const [x, y] = [`x${round}`, `y${round}`];
      for (const path of [[x], [x, 'sub'], [y], [y, 'sub']]) await makeDirectory(a, path);
      const [source, other] = [await target(a, x), await target(b, y)];
      const [below, above] = [await place(a, y, 'sub', 'in'), await place(b, x, 'sub', 'in')];
      const moves = await Promise.allSettled([a.move(source, below, null), b.move(other, above, null)]);
      expect(moves.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(moves.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONFLICT' } });
    }
    expect(await faultsOf(a)).toEqual([]);
  });

  it('C3: one removes a directory or the other makes something in it, deep below as well', async () => {
    const [a, b] = await openTwo();
    for (let round = 0; round < 15; round++) {
      const name = `d${round}`;
      for (const path of [[name], [name, 'e'], [name, 'e', 'f']]) await makeDirectory(a, path);
      const [doomed, within] = [await target(a, name), await place(b, name, 'e', 'f', 'new')];
      const [empty, inside] = [await target(a, name, 'e', 'f'), within];
      const calls = round % 2 === 0 ? [a.removeTree(doomed, null)] : [a.remove(empty)];
      const [removed, created] = await Promise.allSettled([...calls, b.createFile(inside, ROOT_OWNED, inline('x'), null)]);
      if (round % 2 === 1) expect([removed.status, created!.status].sort()).toEqual(['fulfilled', 'rejected']);
      const there = (await find(a, name, 'e', 'f', 'new')) !== undefined;
      expect(there).toBe(removed.status === 'rejected' && created!.status === 'fulfilled');
    }
    while ((await a.reap(100)) > 0);
    expect(await faultsOf(b)).toEqual([]);
  });

  it('P7: fences grow across both, and a raise of one stops the commits of the other', async () => {
    const [a, b] = await openTwo();
    let last = 0;
    for (let round = 0; round < 20; round++) {
      const fence = await (round % 2 === 0 ? a : b).nextFence();
      expect(fence).toBeGreaterThan(last);
      last = fence;
    }
    const guard = { lockNames: ['/f'], fence: last };
    await a.createFile(await place(a, 'before'), ROOT_OWNED, inline('x'), null, guard);
    await b.raiseFence(['/f']);
    const late = a.createFile(await place(a, 'after'), ROOT_OWNED, inline('x'), null, guard);
    await expect(late).rejects.toMatchObject({ code: 'STALE_LOCK' });
    expect(await namesIn(b)).toEqual(['before']);
  });

  it('P7: a raise does not return while a commit with a lower fence is under way', async () => {
    const [a, b, database] = await openTwo();
    const guard = { lockNames: ['/f'], fence: await a.nextFence() };
    const at = await place(a, 'f');
    const root = await holdRoot(database);
    const order: string[] = [];
    const commit = a.createFile(at, ROOT_OWNED, inline('x'), null, guard).then(() => order.push('commit'));
    await waiting(database, 1);
    const raise = b.raiseFence(['/f']).then(() => order.push('raise'));
    await waiting(database, 2);
    await root.release();
    await Promise.all([commit, raise]);
    expect(order).toEqual(['commit', 'raise']);
  });
});

describe('small writes', () => {
  /** How many subtransactions wrote the contents from `first` on. */
  const subtransactions = async (database: string, first: number) => {
    const sql = `SELECT count(DISTINCT xmin::text) AS count FROM content WHERE id >= ${first}`;
    return server.query(sql, database);
  };

  it('are made together when they come together, and each by itself when one of them is refused', async () => {
    const [a, , database] = await openTwo();
    const names = Array.from({ length: 30 }, (_, index) => `f${index}`);
    const write = async (...targets: Target[]) => {
      const at = { directory: await authorised(a), missing: [] };
      const made = names.map((name) =>
        a.createFile({ ...at, name: `${name} of ${targets[0]?.version}` }, ROOT_OWNED, inline(name), null),
      );
      return Promise.allSettled([...made, ...targets.map((file) => a.replaceContent(file, inline('new'), {}))]);
    };
    const first = (await makeFile(a, ['f'])).content!.id;
    const [file, commits] = [await target(a, 'f'), a.commits];
    const together = await write(file);
    expect(together.map(({ status }) => status)).toEqual(together.map(() => 'fulfilled'));
    expect(a.commits - commits).toBe(1);
    expect(await subtransactions(database, first + 1)).toEqual([{ count: '1' }]);

    const last = (await find(a, 'f'))!;
    const alone = await write({ ...file, version: -1 }, await target(a, 'f'));
    expect(alone.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'CONFLICT' } }]);
    expect(a.commits - commits).toBe(3);
    expect(await subtransactions(database, last.content!.id + 1 + names.length)).toEqual([{ count: '31' }]);
    expect(await faultsOf(a)).toEqual([]);
  });

  it('go in batches of bounded size', async () => {
    const [a] = await openTwo();
    const at = { directory: await authorised(a), missing: [] };
    const [commits, mebibyte] = [a.commits, 'x'.repeat(2 ** 20)];
    const names = Array.from({ length: 12 }, (_, index) => `f${index}`);
    await Promise.all(names.map((name) => a.createFile({ ...at, name }, ROOT_OWNED, inline(mebibyte), null)));
    expect(a.commits - commits).toBe(3);
    for (const name of names) expect(await read(a, name)).toBe(mebibyte);
  });

  it('wait for what another node changes, and see it', async () => {
    const [a, b, database] = await openTwo();
    await makeDirectory(a, ['d']);
    await makeFile(a, ['d', 'f'], inline('old'));
    const [file, at] = [await target(a, 'd', 'f'), await place(a, 'd', 'new')];
    const [row] = await server.query<{ id: string }>('SELECT id FROM content', database);
    // A copy of another node has taken a reference to what is to be replaced.
    const copying = await holding(database, `UPDATE content SET refs = refs + 1 WHERE id = ${row!.id}`);
    const writes = Promise.all([a.replaceContent(file, inline('new'), {}), a.createFile(at, ROOT_OWNED, inline('x'), null)]);
    await waiting(database, 1);
    await copying.client.query('COMMIT');
    await writes;
    expect([await read(b, 'd', 'f'), await read(b, 'd', 'new')]).toEqual(['new', 'x']);
    expect(await server.query(`SELECT refs FROM content WHERE id = ${row!.id}`, database)).toEqual([{ refs: '1' }]);

    const overtaken = await target(a, 'd', 'f');
    const changing = await holding(database, `UPDATE inode SET version = version + 1 WHERE id = ${overtaken.path.steps[2]!.id}`);
    const overtaking = a.replaceContent(overtaken, inline('lost'), {});
    overtaking.catch(() => undefined);
    await waiting(database, 1);
    await changing.client.query('COMMIT');
    await expect(overtaking).rejects.toMatchObject({ code: 'CONFLICT' });

    const [again, late] = [await target(a, 'd', 'f'), await place(a, 'd', 'late')];
    await b.setAttributes(await target(b, 'd'), { mode: 0o700 });
    const refused = [a.replaceContent(again, inline('late'), {}), a.createFile(late, ROOT_OWNED, inline('late'), null)];
    for (const result of await Promise.allSettled(refused)) expect(result).toMatchObject({ reason: { code: 'CONFLICT' } });
    expect([await read(b, 'd', 'f'), await find(b, 'd', 'late')]).toEqual(['new', undefined]);
  });
});

it('P1: a server that is killed under load has lost nothing that was acknowledged', async () => {
  const mine = await PostgresServer.start();
  try {
    const dsn = mine.dsn(await mine.createDatabase());
    const store = await open(dsn);
    const at = { directory: await authorised(store), missing: [] };
    const acknowledged: string[] = [];
    let enough: () => void = () => undefined;
    const loaded = new Promise<void>((resolve) => (enough = resolve));
    const writer = async (id: number) => {
      for (let count = 0; ; count++) {
        const name = `f${id}-${count}`;
        await store.createFile({ ...at, name }, ROOT_OWNED, inline(name), null);
        if (acknowledged.push(name) === 200) enough();
      }
    };
    const writers = Array.from({ length: 8 }, (_, id) => writer(id));
    const ended = Promise.allSettled(writers);
    await loaded;
    await mine.crash();
    for (const result of await ended) expect(result).toMatchObject({ reason: { code: 'METADATA_UNAVAILABLE' } });
    await expect(store.ping()).rejects.toMatchObject({ code: 'METADATA_UNAVAILABLE' });
    await mine.run();
    for (const name of acknowledged) expect(await read(store, name)).toBe(name);
    const { files } = await store.statistics();
    expect(files).toBeGreaterThanOrEqual(acknowledged.length);
    await makeFile(store, ['on it goes']);
  } finally {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await mine.stop();
  }
});

describe('paths are resolved together, and what is known is used while nothing has changed', () => {
  /** A lane and the names of the statements that it has sent. */
  async function openLane(database: string): Promise<{ lane: ReadLane; sent: () => (string | undefined)[] }> {
    const statements: (string | undefined)[] = [];
    const lane = new ReadLane(async () => {
      const client = new SteadyClient({ connectionString: server.dsn(database), types: TYPES });
      await client.connect();
      const query = client.query.bind(client) as (config: { name?: string }) => Promise<unknown>;
      client.query = ((config: { name?: string }) => (statements.push(config.name), query(config))) as typeof client.query;
      return client;
    });
    return { lane, sent: () => statements.splice(0) };
  }

  it('P3: one statement for a turn, a look at the snapshot for what is known, another after any commit', async () => {
    const database = await server.createDatabase();
    const store = await open(server.dsn(database));
    for (const name of ['a', 'b', 'c']) await makeFile(store, [name], inline(name));
    const { lane, sent } = await openLane(database);
    const ask = async (...names: string[]) => {
      const found = await Promise.all(names.map((name) => lane.resolve([name], true)));
      return found.map(({ inodes, data }) => (inodes.length === 2 ? data?.toString() : undefined));
    };
    expect(await ask('a', 'b', 'none')).toEqual(['a', 'b', undefined]);
    expect(sent()).toEqual(['callfs_resolve_many']);
    expect(await ask('b', 'a', 'none')).toEqual(['b', 'a', undefined]);
    expect(sent()).toEqual(['callfs_snapshot']);
    expect(await ask('a', 'c')).toEqual(['a', 'c']);
    expect(sent()).toEqual(['callfs_resolve_many']);

    await makeFile(store, ['none'], inline('there'));
    expect(await ask('a', 'none')).toEqual(['a', 'there']);
    expect(sent()).toEqual(['callfs_snapshot', 'callfs_resolve_many']);
    await store.replaceContent(await target(store, 'a'), inline('new'), {});
    expect(await ask('a', 'unknown', 'b')).toEqual(['new', undefined, 'b']);
    expect(sent()).toEqual(['callfs_resolve_many', 'callfs_resolve_many']);
    // What nobody asked for when the change was found out is not known either.
    for (const name of ['a', 'b']) await store.replaceContent(await target(store, name), inline('newer'), {});
    expect([await ask('a'), await ask('b')]).toEqual([['newer'], ['newer']]);
    await lane.close();
  });

  it('P3: a commit that is under way changes nothing, and its end does', async () => {
    const database = await server.createDatabase();
    const store = await open(server.dsn(database));
    await makeFile(store, ['f'], inline('old'));
    const other = new Client({ connectionString: server.dsn(database) });
    clients.push(other);
    await other.connect();
    await other.query('BEGIN');
    await other.query('UPDATE inode SET mode = 0 WHERE id <> 1');
    const { lane } = await openLane(database);
    const mode = async () => (await lane.resolve(['f'], true)).inodes[1]?.mode;
    expect([await mode(), await mode()]).toEqual([0o644, 0o644]);
    await makeFile(store, ['g']);
    expect([await mode(), await mode()]).toEqual([0o644, 0o644]);
    await other.query('COMMIT');
    expect([await mode(), await mode()]).toEqual([0, 0]);
    await lane.close();
  });

  it('knows nothing of a server that was started again', async () => {
    const database = await server.createDatabase();
    const store = await open(server.dsn(database));
    await makeFile(store, ['f'], inline('text'));
    const { lane, sent } = await openLane(database);
    for (let round = 0; round < 2; round++) expect((await lane.resolve(['f'], true)).data?.toString()).toBe('text');
    expect(sent()).toEqual(['callfs_resolve_many', 'callfs_snapshot']);
    await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`);
    expect((await lane.resolve(['f'], true)).data?.toString()).toBe('text');
    expect(sent().at(-1)).toBe('callfs_resolve_many');
    await lane.close();
  });
});

describe('N5: what goes wrong on the way', () => {
  it('a deadlock with somebody else is tried again and seen by nobody', async () => {
    const database = await server.createDatabase();
    const store = await open(server.dsn(database));
    const hold = (total: string) => holding(database, `UPDATE statistic SET value = value WHERE name = '${total}'`);
    const [first, second] = [await hold('files'), await hold('inline_bytes')];
    // It is for the store to find out.
    await second.client.query("SET LOCAL deadlock_timeout = '10min'");
    const created = makeFile(store, ['f'], inline('made'));
    await waiting(database, 1);
    const after = second.client.query('UPDATE inode SET version = version WHERE id = 1');
    await waiting(database, 1, 'somebody else');
    // Now the store comes to what the second has, who waits for it.
    await first.release();
    await after;
    await second.release();
    await created;
    expect(await read(store, 'f')).toBe('made');
    expect(await store.statistics()).toMatchObject({ files: 1 });
    const [seen] = await server.query<{ deadlocks: string }>(
      `SELECT deadlocks FROM pg_stat_database WHERE datname = '${database}'`,
    );
    expect(Number(seen!.deadlocks)).toBe(1);
  });

  it('a call that takes longer than it may has changed nothing, and the next goes on', async () => {
    const database = await server.createDatabase();
    const store = await open(server.dsn(database), { operationTimeoutMs: 3000 });
    const at = await place(store, 'late');
    const root = await holdRoot(database);
    await expect(store.createFile(at, ROOT_OWNED, inline('x'), null)).rejects.toMatchObject({
      code: 'METADATA_UNAVAILABLE',
      message: expect.stringMatching(/server\.metadata_op_timeout; nothing has changed/) as string,
    });
    await root.release();
    expect(await namesIn(store)).toEqual([]);
    await makeFile(store, ['next']);
  });

  it('what looks at the whole tree takes longer than a call may', async () => {
    const database = await server.createDatabase();
    const store = await open(server.dsn(database), { operationTimeoutMs: 300 });
    const file = await makeFile(store, ['f']);
    const tables = await holding(
      database,
      `UPDATE statistic SET value = 7 WHERE name = 'files'; COMMIT; BEGIN; LOCK TABLE statistic, inode`,
    );
    const looked = Promise.all([faultsOf(store), store.pathsOf([file.content!.id])]);
    const mended = store.repair({ kind: 'wrong_total', name: 'files', found: 7, expected: 1 });
    const ended = Promise.allSettled([looked, mended]);
    // Longer than the driver waits for a call, and PostgreSQL for a statement.
    await tables.client.query('SELECT pg_sleep(2)');
    await tables.release();
    await ended;
    const [faults, paths] = await looked;
    expect(paths).toEqual([{ content: file.content!.id, path: '/f' }]);
    expect(await mended).toBe('repaired');
    expect(faults.map(({ kind }) => kind).filter((kind) => kind !== 'wrong_total')).toEqual([]);
    expect(await faultsOf(store)).toEqual([]);
  });

  it('when all connections are taken it is METADATA_UNAVAILABLE in bounded time, and over when one is back', async () => {
    const database = await server.createDatabase();
    const store = await open(server.dsn(database), { poolSize: 1, operationTimeoutMs: 2000 });
    const taken = await (store as unknown as { pool: Pool }).pool.connect();
    await expect(store.ping()).rejects.toMatchObject({ code: 'METADATA_UNAVAILABLE' });
    // Paths are resolved on a connection of their own.
    expect(await find(store, 'f')).toBeUndefined();
    taken.release();
    await store.ping();
  });

  it('a connection that the server cuts off is replaced, and a read does not notice', async () => {
    const database = await server.createDatabase();
    const store = await open(server.dsn(database));
    await makeFile(store, ['f']);
    await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`);
    expect(await read(store, 'f')).toBe('text');
    expect(await namesIn(store)).toEqual(['f']);
    await makeFile(store, ['g']);
  });

  it('a connection that the server cuts off between two statements of a transaction fails that transaction alone', async () => {
    const database = await server.createDatabase();
    const data = await openPostgresData(server.dsn(database), 5000);
    const pool = (data.dataSource.driver as unknown as { master: Pool }).master;
    const sessions = new Sessions(pool);
    const ended = new Promise<void>((resolve) => {
      pool.once('acquire', (client: Client) => client.once('end', resolve));
    });
    const broken = sessions.transaction(async (client) => {
      const [own] = await client.rows<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await server.query(`SELECT pg_terminate_backend(${own!.pid})`);
      await ended;
      return client.rows('SELECT 1');
    });
    await expect(broken).rejects.toMatchObject({ code: 'METADATA_UNAVAILABLE' });
    expect(await sessions.read({ name: 'one', text: 'SELECT 1 AS one' }, [])).toEqual([{ one: 1 }]);
    await data.close();
  });

  it('a node that goes silent in the middle of a transaction holds up the others for a moment only', async () => {
    const [other, , database] = await openTwo();
    const line = await SeverableLine.to(server.port);
    const silent = await open(server.dsn(database, undefined, line.port));
    await other.raiseFence(['held']);
    const row = await holding(database, `SELECT 1 FROM fence WHERE name = 'held' FOR UPDATE`);
    const raised = silent.raiseFence(['held']).then(
      () => 'raised',
      () => 'failed',
    );
    await waiting(database, 1);
    // It has the tree to itself, and nothing that it is told reaches it.
    line.cut();
    await row.release();
    await makeFile(other, ['f']);
    line.mend();
    expect(await raised).toBe('failed');
    await line.stop();
  });
});

describe('opening', () => {
  it('four nodes at once make one schema', async () => {
    const database = await server.createDatabase();
    const opened = await Promise.all(Array.from({ length: 4 }, () => open(server.dsn(database), { poolSize: 1 })));
    const applied = await server.query<{ name: string }>('SELECT name FROM migrations', database);
    expect(new Set(applied.map(({ name }) => name)).size).toBe(applied.length);
    await makeFile(opened[0]!, ['f']);
    expect(await namesIn(opened[3]!)).toEqual(['f']);
  });

  it('refuses a schema that is newer than the program', async () => {
    const database = await server.createDatabase();
    await (await open(server.dsn(database))).close();
    await server.query("INSERT INTO migrations (timestamp, name) VALUES (9999999999999, 'FromTheFuture9')", database);
    await expect(open(server.dsn(database))).rejects.toMatchObject({
      code: 'METADATA_UNAVAILABLE',
      message: expect.stringMatching(/newer CallFS.*FromTheFuture9/) as string,
    });
  });

  it('does not wait for ever for a node that hangs in its migrations: says whose session it is, and goes on when that has ended', async () => {
    const dsn = server.dsn(await server.createDatabase());
    const hung = new SteadyClient(dsn);
    clients.push(hung);
    await hung.connect();
    const { rows } = await hung.query<{ pid: number }>(`SELECT pg_backend_pid() AS pid, pg_advisory_lock(${MIGRATION_LOCK})`);
    const { pid } = rows[0]!;
    await expect(open(dsn, { operationTimeoutMs: 100 })).rejects.toMatchObject({
      code: 'METADATA_UNAVAILABLE',
      message: expect.stringMatching(
        new RegExp(
          `not brought the schema up to date within 1.2 s\\. PostgreSQL's process ${pid} .*pg_terminate_backend\\(${pid}\\);$`,
        ),
      ) as string,
    });
    const told: string[] = [];
    const opened = open(dsn, { tell: (message) => told.push(message) });
    await expect.poll(() => told.length, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(told[0]).toMatch(
      new RegExp(`this one waits for it\\. PostgreSQL's process ${pid} is its session, from 127\\.0\\.0\\.1, for \\d+ s\\.$`),
    );
    await server.query(`SELECT pg_terminate_backend(${pid})`);
    await makeFile(await opened, ['f']);
  });

  it('waits for its turn, and migrates, whatever statement_timeout the database has', async () => {
    const database = await server.createDatabase();
    const dsn = server.dsn(database);
    const other = await holding(database, `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    await server.query(`ALTER DATABASE ${database} SET statement_timeout = 200`);
    const told: string[] = [];
    const opened = open(dsn, { tell: (message) => told.push(message) });
    const isOpen = expect(opened).resolves.toBeDefined();
    await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThan(0);
    await other.release();
    await isOpen;
    await makeFile(await opened, ['f']);
  });

  it('waits for a table that somebody uses no longer than a call may take, since all others wait behind it', async () => {
    const database = await server.createDatabase();
    await (await open(server.dsn(database))).close();
    await server.query("DELETE FROM migrations WHERE name = 'LateCommits1764214000000'", database);
    await server.query('ALTER TABLE collect DROP COLUMN refused_until', database);
    const held = await holding(database, 'LOCK TABLE collect IN ACCESS SHARE MODE');
    await expect(open(server.dsn(database), { operationTimeoutMs: 300 })).rejects.toMatchObject({
      code: 'METADATA_UNAVAILABLE',
      message: expect.stringContaining('while another session uses a table of it') as string,
    });
    await held.release();
    expect(
      await (await open(server.dsn(database))).condemn([{ backend: 'localfs', instanceId: 'n', key: newStorageKey() }]),
    ).toHaveLength(1);
  });

  it('refuses a database that cannot be written', async () => {
    const database = await server.createDatabase();
    await server.query(`ALTER DATABASE ${database} SET default_transaction_read_only = on`);
    await expect(open(server.dsn(database))).rejects.toMatchObject({
      code: 'METADATA_UNAVAILABLE',
      message: expect.stringContaining('read-only') as string,
    });
  });

  it('reaches a server by its socket', async () => {
    const store = await open(server.socketDsn(await server.createDatabase()));
    await makeFile(store, ['f']);
  });
});

describe('sslmode', () => {
  let encrypted: PostgresServer;
  let directory: string;
  const authority = () => `sslrootcert=${join(directory, 'ca.crt')}`;
  const at = (host: string, dsn: string) => dsn.replace('127.0.0.1', host);

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'callfs-tls-'));
    const { certificatePem, keyPem } = selfSignedCertificate(['localhost'], 2, new Date());
    const [certificate, key, hosts] = [join(directory, 'ca.crt'), join(directory, 'server.key'), join(directory, 'hba')];
    writeFileSync(certificate, certificatePem);
    writeFileSync(key, keyPem, { mode: 0o600 });
    writeFileSync(hosts, 'hostssl sealed all all scram-sha-256\nhost postgres,open all all scram-sha-256\n');
    if (process.getuid?.() === 0) {
      const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
      for (const path of [directory, certificate, key, hosts]) chownSync(path, id('-u'), id('-g'));
    }
    encrypted = await PostgresServer.start({
      ...{ ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key, hba_file: hosts },
      listen_addresses: 'localhost,127.0.0.1',
    });
    for (const name of ['open', 'sealed']) await encrypted.query(`CREATE DATABASE ${name}`);
  });

  afterAll(async () => {
    await encrypted.stop();
    rmSync(directory, { recursive: true });
  });

  /** Whether the connections of a store are encrypted. */
  async function isEncrypted(dsn: string): Promise<boolean> {
    const store = await open(dsn);
    const sql = 'SELECT bool_and(ssl) AS ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    return (await store.tables.read<{ ssl: boolean }>('ssl', sql))[0]!.ssl;
  }

  it.each([
    ['disable', false],
    ['allow', false],
    ['prefer', true],
    ['require', true],
  ])('%s: encrypted %s where both are possible', async (mode, expected) => {
    expect(await isEncrypted(encrypted.dsn('open', `sslmode=${mode}`))).toBe(expected);
  });

  it('allow encrypts where it has to, disable is refused there', async () => {
    expect(await isEncrypted(encrypted.dsn('sealed', 'sslmode=allow'))).toBe(true);
    await expect(open(encrypted.dsn('sealed', 'sslmode=disable'))).rejects.toMatchObject({ cause: { code: '28000' } });
  });

  it('verify-ca wants the authority and no name, verify-full the name as well', async () => {
    for (const mode of ['verify-ca', 'verify-full'])
      await expect(open(at('localhost', encrypted.dsn('open', `sslmode=${mode}`)))).rejects.toMatchObject({
        cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
      });
    expect(await isEncrypted(encrypted.dsn('open', `sslmode=verify-ca&${authority()}`))).toBe(true);
    await expect(open(encrypted.dsn('open', `sslmode=verify-full&${authority()}`))).rejects.toMatchObject({
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
    expect(await isEncrypted(at('localhost', encrypted.dsn('open', `sslmode=verify-full&${authority()}`)))).toBe(true);
  });

  it('prefer does without where there is none, require does not', async () => {
    const database = await server.createDatabase();
    expect(await isEncrypted(server.dsn(database, 'sslmode=prefer'))).toBe(false);
    await expect(open(server.dsn(database, 'sslmode=require'))).rejects.toMatchObject({
      cause: { message: expect.stringContaining('does not support SSL') as string },
    });
  });
});
