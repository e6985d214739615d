import { CallfsError, nowNs } from '@callfs/core';
import { expect, it } from 'vitest';
import type { MetadataStore, Target } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import { blob, find, inline, makeDirectory, makeFile, place, read, ROOT_OWNED, target } from './tree-builder';

/** Changing what stands at a path: content, attributes, removal; and the proof that it is still what was read. */
export function changeCases({ open }: Harness): void {
  it('replaces a content in place', async () => {
    const store = await open();
    const before = await makeFile(store, ['f'], inline('old'));
    const after = await store.replaceContent(await target(store, 'f'), inline('newer'), { contentType: 'text/x' });
    expect(after).toMatchObject({ id: before.id, size: 5, contentType: 'text/x', mode: before.mode, atimeNs: before.atimeNs });
    expect(after.version).toBeGreaterThan(before.version);
    expect(after.mtimeNs).toBe(after.ctimeNs);
    expect(await find(store, 'f')).toEqual(after);
    expect(await read(store, 'f')).toBe('newer');
    await expect(store.readInline(before.content!.id)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('replaces inline bytes by blobs and back', async () => {
    const store = await open();
    await makeFile(store, ['f'], inline('old'));
    const large = blob();
    const there = await store.replaceContent(await target(store, 'f'), large, {});
    expect(there.content).toMatchObject({ inline: false, replicas: large.replicas });
    const back = await store.replaceContent(await target(store, 'f'), inline('back'), {});
    expect(back.content).toMatchObject({ inline: true, replicas: [] });
    expect(await read(store, 'f')).toBe('back');
  });

  it('sets mtime to now when a content is replaced, unless it is given, and ctime always', async () => {
    const store = await open();
    await makeFile(store, ['f']);
    const changed = await store.replaceContent(await target(store, 'f'), inline('x'), { mtimeNs: 5n, atimeNs: -6n, mode: 0o600 });
    expect(changed).toMatchObject({ mtimeNs: 5n, atimeNs: -6n, mode: 0o600 });
    expect(nowNs() - changed.ctimeNs).toBeLessThan(60_000_000_000n);
  });

  it('keeps the content type unless it is given, null included', async () => {
    const store = await open();
    await store.createFile(await place(store, 'f'), ROOT_OWNED, inline('x'), 'text/plain');
    expect(await store.replaceContent(await target(store, 'f'), inline('y'), {})).toMatchObject({ contentType: 'text/plain' });
    expect(await store.setAttributes(await target(store, 'f'), { contentType: null })).toMatchObject({ contentType: null });
  });

  it.each([
    { mode: 0o4711 },
    { uid: 12 },
    { gid: 13 },
    { atimeNs: 9_007_199_254_740_993n },
    { mtimeNs: -1_000_000_000_000_000_001n },
    { contentType: 'image/png' },
  ])('sets %o alone', async (changes) => {
    const store = await open();
    const before = await makeFile(store, ['f']);
    const after = await store.setAttributes(await target(store, 'f'), changes);
    const { ctimeNs, version, ...rest } = after;
    expect(rest).toEqual({ ...withoutChange(before), ...changes });
    expect(version).toBeGreaterThan(before.version);
    expect(ctimeNs).toBeGreaterThanOrEqual(before.ctimeNs);
    expect(await find(store, 'f')).toEqual(after);
  });

  it('sets attributes of / and of what has no content', async () => {
    const store = await open();
    expect(await store.setAttributes(await target(store), { mode: 0o1777 })).toMatchObject({ id: 1, mode: 0o1777 });
    expect(await find(store)).toMatchObject({ mode: 0o1777 });
    await makeDirectory(store, ['d']);
    expect(await store.setAttributes(await target(store, 'd'), { uid: 5 })).toMatchObject({ uid: 5, type: 'directory' });
  });

  it('removes files, links and empty directories', async () => {
    const store = await open();
    await makeFile(store, ['f']);
    await store.createSymlink(await place(store, 'l'), ROOT_OWNED, 'f');
    await makeDirectory(store, ['d']);
    expect(await find(store)).toMatchObject({ nlink: 3 });
    for (const name of ['f', 'l', 'd']) {
      await store.remove(await target(store, name));
      expect(await find(store, name)).toBeUndefined();
    }
    expect(await find(store)).toMatchObject({ nlink: 2 });
    expect(await store.statistics()).toEqual({ files: 0, directories: 1, inlineBytes: 0, blobBytes: 0 });
  });

  it('removes no directory that holds something', async () => {
    const store = await open();
    await makeDirectory(store, ['d']);
    await makeFile(store, ['d', 'f']);
    await expect(store.remove(await target(store, 'd'))).rejects.toMatchObject({ code: 'DIRECTORY_NOT_EMPTY' });
    expect(await read(store, 'd', 'f')).toBe('text');
  });

  it('neither removes nor moves /', async () => {
    const store = await open();
    const root = await target(store);
    await expect(store.remove(root)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(store.removeTree(root, null)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await makeDirectory(store, ['d']);
    const move = store.move(await target(store), await place(store, 'd', 'x'), null);
    await expect(move).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(await find(store)).toMatchObject({ id: 1 });
  });

  it('gives no content to what is no file', async () => {
    const store = await open();
    await makeDirectory(store, ['d']);
    const replaced = store.replaceContent(await target(store, 'd'), inline('x'), {});
    await expect(replaced).rejects.toBeInstanceOf(CallfsError);
    expect(await find(store, 'd')).toMatchObject({ type: 'directory', content: null, size: 0 });
    expect(await store.statistics()).toMatchObject({ inlineBytes: 0 });
  });

  const changes: [string, (store: MetadataStore, at: Target) => Promise<unknown>][] = [
    ['replaceContent', (store, at) => store.replaceContent(at, inline('lost'), {})],
    ['setAttributes', (store, at) => store.setAttributes(at, { mode: 0o1 })],
    ['remove', (store, at) => store.remove(at)],
    ['move', async (store, at) => store.move(at, await place(store, 'elsewhere'), null)],
  ];
  it.each(changes)('%s is a CONFLICT in another version, and changes nothing', async (_, change) => {
    const store = await open();
    await makeFile(store, ['f']);
    const stale = await target(store, 'f');
    const current = await store.setAttributes(stale, { uid: 0 });
    await expect(change(store, stale)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await find(store, 'f')).toEqual(current);
    expect(await read(store, 'f')).toBe('text');
  });

  it.each(changes)(
    '%s is a CONFLICT when a directory on the way has other access attributes or is another',
    async (_, change) => {
      const store = await open();
      await makeDirectory(store, ['d']);
      await makeFile(store, ['d', 'f']);
      for (const attributes of [{ mode: 0o700 }, { uid: 9 }, { gid: 9 }]) {
        const stale = await target(store, 'd', 'f');
        await store.setAttributes(await target(store, 'd'), attributes);
        await expect(change(store, stale)).rejects.toMatchObject({ code: 'CONFLICT' });
      }
      const stale = await target(store, 'd', 'f');
      await store.move(await target(store, 'd'), await place(store, 'e'), null);
      await expect(change(store, stale)).rejects.toMatchObject({ code: 'CONFLICT' });
      await makeDirectory(store, ['d'], { mode: 0o755, uid: 9, gid: 9 });
      await store.move(await target(store, 'e', 'f'), await place(store, 'd', 'f'), null);
      await expect(change(store, stale)).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(await read(store, 'd', 'f')).toBe('text');
    },
  );

  it('creation is a CONFLICT when the directory has other access attributes, and none when only its names changed', async () => {
    const store = await open();
    await makeDirectory(store, ['d']);
    const at = await place(store, 'd', 'f');
    await makeFile(store, ['d', 'other']);
    await store.createFile(at, ROOT_OWNED, inline('x'), null);
    const stale = await place(store, 'd', 'g');
    await store.setAttributes(await target(store, 'd'), { mode: 0o555 });
    await expect(store.createFile(stale, ROOT_OWNED, inline('x'), null)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await find(store, 'd', 'g')).toBeUndefined();
  });
}

function withoutChange<T extends { ctimeNs: bigint; version: number }>(inode: T): Omit<T, 'ctimeNs' | 'version'> {
  const { ctimeNs: _ctime, version: _version, ...rest } = inode;
  return rest;
}
