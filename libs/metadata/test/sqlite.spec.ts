import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { openSqliteStore, type SqliteMetadataStore } from '@callfs/metadata';
import { afterAll, afterEach } from 'vitest';
import type { Graces } from '../src/graces';
import { metadataStoreSuite } from '../src/testing/metadata-store-suite';

const root = mkdtempSync(join(tmpdir(), 'callfs-metadata-'));
const opened = new Map<unknown, { store: SqliteMetadataStore; path: string }>();
let count = 0;

async function open(path: string, graces: Graces = {}): Promise<SqliteMetadataStore> {
  const store = await openSqliteStore({ path, durability: 'relaxed', collectGraceMs: 0, ...graces });
  opened.set(store, { store, path });
  return store;
}

afterEach(async () => {
  await Promise.all([...opened.values()].map(({ store }) => store.close()));
  opened.clear();
});
afterAll(() => rmSync(root, { recursive: true }));

metadataStoreSuite('sqlite', {
  open: (graces) => open(join(root, `${++count}.db`), graces),
  reopen: async (store) => {
    const { path } = opened.get(store)!;
    await store.close();
    opened.delete(store);
    return open(path);
  },
  corrupt: async (store, ...statements) => {
    const { path } = opened.get(store)!;
    await store.close();
    opened.delete(store);
    const database = new Database(path);
    for (const statement of statements) database.exec(statement);
    database.close();
    return open(path);
  },
});
