import { expect, it } from 'vitest';
import type { MetadataStore, NewName } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import {
  authorised,
  blob,
  DIRECTORY,
  find,
  inline,
  makeDirectory,
  makeFile,
  place,
  read,
  ROOT_OWNED,
  target,
} from './tree-builder';

/** Coming into being: files, directories, links. */
export function creationCases({ open }: Harness): void {
  it("starts with a root that is the superuser's, 0755 and empty", async () => {
    const store = await open();
    const { inodes, data } = await store.resolve([]);
    expect(inodes).toMatchObject([{ id: 1, type: 'directory', mode: 0o755, uid: 0, gid: 0, nlink: 2, size: 0, content: null }]);
    expect(data).toBeNull();
  });

  it('makes a file with inline content and gives back what a later resolve sees', async () => {
    const store = await open();
    const at = await place(store, 'a.txt');
    const content = inline('hello');
    const made = await store.createFile(at, { mode: 0o640, uid: 7, gid: 8 }, content, 'text/plain');
    expect(made).toMatchObject({ type: 'file', mode: 0o640, uid: 7, gid: 8, size: 5, nlink: 1, contentType: 'text/plain' });
    expect(made.content).toMatchObject({ size: 5, sha256: content.sha256, inline: true, replicas: [], backend: 'localfs' });
    const resolution = await store.resolve(['a.txt'], { data: true });
    expect(resolution.inodes[1]).toEqual(made);
    expect(resolution.data?.toString()).toBe('hello');
    expect((await store.readInline(made.content!.id)).toString()).toBe('hello');
  });

  it('gives no bytes unless they are asked for, all names lead somewhere, and they are inline', async () => {
    const store = await open();
    await makeFile(store, ['inline']);
    await makeFile(store, ['blob'], blob());
    expect((await store.resolve(['inline'])).data).toBeNull();
    expect((await store.resolve(['inline', 'x'], { data: true })).data).toBeNull();
    expect((await store.resolve(['blob'], { data: true })).data).toBeNull();
    expect((await store.resolve([], { data: true })).data).toBeNull();
  });

  it('keeps an empty content inline', async () => {
    const store = await open();
    await makeFile(store, ['empty'], inline(''));
    expect((await store.resolve(['empty'], { data: true })).data).toEqual(Buffer.alloc(0));
  });

  it('keeps the bytes it was given although the caller uses its memory again', async () => {
    const store = await open();
    const content = inline('first');
    const made = store.createFile(await place(store, 'f'), ROOT_OWNED, content, null);
    await made;
    content.data!.fill(0);
    expect(await read(store, 'f')).toBe('first');
  });

  it('makes a file whose blobs are elsewhere', async () => {
    const store = await open();
    const content = blob(3_000_000_000);
    const made = await store.createFile(await place(store, 'big'), ROOT_OWNED, content, null);
    expect(made).toMatchObject({ size: 3_000_000_000, content: { inline: false, replicas: content.replicas } });
    expect((await find(store, 'big'))!.content!.replicas).toEqual(content.replicas);
  });

  it('makes a symbolic link, as long as its target', async () => {
    const store = await open();
    const link = await store.createSymlink(await place(store, 'l'), { mode: 0o777, uid: 1, gid: 1 }, '../ünder');
    expect(link).toMatchObject({ type: 'symlink', target: '../ünder', size: 9, nlink: 1, content: null });
    expect(await find(store, 'l')).toEqual(link);
  });

  it('does not follow links or go through files', async () => {
    const store = await open();
    await makeDirectory(store, ['d']);
    await makeFile(store, ['d', 'f']);
    await store.createSymlink(await place(store, 'l'), ROOT_OWNED, 'd');
    expect((await store.resolve(['l', 'f'])).inodes.map(({ type }) => type)).toEqual(['directory', 'symlink']);
    expect((await store.resolve(['d', 'f', 'x', 'y'])).inodes.map(({ type }) => type)).toEqual([
      'directory',
      'directory',
      'file',
    ]);
    expect((await store.resolve(['d', 'none', 'x'])).inodes).toHaveLength(2);
  });

  it('makes missing directories on the way, each with its own attributes', async () => {
    const store = await open();
    const root = await authorised(store);
    const missing = [
      { name: 'a', mode: 0o711, uid: 1, gid: 2 },
      { name: 'b', mode: 0o722, uid: 3, gid: 4 },
    ];
    await store.createFile({ directory: root, missing, name: 'f' }, ROOT_OWNED, inline('x'), null);
    const { inodes } = await store.resolve(['a', 'b', 'f']);
    expect(inodes).toMatchObject([
      { nlink: 3 },
      { mode: 0o711, uid: 1, gid: 2, nlink: 3 },
      { mode: 0o722, uid: 3, gid: 4, nlink: 2 },
      { type: 'file' },
    ]);
    const again = store.createFile({ directory: root, missing, name: 'g' }, ROOT_OWNED, inline('x'), null);
    await expect(again).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('counts subdirectories in nlink and dates the directory that gains a name', async () => {
    const store = await open();
    const d = await makeDirectory(store, ['d']);
    const before = Date.now();
    await makeDirectory(store, ['d', 'sub']);
    await makeFile(store, ['d', 'file']);
    const after = (await find(store, 'd'))!;
    expect(after.nlink).toBe(3);
    expect(after.version).toBeGreaterThan(d.version);
    expect(Number(after.mtimeNs / 1_000_000n)).toBeGreaterThanOrEqual(before);
    expect(after.ctimeNs).toBe(after.mtimeNs);
    expect(after.atimeNs).toBe(d.atimeNs);
  });

  it.each([
    ['createFile', (store, at) => store.createFile(at, ROOT_OWNED, inline('x'), null)],
    ['createDirectory', (store, at) => store.createDirectory(at, DIRECTORY)],
    ['createSymlink', (store, at) => store.createSymlink(at, ROOT_OWNED, 'x')],
  ] as [string, (store: MetadataStore, at: NewName) => Promise<unknown>][])(
    '%s is a CONFLICT when the name exists, and changes nothing',
    async (_, create) => {
      const store = await open();
      await makeFile(store, ['taken'], inline('mine'));
      const before = [await find(store), await store.statistics()];
      await expect(create(store, await place(store, 'taken'))).rejects.toMatchObject({ code: 'CONFLICT' });
      expect([await find(store), await store.statistics()]).toEqual(before);
      expect(await read(store, 'taken')).toBe('mine');
    },
  );

  it('takes times that are given, to the nanosecond, before 1970 and past 2^53', async () => {
    const store = await open();
    for (const [name, time] of [
      ['old', -1n],
      ['older', -9_223_372_036_854_775_807n],
      ['new', 9_007_199_254_740_993n],
      ['last', 9_223_372_036_854_775_807n],
    ] as const) {
      await store.createFile(await place(store, name), { ...ROOT_OWNED, atimeNs: time, mtimeNs: time }, inline(''), null);
      expect(await find(store, name)).toMatchObject({ atimeNs: time, mtimeNs: time });
    }
    expect((await store.list({ directory: 1, sort: 'mtime', order: 'asc', limit: 10 })).map(({ name }) => name)).toEqual([
      'older',
      'old',
      'new',
      'last',
    ]);
  });

  it('takes user and group numbers of 32 bits', async () => {
    const store = await open();
    await store.createFile(await place(store, 'f'), { mode: 0o7777, uid: 4_294_967_294, gid: 4_294_967_294 }, inline(''), null);
    expect(await find(store, 'f')).toMatchObject({ mode: 0o7777, uid: 4_294_967_294, gid: 4_294_967_294 });
    await store.setAttributes(await target(store, 'f'), { uid: 3_000_000_000 });
    expect((await find(store, 'f'))!.uid).toBe(3_000_000_000);
  });

  it('never uses a number of an inode or content twice', async () => {
    const store = await open();
    const first = await makeFile(store, ['f']);
    await store.remove(await target(store, 'f'));
    const second = await makeFile(store, ['f']);
    expect(second.id).toBeGreaterThan(first.id);
    expect(second.content!.id).toBeGreaterThan(first.content!.id);
    expect(Number.isSafeInteger(second.id) && Number.isSafeInteger(second.content!.id)).toBe(true);
  });
}
