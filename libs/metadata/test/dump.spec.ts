import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  dumpMetadata,
  loadMetadata,
  openPostgresData,
  openPostgresStore,
  openSqliteData,
  openSqliteStore,
  type MetadataData,
  type MetadataStore,
  type SchemaOptions,
} from '@callfs/metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresServer } from '../../../test/support/postgres';
import {
  blob,
  faultsOf,
  find,
  inline,
  makeDirectory,
  makeFile,
  place,
  read,
  ROOT_OWNED,
  target,
} from '../src/testing/tree-builder';

/** A place for metadata, opened as a store or for a dump, never both. */
interface Place {
  readonly store: () => Promise<MetadataStore>;
  readonly data: (options?: SchemaOptions) => Promise<MetadataData>;
}

const root = mkdtempSync(join(tmpdir(), 'callfs-dump-'));
let server: PostgresServer;
let count = 0;

beforeAll(async () => {
  server = await PostgresServer.start({ fsync: 'off' });
});

afterAll(async () => {
  await server.stop();
  rmSync(root, { recursive: true });
});

async function sqlite(): Promise<Place> {
  const path = join(root, `${++count}.db`);
  return { store: () => openSqliteStore({ path, durability: 'relaxed' }), data: (options) => openSqliteData(path, options) };
}

async function postgres(): Promise<Place> {
  const dsn = server.dsn(await server.createDatabase());
  return {
    store: () => openPostgresStore({ dsn, operationTimeoutMs: 30_000 }),
    data: (options) => openPostgresData(dsn, 30_000, options),
  };
}

async function withStore<T>(at: Place, work: (store: MetadataStore) => Promise<T>): Promise<T> {
  const store = await at.store();
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function withData<T>(at: Place, work: (data: MetadataData) => Promise<T>): Promise<T> {
  const data = await at.data();
  try {
    return await work(data);
  } finally {
    await data.close();
  }
}

const dump = (at: Place): Promise<string[]> =>
  withData(at, async ({ dataSource }) => {
    const lines: string[] = [];
    for await (const line of dumpMetadata(dataSource)) lines.push(line);
    return lines;
  });

const load = (at: Place, lines: readonly string[], options?: { asCopy: boolean }): Promise<number> =>
  withData(at, ({ dataSource }) =>
    loadMetadata(
      dataSource,
      (async function* () {
        yield* lines;
      })(),
      options,
    ),
  );

/** Everything a store can hold, awkward values among it; the highest fence that it gave. */
async function fill(store: MetadataStore): Promise<number> {
  await makeDirectory(store, ['d'], { mode: 0o2775, uid: 4_294_967_294, gid: 7 });
  for (const name of ["'; DROP TABLE inode; --", '\u{1F600}', 'e\u0301', '%', 'x'.repeat(255), '"\\'])
    await makeFile(store, ['d', name], inline(name));
  const bytes = { ...inline('\0\xff'), data: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), size: 256 };
  const times = { atimeNs: -1_000_000_000_000_000_001n, mtimeNs: 9_007_199_254_740_993n };
  await store.createFile(await place(store, 'bytes'), { ...ROOT_OWNED, ...times }, bytes, 'text/x; a="b"');
  await store.createFile(await place(store, 'empty'), ROOT_OWNED, inline(''), null);
  const large = await makeFile(store, ['large'], blob(2 ** 40));
  await store.createFile(await place(store, 'copy'), ROOT_OWNED, { copyOf: large.content!.id }, null);
  await makeFile(store, ['gone'], blob(10));
  await store.remove(await target(store, 'gone'));
  await store.createSymlink(await place(store, 'link'), ROOT_OWNED, '../ü');
  await makeDirectory(store, ['cut']);
  await makeFile(store, ['cut', 'f']);
  await store.removeTree(await target(store, 'cut'), null);
  await store.ensurePrincipals([
    { kind: 'user', name: 'alice' },
    { kind: 'group', name: 'staff', id: 50 },
  ]);
  await store.raiseFence(['/locked']);
  await store.tables.write(
    'node',
    `INSERT INTO node (instance_id, boot_id, endpoint, version, started_ms, heartbeat_ms) VALUES ('n', 'b', 'e', 'v', ?, 2)`,
    Number.MAX_SAFE_INTEGER,
  );
  const many = { directory: (await place(store, 'x')).directory, missing: [] };
  await Promise.all(
    Array.from({ length: 1200 }, (_, index) =>
      store.createFile({ ...many, name: `many${index}` }, ROOT_OWNED, inline(`${index}`), null),
    ),
  );
  return store.nextFence();
}

