import { beforeEach, describe, expect, it } from 'vitest';
import type { DirectoryEntry, FileType } from '@callfs/core';
import type { ListPosition, ListQuery, MetadataStore } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import { byBytes } from './name-cases';
import { authorised, blob, find, makeDirectory, makeFile, makeFiles, namesIn, place, ROOT_OWNED, target } from './tree-builder';

type Query = Omit<ListQuery, 'directory' | 'limit'>;

function positionOf({ name, inode }: DirectoryEntry, sort: ListQuery['sort']): ListPosition {
  if (sort === 'name') return { name };
  return { name, value: sort === 'size' ? BigInt(inode.size) : inode.mtimeNs };
}

async function pages(
  store: MetadataStore,
  directory: number,
  query: Query,
  limit: number,
  between?: (page: number) => Promise<void>,
) {
  const entries: DirectoryEntry[] = [];
  let after: ListPosition | undefined;
  for (let page = 0; ; page++) {
    const found = await store.list({ directory, limit, ...query, after });
    entries.push(...found);
    if (found.length < limit) return entries;
    after = positionOf(found[limit - 1]!, query.sort);
    await between?.(page);
  }
}

/** Pages of a directory. */
export function listCases({ open }: Harness): void {
  it('is empty for an empty directory and one that never was', async () => {
    const store = await open();
    expect(await store.list({ directory: 1, sort: 'name', order: 'asc', limit: 10 })).toEqual([]);
    expect(await store.list({ directory: 999_999, sort: 'size', order: 'desc', limit: 10 })).toEqual([]);
  });

  it('is empty once the directory is gone, also when only its tree was cut off', async () => {
    const store = await open();
    const d = await makeDirectory(store, ['d']);
    await makeFile(store, ['d', 'f']);
    await store.removeTree(await target(store, 'd'), null);
    for (const sort of ['name', 'size', 'mtime'] as const)
      expect(await store.list({ directory: d.id, sort, order: 'asc', limit: 10 })).toEqual([]);
  });

  it('gives the same inodes as resolve, contents and replicas included', async () => {
    const store = await open();
    await makeFile(store, ['inline']);
    await makeFile(store, ['blob'], blob());
    await makeDirectory(store, ['dir']);
    await store.createSymlink(await place(store, 'link'), ROOT_OWNED, 'x');
    for (const sort of ['name', 'size', 'mtime'] as const) {
      const entries = await store.list({ directory: 1, sort, order: 'asc', limit: 10 });
      expect(entries).toHaveLength(4);
      for (const { name, inode } of entries) expect(inode).toEqual(await find(store, name));
    }
  });

  it.each(['file', 'directory', 'symlink'] as FileType[])(
    'gives only what is a %s when that is asked for, in full pages',
    async (type) => {
      const store = await open();
      for (const name of ['a', 'b', 'c']) {
        await makeFile(store, [`${name}1`]);
        await makeDirectory(store, [`${name}2`]);
        await store.createSymlink(await place(store, `${name}3`), ROOT_OWNED, 'x');
      }
      const entries = await pages(store, 1, { sort: 'name', order: 'asc', type }, 2);
      expect(entries.map(({ inode }) => inode.type)).toEqual([type, type, type]);
      expect(await store.list({ directory: 1, sort: 'name', order: 'desc', limit: 2, type })).toHaveLength(2);
    },
  );

  describe('in pages', () => {
    let store: MetadataStore;
    let directory: number;
    const names = Array.from({ length: 60 }, (_, index) => `f${(index * 7919) % 60}`);
    beforeEach(async () => {
      store = await open();
      directory = (await makeDirectory(store, ['d'])).id;
      const at = { directory: await authorised(store, 'd'), missing: [] };
      await Promise.all(
        names.map((name, index) => {
          const attributes = { ...ROOT_OWNED, mtimeNs: 9_007_199_254_740_993n + BigInt(index % 5) };
          return store.createFile({ ...at, name }, attributes, blob(2 ** 40 + (index % 4)), null);
        }),
      );
    });

    for (const sort of ['name', 'size', 'mtime'] as const)
      for (const order of ['asc', 'desc'] as const)
        for (const limit of [1, 7, 60, 1000])
          it(`by ${sort} ${order}, ${limit} at a time, ties in the order of their names`, async () => {
            const entries = await pages(store, directory, { sort, order }, limit);
            const expected = [...entries].sort((a, b) => {
              const [x, y] = [positionOf(a, sort), positionOf(b, sort)];
              const byValue = Number((x.value ?? 0n) - (y.value ?? 0n));
              return (byValue || byBytes(a.name, b.name)) * (order === 'asc' ? 1 : -1);
            });
            expect(entries.map(({ name }) => name)).toEqual(expected.map(({ name }) => name));
            expect(new Set(entries.map(({ name }) => name))).toEqual(new Set(names));
          });
  });

  it.each(['name', 'size', 'mtime'] as const)(
    'by %s misses and repeats nothing that stays while others come and go',
    async (sort) => {
      const store = await open();
      const { id } = await makeDirectory(store, ['d']);
      const staying = Array.from({ length: 30 }, (_, index) => `s${String(index).padStart(2, '0')}`);
      const going = staying.map((name) => `${name}-goes`);
      await makeFiles(store, ['d'], [...staying, ...going]);
      const entries = await pages(store, id, { sort, order: 'asc' }, 5, async (page) => {
        await makeFiles(store, ['d'], [`s${String(page).padStart(2, '0')}-comes`, `z${page}`]);
        await store.remove(await target(store, 'd', going[page]!));
      });
      const seen = entries.map(({ name }) => name);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((name) => staying.includes(name))).toHaveLength(staying.length);
      expect(await namesIn(store, 'd')).not.toContain(going[0]);
    },
  );
}
