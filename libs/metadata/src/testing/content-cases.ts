import { msToNs, newStorageKey, nowNs } from '@callfs/core';
import { expect, it } from 'vitest';
import type { MetadataStore } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import { blob, find, inline, makeDirectory, makeFile, place, read, ROOT_OWNED, target } from './tree-builder';

const LATER = nowNs() + msToNs(3_600_000);

/** Who refers to a content, and its end. */
export function contentCases({ open, reopen }: Harness): void {
  const copy = async (store: MetadataStore, from: string, to: string) => {
    const { content } = (await find(store, from))!;
    return store.createFile(await place(store, to), ROOT_OWNED, { copyOf: content!.id }, null);
  };

  it('shares a content between copies until the last of them is gone', async () => {
    const store = await open();
    const original = await makeFile(store, ['a'], inline('shared'));
    const copied = await copy(store, 'a', 'b');
    expect(copied).toMatchObject({ size: 6, content: original.content });
    expect(await store.statistics()).toMatchObject({ files: 2, inlineBytes: 6 });
    await store.remove(await target(store, 'a'));
    expect(await read(store, 'b')).toBe('shared');
    await store.replaceContent(await target(store, 'b'), inline('x'), {});
    await expect(store.readInline(original.content!.id)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    expect(await store.statistics()).toMatchObject({ files: 1, inlineBytes: 1 });
  });

  it('is a CONFLICT to share what is gone, also while its blobs still wait', async () => {
    const store = await open({ collectGraceMs: 3_600_000 });
    await makeFile(store, ['other']);
    for (const content of [inline('x'), blob()]) {
      const { id } = (await makeFile(store, ['f'], content)).content!;
      await store.remove(await target(store, 'f'));
      const create = store.createFile(await place(store, 'g'), ROOT_OWNED, { copyOf: id }, null);
      await expect(create).rejects.toMatchObject({ code: 'CONFLICT' });
      const replace = store.replaceContent(await target(store, 'other'), { copyOf: id }, {});
      await expect(replace).rejects.toMatchObject({ code: 'CONFLICT' });
    }
    expect(await read(store, 'other')).toBe('text');
  });

  it('replaces a content by itself and keeps it', async () => {
    const store = await open();
    const { content } = await makeFile(store, ['f'], blob());
    await store.replaceContent(await target(store, 'f'), { copyOf: content!.id }, {});
    expect((await find(store, 'f'))!.content).toEqual(content);
    expect(await store.collectable(LATER, 10)).toEqual([]);
    await store.remove(await target(store, 'f'));
    expect(await store.collectable(LATER, 10)).toHaveLength(1);
  });

  it('offers blobs for collection after their grace, oldest first, until they are forgotten', async () => {
    const store = await open({ collectGraceMs: 60_000 });
    const contents = [];
    for (const name of ['a', 'b', 'c']) {
      contents.push((await makeFile(store, [name], blob())).content!);
      await store.remove(await target(store, name));
    }
    expect(await store.collectable(nowNs(), 10)).toEqual([]);
    const due = await store.collectable(LATER, 10);
    expect(due).toEqual(contents.map(({ id, replicas }) => ({ contentId: id, replicas })));
    expect(await store.collectable(LATER, 2)).toEqual(due.slice(0, 2));
    await store.forget([due[0]!.contentId, due[2]!.contentId]);
    const again = await reopen(store);
    expect(await again.collectable(LATER, 10)).toEqual([due[1]]);
    await again.forget([due[1]!.contentId, 424_242]);
    expect(await again.collectable(LATER, 10)).toEqual([]);
  });

  it('never forgets a content that a file has', async () => {
    const store = await open();
    const { content } = await makeFile(store, ['f'], blob());
    await store.forget([content!.id]);
    expect(await find(store, 'f')).toMatchObject({ content });
    expect(await store.knownKeys('localfs', 'node-1', [content!.replicas[0]!.key])).toHaveProperty('size', 1);
  });

  it('knows the keys of this backend and instance, those that wait for collection included', async () => {
    const store = await open();
    const [kept, waiting, forgotten, unknown] = Array.from({ length: 4 }, newStorageKey) as [string, string, string, string];
    await makeFile(store, ['kept'], blob(1, kept));
    await makeFile(store, ['waiting'], blob(1, waiting));
    await store.remove(await target(store, 'waiting'));
    const { content } = await makeFile(store, ['forgotten'], blob(1, forgotten));
    await store.remove(await target(store, 'forgotten'));
    await store.forget([content!.id]);
    const keys = [kept, waiting, forgotten, unknown, "' OR 1=1 --"];
    expect(await store.knownKeys('localfs', 'node-1', keys)).toEqual(new Set([kept, waiting]));
    expect(await store.knownKeys('localfs', 'node-2', keys)).toEqual(new Set());
    expect(await store.knownKeys('s3', 'node-1', keys)).toEqual(new Set());
    expect(await store.knownKeys('localfs', 'node-1', [])).toEqual(new Set());
    const many = Array.from({ length: 5000 }, newStorageKey);
    expect(await store.knownKeys('localfs', 'node-1', [...many, kept])).toEqual(new Set([kept]));
  });

  it('counts what it holds, and counts nothing of what was refused', async () => {
    const store = await open();
    await makeDirectory(store, ['d']);
    await makeFile(store, ['d', 'a'], inline('12345'));
    await makeFile(store, ['b'], blob(1000));
    const counts = { files: 2, directories: 2, inlineBytes: 5, blobBytes: 1000 };
    expect(await store.statistics()).toEqual(counts);
    await expect(store.createFile(await place(store, 'b'), ROOT_OWNED, inline('refused'), null)).rejects.toThrow();
    await expect(store.createFile(await place(store, 'b'), ROOT_OWNED, blob(7), null)).rejects.toThrow();
    expect(await store.statistics()).toEqual(counts);
    expect(await (await reopen(store)).statistics()).toEqual(counts);
  });
}