/** The rows, whatever the engine counts beside them. */
const rowsOf = (lines: readonly string[]) => lines.slice(1, -1);

const WAYS: [string, () => Promise<Place>, () => Promise<Place>][] = [
  ['sqlite to postgres', sqlite, postgres],
  ['postgres to sqlite', postgres, sqlite],
];

describe.each(WAYS)('%s', (_, makeFrom, makeTo) => {
  it('moves every attribute of everything, there and back', async () => {
    const [from, to, back] = [await makeFrom(), await makeTo(), await makeFrom()];
    const fence = await withStore(from, fill);
    const before = await withStore(from, (store) => store.statistics());
    const first = await dump(from);
    expect(first.length).toBeGreaterThan(2400);
    expect(await load(to, first)).toBe(first.filter((line) => line.startsWith('[')).length);
    const second = await dump(to);
    expect(rowsOf(second)).toEqual(rowsOf(first));
    await load(back, second);
    expect(rowsOf(await dump(back))).toEqual(rowsOf(first));

    const identity = await withStore(from, (store) => store.identity());
    expect(await withStore(await sqlite(), (store) => store.identity())).not.toEqual(identity);
    await withStore(to, async (store) => {
      expect(await store.statistics()).toEqual(before);
      expect(await store.identity()).toEqual(identity);
      expect(await faultsOf(store)).toEqual([]);
      expect(await read(store, 'd', '\u{1F600}')).toBe('\u{1F600}');
      expect(await find(store, 'bytes')).toMatchObject({ atimeNs: -1_000_000_000_000_000_001n, contentType: 'text/x; a="b"' });
      expect(await store.nextFence()).toBeGreaterThan(fence);
      // Numbers of what is gone are not given again.
      const highest = await withStore(from, async (source) => (await makeFile(source, ['next'])).id);
      expect((await makeFile(store, ['next'])).id).toBe(highest);
    });
  });
});

it('is loaded into PostgreSQL also where an earlier version has left a NUL in SQLite', async () => {
  const [from, to] = [await sqlite(), await postgres()];
  await (await from.store()).close();
  await withData(from, ({ dataSource }) =>
    dataSource.query(`INSERT INTO audit (at_ms, instance_id, seq, user_name, key_id, operation, path, address, status, code, request_id)
      VALUES (1, 'n', 1, '', '', 'put', '/a' || char(0) || 'b', '', 400, 'INVALID_PATH', '')`),
  );
  await load(to, await dump(from));
  expect((await dump(to)).filter((line) => line.includes('INVALID_PATH'))).toEqual([expect.stringContaining('"/a\ufffdb"')]);
});

it('is loaded without the SHA-256 that dumps of earlier versions do not have', async () => {
  const [from, to] = [await sqlite(), await sqlite()];
  await withStore(from, (store) => makeFile(store, ['f']));
  await load(
    to,
    (await dump(from)).map((line) => line.replace(/,"sha256":"[0-9a-f]{64}"}$/, '}')),
  );
  await withStore(to, async (store) => expect(await read(store, 'f')).toBe('text'));
});

it('is loaded as another store when the one that was dumped goes on', async () => {
  const [from, to] = [await sqlite(), await postgres()];
  const { id } = await withStore(from, (store) => store.identity());
  await load(to, await dump(from), { asCopy: true });
  const identity = await withStore(to, (store) => store.identity());
  expect(identity).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/) as string, copyOf: id });
  expect(identity.id).not.toBe(id);
});

it('leaves out no table and no column', async () => {
  const at = await sqlite();
  await (await at.store()).close();
  const names = (await dump(at)).filter((line) => line.startsWith('{"table"'));
  const dumped = names.map((line) => JSON.parse(line) as { table: string; columns: string[] });
  const there = await withData(at, ({ dataSource }) =>
    dataSource.query<{ table: string; column: string }[]>(
      `SELECT m.name AS "table", c.name AS "column" FROM sqlite_master m JOIN pragma_table_info(m.name) c
       WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT IN ('migrations', 'statistic')`,
    ),
  );
  const told = dumped.flatMap(({ table, columns }) => columns.map((column) => `${table}.${column}`));
  expect(told.sort()).toEqual(there.map(({ table, column }) => `${table}.${column}`).sort());
});

