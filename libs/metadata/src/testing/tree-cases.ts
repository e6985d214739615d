import { msToNs, nowNs } from '@callfs/core';
import { expect, it } from 'vitest';
import type { MetadataStore } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import {
  authorised,
  blob,
  find,
  inline,
  makeDirectory,
  makeFile,
  makeFiles,
  namesIn,
  place,
  read,
  ROOT_OWNED,
  target,
} from './tree-builder';

const LATER = nowNs() + msToNs(3_600_000);
const COPY = { uid: 7, gid: 8, umask: 0o022, directoryBits: 0 };

async function reapAll(store: MetadataStore, limit = 500): Promise<number[]> {
  const batches: number[] = [];
  for (let done = await store.reap(limit); done > 0; done = await store.reap(limit)) batches.push(done);
  return batches;
}

/** Removing and copying trees. */
export function treeCases({ open, reopen }: Harness): void {
  it('cuts a tree off at once and deletes it later, in batches', async () => {
    const store = await open();
    for (const path of [['t'], ['t', 'u'], ['t', 'u', 'v']]) await makeDirectory(store, path);
    await makeFiles(store, ['t'], ['a', 'b', 'c']);
    await makeFile(store, ['t', 'u', 'v', 'blob'], blob());
    await makeFile(store, ['stays']);
    await store.removeTree(await target(store, 't'), null);
    expect(await namesIn(store)).toEqual(['stays']);
    expect(await find(store)).toMatchObject({ nlink: 2 });
    expect(await find(store, 't', 'u', 'v', 'blob')).toBeUndefined();
    const again = await reopen(store);
    expect(await find(again, 't')).toBeUndefined();
    const batches = await reapAll(again, 2);
    expect(batches.length).toBeGreaterThan(2);
    expect(Math.max(...batches)).toBeLessThanOrEqual(2);
    expect(await again.reap(10)).toBe(0);
    expect(await again.statistics()).toMatchObject({ files: 1, directories: 1, inlineBytes: 4, blobBytes: 0 });
    expect(await again.collectable(LATER, 10, ['node-1'])).toHaveLength(1);
    expect(await read(again, 'stays')).toBe('text');
  });

  it('lets the name be used again before the old tree is deleted', async () => {
    const store = await open();
    await makeDirectory(store, ['t']);
    await makeFile(store, ['t', 'f'], inline('old'));
    await store.removeTree(await target(store, 't'), null);
    await makeDirectory(store, ['t']);
    await makeFile(store, ['t', 'f'], inline('new'));
    await reapAll(store);
    expect(await read(store, 't', 'f')).toBe('new');
  });

  it('commits nothing below a tree that was removed', async () => {
    const store = await open();
    await makeDirectory(store, ['t']);
    await makeFile(store, ['t', 'f']);
    const stale = [await place(store, 't', 'n'), await target(store, 't', 'f')] as const;
    await store.removeTree(await target(store, 't'), null);
    const created = store.createFile(stale[0], ROOT_OWNED, inline('x'), null);
    await expect(created).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(store.replaceContent(stale[1], inline('x'), {})).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(store.removeTree({ path: stale[1].path, version: 1 }, null)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('takes the tree of a directory alone', async () => {
    const store = await open();
    await makeFile(store, ['f']);
    await expect(store.removeTree(await target(store, 'f'), null)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    const copied = store.copyTree(await target(store, 'f'), await place(store, 'g'), COPY, null);
    await expect(copied).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(await namesIn(store)).toEqual(['f']);
  });

  it('removes ten thousand files for its readers at once, whatever of them is left to delete', async () => {
    const store = await open();
    await makeDirectory(store, ['t']);
    for (let part = 0; part < 10; part++) {
      const name = `d${part}`;
      await makeDirectory(store, ['t', name]);
      await makeFiles(
        store,
        ['t', name],
        Array.from({ length: 1000 }, (_, index) => `f${index}`),
      );
    }
    await store.removeTree(await target(store, 't'), null);
    expect(await namesIn(store)).toEqual([]);
    const reaping = reapAll(store, 1000);
    await makeFile(store, ['meanwhile']);
    expect(await read(store, 'meanwhile')).toBe('text');
    // All that was below it: nothing of that was the removal's own work.
    expect((await reaping).reduce((sum, done) => sum + done, 0)).toBeGreaterThan(10_000);
    expect(await store.statistics()).toMatchObject({ files: 1, directories: 1 });
  });

  it('copies a tree, its levels and links, and shares its contents', async () => {
    const store = await open();
    for (const path of [['s'], ['s', 'a'], ['s', 'a', 'b'], ['s', 'empty']]) await makeDirectory(store, path);
    const file = await makeFile(store, ['s', 'a', 'b', 'f'], inline('deep'));
    const large = await makeFile(store, ['s', 'large'], blob(5000));
    await store.setAttributes(await target(store, 's', 'large'), {
      mode: 0o6777,
      uid: 3,
      gid: 3,
      mtimeNs: 5n,
      contentType: 'x/y',
    });
    await store.createSymlink(await place(store, 's', 'l'), { mode: 0o777, uid: 1, gid: 1 }, 'a/b/f');
    await store.createFile(await place(store, 's', 'a', 'again'), ROOT_OWNED, { copyOf: file.content!.id }, null);
    const made = await store.copyTree(await target(store, 's'), await place(store, 'c'), COPY, null);

    expect(made).toMatchObject({ type: 'directory', mode: 0o755, uid: 7, gid: 8, nlink: 4 });
    expect(await find(store, 'c')).toEqual(made);
    expect(await find(store)).toMatchObject({ nlink: 4 });
    expect(await namesIn(store, 'c')).toEqual(['a', 'empty', 'l', 'large']);
    expect(await find(store, 'c', 'a')).toMatchObject({ nlink: 3, uid: 7, gid: 8 });
    expect(await read(store, 'c', 'a', 'b', 'f')).toBe('deep');
    const copied = (await find(store, 'c', 'large'))!;
    expect(copied).toMatchObject({ mode: 0o755, uid: 7, gid: 8, size: 5000, contentType: 'x/y', nlink: 1 });
    expect(copied.content).toEqual(large.content);
    expect(copied.mtimeNs).toBe(made.mtimeNs);
    expect(copied.id).not.toBe(large.id);
    expect(await find(store, 'c', 'l')).toMatchObject({ target: 'a/b/f', mode: 0o777, uid: 7 });
    expect(await store.statistics()).toMatchObject({ directories: 9, inlineBytes: 4, blobBytes: 5000 });

    await store.removeTree(await target(store, 's'), null);
    await reapAll(store);
    expect(await read(store, 'c', 'a', 'b', 'f')).toBe('deep');
    expect(await read(store, 'c', 'a', 'again')).toBe('deep');
    expect(await store.collectable(LATER, 10, ['node-1'])).toEqual([]);
    await store.removeTree(await target(store, 'c'), null);
    await reapAll(store);
    expect(await store.statistics()).toEqual({ files: 0, directories: 1, inlineBytes: 0, blobBytes: 0 });
    expect(await store.collectable(LATER, 10, ['node-1'])).toHaveLength(1);
  });

  it('adds the wanted bits to the directories of a copy, makes missing ones, and numbers on', async () => {
    const store = await open();
    for (const path of [['s'], ['s', 'a']]) await makeDirectory(store, path);
    await makeFile(store, ['s', 'a', 'f']);
    const missing = [{ name: 'm', mode: 0o700, uid: 1, gid: 1 }];
    const to = { directory: await authorised(store), missing, name: 'c' };
    await store.copyTree(await target(store, 's'), to, { uid: 1, gid: 2, umask: 0o077, directoryBits: 0o2000 }, null);
    expect(await find(store, 'm', 'c')).toMatchObject({ mode: 0o2700 });
    expect(await find(store, 'm', 'c', 'a')).toMatchObject({ mode: 0o2700 });
    expect(await find(store, 'm', 'c', 'a', 'f')).toMatchObject({ mode: 0o600 });
    const { id } = (await find(store, 'm', 'c', 'a', 'f'))!;
    expect((await makeFile(store, ['next'])).id).toBeGreaterThan(id);
  });

  it('copies to no name that exists and to nothing below itself', async () => {
    const store = await open();
    await makeDirectory(store, ['s']);
    await makeFile(store, ['taken'], inline('mine'));
    const source = () => target(store, 's');
    const over = store.copyTree(await source(), await place(store, 'taken'), COPY, null);
    await expect(over).rejects.toMatchObject({ code: 'CONFLICT' });
    const into = store.copyTree(await source(), await place(store, 's', 'x'), COPY, null);
    await expect(into).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(await read(store, 'taken')).toBe('mine');
    expect(await namesIn(store, 's')).toEqual([]);
  });

  it('copies what is there now, not what was there when it was judged', async () => {
    const store = await open();
    await makeDirectory(store, ['s']);
    const stale = await target(store, 's');
    await makeFile(store, ['s', 'late']);
    const copied = store.copyTree(stale, await place(store, 'c'), COPY, null);
    await expect(copied).rejects.toMatchObject({ code: 'CONFLICT' });
  });
}
