import { expect, it } from 'vitest';
import type { MetadataStore } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import { authorised, blob, find, inline, makeDirectory, makeFile, namesIn, place, read, target } from './tree-builder';

/** rename(2). */
export function moveCases({ open }: Harness): void {
  const standing = async (store: MetadataStore, ...names: string[]) => {
    const inode = await find(store, ...names);
    return inode ? { id: inode.id, version: inode.version } : null;
  };

  it('gives a file another name and keeps its number, content and times', async () => {
    const store = await open();
    const before = await makeFile(store, ['a']);
    const after = await store.move(await target(store, 'a'), await place(store, 'b'), null);
    expect(after).toMatchObject({ id: before.id, content: before.content, mtimeNs: before.mtimeNs, atimeNs: before.atimeNs });
    expect(after.version).toBeGreaterThan(before.version);
    expect(after.ctimeNs).toBeGreaterThanOrEqual(before.ctimeNs);
    expect(await namesIn(store)).toEqual(['b']);
    expect(await find(store, 'b')).toEqual(after);
  });

  it('moves a directory with everything below it, and the links it counts for', async () => {
    const store = await open();
    for (const path of [['from'], ['to'], ['from', 'd'], ['from', 'd', 'e']]) await makeDirectory(store, path);
    await makeFile(store, ['from', 'd', 'e', 'f']);
    const versions = [(await find(store, 'from'))!.version, (await find(store, 'to'))!.version];
    await store.move(await target(store, 'from', 'd'), await place(store, 'to', 'x'), null);
    expect(await read(store, 'to', 'x', 'e', 'f')).toBe('text');
    expect(await find(store, 'from', 'd')).toBeUndefined();
    const [from, to] = [(await find(store, 'from'))!, (await find(store, 'to'))!];
    expect([from.nlink, to.nlink]).toEqual([2, 3]);
    expect(from.mtimeNs).toBe(to.mtimeNs);
    expect([from.version > versions[0]!, to.version > versions[1]!]).toEqual([true, true]);
  });

  it('makes missing directories at the destination', async () => {
    const store = await open();
    await makeFile(store, ['f']);
    const missing = [{ name: 'n', mode: 0o750, uid: 1, gid: 2 }];
    await store.move(await target(store, 'f'), { directory: await authorised(store), missing, name: 'f' }, null);
    expect(await find(store, 'n')).toMatchObject({ mode: 0o750, uid: 1, gid: 2 });
    expect(await read(store, 'n', 'f')).toBe('text');
  });

  it('replaces a file, whose content is given back', async () => {
    const store = await open();
    await makeFile(store, ['a'], inline('winner'));
    const loser = await makeFile(store, ['b'], inline('loser'));
    await store.move(await target(store, 'a'), await place(store, 'b'), await standing(store, 'b'));
    expect(await namesIn(store)).toEqual(['b']);
    expect(await read(store, 'b')).toBe('winner');
    await expect(store.readInline(loser.content!.id)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    expect(await store.statistics()).toMatchObject({ files: 1, inlineBytes: 6 });
  });

  it('replaces an empty directory by a directory, and no other', async () => {
    const store = await open();
    for (const path of [['a'], ['b'], ['b', 'full']]) await makeDirectory(store, path);
    await makeFile(store, ['b', 'full', 'f']);
    await makeDirectory(store, ['b', 'empty']);
    const source = () => target(store, 'a');
    const over = store.move(await source(), await place(store, 'b', 'full'), await standing(store, 'b', 'full'));
    await expect(over).rejects.toMatchObject({ code: 'DIRECTORY_NOT_EMPTY' });
    await store.move(await source(), await place(store, 'b', 'empty'), await standing(store, 'b', 'empty'));
    expect(await namesIn(store)).toEqual(['b']);
    expect(await namesIn(store, 'b')).toEqual(['empty', 'full']);
    expect(await find(store)).toMatchObject({ nlink: 3 });
    expect(await find(store, 'b')).toMatchObject({ nlink: 4 });
    expect(await store.statistics()).toMatchObject({ directories: 4 });
  });

  it('is a CONFLICT when something else, or something at all, stands at the new name', async () => {
    const store = await open();
    await makeFile(store, ['a'], inline('a'));
    const expected = await standing(store, 'a');
    await makeFile(store, ['b'], inline('b'));
    const old = await standing(store, 'b');
    await store.setAttributes(await target(store, 'b'), { uid: 4 });
    for (const replaced of [null, old, expected && { ...expected, id: expected.id + 1000 }]) {
      const move = store.move(await target(store, 'a'), await place(store, 'b'), replaced);
      await expect(move).rejects.toMatchObject({ code: 'CONFLICT' });
    }
    const gone = await standing(store, 'b');
    await store.remove(await target(store, 'b'));
    const move = store.move(await target(store, 'a'), await place(store, 'b'), gone);
    await expect(move).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await read(store, 'a')).toBe('a');
  });

  it('to its own name does nothing', async () => {
    const store = await open();
    const before = await makeFile(store, ['a'], blob());
    await store.move(await target(store, 'a'), await place(store, 'a'), await standing(store, 'a'));
    expect(await find(store, 'a')).toEqual(before);
    await makeDirectory(store, ['d']);
    await store.move(await target(store, 'd'), await place(store, 'd'), await standing(store, 'd'));
    expect(await namesIn(store)).toEqual(['a', 'd']);
    expect(await find(store)).toMatchObject({ nlink: 3 });
  });

  it('refuses to move a directory into itself', async () => {
    const store = await open();
    for (const path of [['d'], ['d', 'e']]) await makeDirectory(store, path);
    for (const to of [
      ['d', 'x'],
      ['d', 'e', 'x'],
    ]) {
      const move = store.move(await target(store, 'd'), await place(store, ...to), null);
      await expect(move).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    }
    expect(await find(store, 'd', 'e')).toMatchObject({ type: 'directory' });
  });
}