describe('a dump is refused, and nothing has changed,', () => {
  const whole = sqlite().then(async (at) => {
    await withStore(at, (store) => makeFile(store, ['f']));
    return dump(at);
  });
  const headerWith = (changes: object) => async (lines: string[]) => [
    JSON.stringify({ ...(JSON.parse(lines[0]!) as object), ...changes }),
    ...lines.slice(1),
  ];
  const cases: [string, (lines: string[]) => Promise<string[]> | string[], RegExp][] = [
    ['when it is empty', () => [], /it is empty/],
    ['when its end is missing', (lines) => lines.slice(0, -1), /its end is missing/],
    ['when a row is missing', (lines) => lines.filter((line) => !line.includes('"f"')), /rows of it are missing/],
    ['when it was cut off in a line', (lines) => [...lines.slice(0, -2), lines.at(-2)!.slice(0, -1)], /was cut off/],
    ['when it goes on', (lines) => [...lines, '[1]'], /more after its end/],
    ['when it is something else', () => ['{"name":"package"}'], /does not begin as a dump/],
    ['of a later format', headerWith({ version: 2 }), /of version 2, and this program reads 1/],
    ['of another schema', headerWith({ schema: ['FromTheFuture9'] }), /made by another version of CallFS/],
    ['without counters', headerWith({ counters: {} }), /no counters/],
    ['with a table that there is not', (lines) => lines.map((line) => line.replace('"dentry"', '"dentries"')), /no table "dentries"/],
    ['with other columns', (lines) => lines.map((line) => line.replace('"inode_id"', '"mother"')), /dentry has other columns/],
    ['with text for a number', (lines) => lines.map((line) => line.replace('[1,"f",', '["one","f",')), /"one" where integer belongs/],
    ['with another name', (lines) => lines.map((line) => line.replace('[1,"f",', '[1,"g",')), /it is damaged/],
    ['with a number of other digits', headerWith({ counters: { inode: 7, content: 7, fence: 7 } }), /it is damaged/],
    ['with a row that is there twice', (lines) => lines.flatMap((line) => (line.startsWith('[1,"f",') ? [line, line] : [line])), /refuses rows of dentry .*UNIQUE/],
    ['with a row that is too short', (lines) => lines.map((line) => line.replace('[1,"f",', '["f",')), /a row of dentry has 2 values/],
  ]; // prettier-ignore
  it.each(cases)('%s', async (_, spoil, reason) => {
    const at = await sqlite();
    const spoilt = await spoil(await whole);
    await expect(load(at, spoilt)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringMatching(reason) as string,
    });
    await load(at, await whole);
    await withStore(at, async (store) => expect(await read(store, 'f')).toBe('text'));
  });

  it('when the store holds something', async () => {
    const at = await sqlite();
    await withStore(at, (store) => makeFile(store, ['mine']));
    await expect(load(at, await whole)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('not empty') as string,
    });
    await withStore(at, async (store) => expect(await read(store, 'mine')).toBe('text'));
  });
});

describe.each([['SQLite', sqlite] as const, ['PostgreSQL', postgres] as const])('in %s', (_, make) => {
  const names = async ({ dataSource }: MetadataData) =>
    (await dataSource.query<{ name: string }[]>('SELECT name FROM migrations ORDER BY timestamp')).map(({ name }) => name);

  it('a schema of an earlier version stays as it is, for its nodes may be running', async () => {
    const at = await make();
    await expect(at.data({ keepsSchema: true })).rejects.toMatchObject({
      code: 'METADATA_UNAVAILABLE',
      message: expect.stringContaining('is empty: no CallFS has been started on it') as string,
    });
    await withStore(at, (store) => makeFile(store, ['f']));
    const before = await withData(at, async (data) => {
      const all = await names(data);
      await data.dataSource.query(`DELETE FROM migrations WHERE name = '${all.at(-1)}'`);
      return all;
    });
    // The second time shows that the first has left it so.
    for (let time = 0; time < 2; time++)
      await expect(at.data({ keepsSchema: true })).rejects.toMatchObject({
        code: 'METADATA_UNAVAILABLE',
        message: expect.stringContaining(`is of an older CallFS (it lacks "${before.at(-1)}")`) as string,
      });
  });
});
