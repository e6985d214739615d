import { expect, it } from 'vitest';
import type { MetadataStore, TreeAccess } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import { find, inline, makeDirectory, place, target } from './tree-builder';

const ALICE = { uid: 1000, gid: 1000, groups: [50] };
const REMOVE: TreeAccess = { caller: ALICE, action: 'remove' };
const COPY: TreeAccess = { caller: ALICE, action: 'copy' };

type Entry = [path: string, mode: number, uid: number, gid: number];

/** The rule over a whole tree, judged inside the transaction: all of it is taken or nothing. */
export function treeAccessCases({ open }: Harness): void {
  /** A path that ends in `/` is a directory, one in `@` a link. */
  const build = async (entries: Entry[]): Promise<MetadataStore> => {
    const store = await open();
    for (const [path, mode, uid, gid] of entries) {
      const names = path.replace(/[/@]$/, '').split('/');
      if (path.endsWith('/')) await makeDirectory(store, names, { mode, uid, gid });
      else if (path.endsWith('@')) await store.createSymlink(await place(store, ...names), { mode, uid, gid }, 'x');
      else await store.createFile(await place(store, ...names), { mode, uid, gid }, inline('x'), null);
    }
    return store;
  };
  const remove = async (store: MetadataStore, access: TreeAccess | null = REMOVE) =>
    store.removeTree(await target(store, 't'), access);
  const copy = async (store: MetadataStore, access: TreeAccess | null = COPY) =>
    store.copyTree(
      await target(store, 't'),
      await place(store, 'c'),
      { uid: 1000, gid: 1000, umask: 0, directoryBits: 0 },
      access,
    );

  const removable: [string, Entry[]][] = [
    ['own directories with files of others', [['t/', 0o755, 1000, 0], ['t/f', 0o600, 0, 0], ['t/d/', 0o700, 1000, 0], ['t/d/f', 0, 5, 5]]],
    ['an empty directory of another, without any right to it', [['t/', 0o755, 1000, 0], ['t/d/', 0o700, 0, 0]]],
    ['a directory that a group may write', [['t/', 0o770, 0, 50], ['t/f', 0, 0, 0]]],
    ['a sticky directory of one\'s own', [['t/', 0o1777, 1000, 0], ['t/f', 0, 0, 0]]],
    ['a sticky directory with files of one\'s own', [['t/', 0o1777, 0, 0], ['t/f', 0, 1000, 0]]],
  ]; // prettier-ignore
  it.each(removable)('removes %s', async (_, entries) => {
    const store = await build(entries);
    await remove(store);
    expect(await find(store, 't')).toBeUndefined();
  });

  const unremovable: [string, string, Entry[]][] = [
    ['a directory that cannot be written', '', [['t/', 0o555, 1000, 0], ['t/f', 0, 1000, 0]]],
    ['one that cannot be listed', 'd', [['t/', 0o755, 1000, 0], ['t/d/', 0o300, 1000, 0], ['t/d/f', 0, 1000, 0]]],
    ['one without search', 'd', [['t/', 0o755, 1000, 0], ['t/d/', 0o600, 1000, 0], ['t/d/f', 0, 1000, 0]]],
    ['one that holds a directory of another that holds something', 'd', [['t/', 0o755, 1000, 0], ['t/d/', 0o755, 0, 0], ['t/d/e/', 0o777, 0, 0]]],
    ['an owner without bits although others have them', 'a/b', [['t/', 0o755, 1000, 0], ['t/a/', 0o755, 1000, 0], ['t/a/b/', 0o077, 1000, 0], ['t/a/b/f', 0, 1000, 0]]],
    ['something closed in a directory that cannot be listed, which alone is told', 'd', [['t/', 0o755, 1000, 0], ['t/d/', 0o750, 0, 0], ['t/d/hidden/', 0o700, 0, 0], ['t/d/hidden/f', 0, 0, 0]]],
    ['a sticky directory of another with a file of another', 's', [['t/', 0o755, 1000, 0], ['t/s/', 0o1777, 0, 0], ['t/s/mine', 0, 1000, 0], ['t/s/theirs', 0, 5, 5]]],
  ]; // prettier-ignore
  it.each(unremovable)('removes nothing when there is %s', async (_, path, entries) => {
    const store = await build(entries);
    const last = entries.at(-1)![0].replace(/[/@]$/, '').split('/');
    const refused = remove(store);
    await expect(refused).rejects.toMatchObject({ code: 'PERMISSION_DENIED', details: { path } });
    expect(await find(store, ...last)).toBeDefined();
    await remove(store, { caller: { uid: 0, gid: 0, groups: [] }, action: 'remove' });
    expect(await find(store, 't')).toBeUndefined();
  });

  it('copies what the caller may read, links without any right to them', async () => {
    const store = await build([
      ['t/', 0o755, 0, 0],
      ['t/f', 0o604, 0, 0],
      ['t/l@', 0, 0, 0],
      ['t/g/', 0o050, 0, 50],
      ['t/g/f', 0o040, 0, 50],
    ]);
    await copy(store);
    expect(await find(store, 'c', 'g', 'f')).toMatchObject({ type: 'file', uid: 1000 });
  });

  it.each([
    [
      'a file that cannot be read',
      'd/f',
      [
        ['t/', 0o755, 0, 0],
        ['t/d/', 0o755, 0, 0],
        ['t/d/f', 0o600, 0, 0],
      ],
    ],
    [
      'a directory that cannot be listed',
      'd',
      [
        ['t/', 0o755, 0, 0],
        ['t/d/', 0o711, 0, 0],
      ],
    ],
    [
      'something closed in a directory that cannot be listed, which alone is told',
      'd',
      [
        ['t/', 0o755, 0, 0],
        ['t/d/', 0o750, 0, 0],
        ['t/d/hidden/', 0o700, 0, 0],
      ],
    ],
    ['a directory without search', '', [['t/', 0o744, 0, 0]]],
  ] as [string, string, Entry[]][])('copies nothing when there is %s', async (_, path, entries) => {
    const store = await build(entries);
    await expect(copy(store)).rejects.toMatchObject({ code: 'PERMISSION_DENIED', details: { path } });
    expect(await find(store, 'c')).toBeUndefined();
    await copy(store, null);
    expect(await find(store, 'c')).toBeDefined();
  });
}
