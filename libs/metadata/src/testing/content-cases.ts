import { msToNs, newStorageKey, nowNs, type Content, type Replica } from '@callfs/core';
import { expect, it } from 'vitest';
import type { MetadataStore, ReplicaChange } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import { blob, find, inline, makeDirectory, makeFile, place, read, ROOT_OWNED, target } from './tree-builder';

const LATER = nowNs() + msToNs(3_600_000);
const HERE = ['node-1', ''];

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
    expect(await store.collectable(LATER, 10, HERE)).toEqual([]);
    await store.remove(await target(store, 'f'));
    expect(await store.collectable(LATER, 10, HERE)).toHaveLength(1);
  });

  it('offers blobs for collection after their grace, oldest first, until they are forgotten', async () => {
    const store = await open({ collectGraceMs: 60_000 });
    const contents = [];
    // By their keys they would come the other way round.
    const keys = Array.from({ length: 3 }, newStorageKey).sort().reverse();
    for (const [index, name] of ['a', 'b', 'c'].entries()) {
      contents.push((await makeFile(store, [name], blob(100_000, keys[index]))).content!);
      await store.remove(await target(store, name));
      // What is removed within one tick of the clock is of the same age.
      for (const now = Date.now(); Date.now() === now;) await new Promise(setImmediate);
    }
    expect(await store.collectable(nowNs(), 10, HERE)).toEqual([]);
    const due = await store.collectable(LATER, 10, HERE);
    expect(due).toEqual(contents.flatMap(({ replicas }) => replicas));
    expect(await store.collectable(LATER, 2, HERE)).toEqual(due.slice(0, 2));
    await store.forget([due[0]!, due[2]!]);
    const again = await reopen(store);
    expect(await again.collectable(LATER, 10, HERE)).toEqual([due[1]]);
    await again.forget([due[1]!, { ...due[1]!, key: newStorageKey() }]);
    expect(await again.collectable(LATER, 10, HERE)).toEqual([]);
  });

  it('never forgets a blob that a file has', async () => {
    const store = await open();
    const { content } = await makeFile(store, ['f'], blob());
    await store.forget(content!.replicas);
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
    await store.forget(content!.replicas);
    const keys = [kept, waiting, forgotten, unknown, "' OR 1=1 --"];
    expect(await store.knownKeys('localfs', 'node-1', keys)).toEqual(new Set([kept, waiting]));
    expect(await store.knownKeys('localfs', 'node-2', keys)).toEqual(new Set());
    expect(await store.hasBlobsIn('localfs', 'node-1')).toBe(true);
    expect(await store.hasBlobsIn('localfs', 'node-2')).toBe(false);
    expect(await store.hasBlobsIn('s3', 'node-1')).toBe(false);
    expect(await store.knownKeys('s3', 'node-1', keys)).toEqual(new Set());
    expect(await store.knownKeys('localfs', 'node-1', [])).toEqual(new Set());
    const many = Array.from({ length: 5000 }, newStorageKey);
    expect(await store.knownKeys('localfs', 'node-1', [...many, kept])).toEqual(new Set([kept]));
  });

  it('P9: knows the blobs of uploads that are no files yet, and leaves none of them to the collector', async () => {
    const store = await open();
    const part = { backend: 'localfs', instanceId: 'node-1', key: newStorageKey() };
    const insert = `INSERT INTO upload_part (upload_id, position, size, sha256, backend, instance_id, key)
      VALUES ('u', 0, 1, NULL, ?, ?, ?)`;
    await store.tables.write('upload', insert, part.backend, part.instanceId, part.key);
    expect(await store.knownKeys('localfs', 'node-1', [part.key])).toEqual(new Set([part.key]));
    expect(await store.hasBlobsIn('localfs', 'node-1')).toBe(true);
    expect(await store.condemn([part])).toEqual([]);
    await store.tables.write('upload', 'DELETE FROM upload_part');
    expect(await store.condemn([part])).toEqual([part]);
  });

  it('P9: leaves to the collector what nothing knows, and refuses a commit that comes after', async () => {
    const store = await open({ collectGraceMs: 3_600_000 });
    const { replicas } = (await makeFile(store, ['kept'], blob())).content!;
    const { replicas: waiting } = (await makeFile(store, ['waiting'], blob())).content!;
    await store.remove(await target(store, 'waiting'));
    const late = blob();
    const orphans = [...late.replicas, { backend: 's3', instanceId: '', key: newStorageKey() }];
    expect(await store.condemn([...replicas, ...waiting, ...orphans])).toEqual(orphans);
    expect(await store.condemn(orphans)).toEqual([]);
    expect(await store.knownKeys('localfs', 'node-1', [late.replicas[0]!.key])).toHaveProperty('size', 1);
    await expect(makeFile(store, ['late'], late)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    await expect(store.replaceContent(await target(store, 'kept'), late, {})).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
    });
    const { id } = (await find(store, 'kept'))!.content!;
    const replace = store.changeReplicas(id, { drop: replicas, add: late.replicas });
    await expect(replace).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await find(store, 'late')).toBeUndefined();
    expect((await find(store, 'kept'))!.content!.replicas).toEqual(replicas);
    const due = await store.collectable(nowNs() + msToNs(600_000), 10, HERE);
    expect(new Set(due)).toEqual(new Set(orphans));
  });

  it('P9: refuses a commit that comes when its blob was condemned, removed and forgotten long ago', async () => {
    const store = await open({ lateCommitMs: 3_000_000 });
    const late = blob();
    expect(await store.condemn(late.replicas)).toEqual(late.replicas);
    expect(await store.collectable(nowNs(), 10, HERE)).toEqual(late.replicas);
    await store.forget(late.replicas);
    await store.forget(late.replicas);
    // The blob is gone, and nobody goes to remove it once more for every pass of the collector.
    expect(await store.collectable(nowNs() + msToNs(2_900_000), 10, HERE)).toEqual([]);
    await expect(makeFile(store, ['late'], late)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    const again = await reopen(store);
    await expect(makeFile(again, ['late'], late)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await find(again, 'late')).toBeUndefined();
    // What comes under its key after all goes when nobody can commit it any more.
    expect(await again.collectable(LATER, 10, HERE)).toEqual(late.replicas);
  });

  it('remembers what was condemned for no longer than a commit may be under way', async () => {
    const store = await open({ lateCommitMs: 100 });
    const { replicas } = blob();
    await store.condemn(replicas);
    await store.forget(replicas);
    await expect.poll(() => store.collectable(nowNs(), 10, HERE), { timeout: 30_000 }).toEqual(replicas);
    await store.forget(replicas);
    expect(await store.knownKeys('localfs', 'node-1', [replicas[0]!.key])).toHaveProperty('size', 0);
  });

  it('remembers nothing of what can be committed by nobody: spent parts, and blobs that a content had, copies or not', async () => {
    const store = await open({ lateCommitMs: 3_600_000 });
    const { replicas: spent } = blob();
    await store.condemn(spent, { isSpent: true });
    const { content } = await makeFile(store, ['a'], blob());
    await copy(store, 'a', 'b');
    for (const name of ['a', 'b']) await store.remove(await target(store, name));
    const gone = [...spent, ...content!.replicas];
    expect(new Set(await store.collectable(nowNs(), 10, HERE))).toEqual(new Set(gone));
    await store.forget(gone);
    const keys = gone.map(({ key }) => key);
    expect(await store.knownKeys('localfs', 'node-1', keys)).toHaveProperty('size', 0);
    // Whoever was about to share what is gone names the content, and no blob.
    const sharing = store.createFile(await place(store, 'c'), ROOT_OWNED, { copyOf: content!.id }, null);
    await expect(sharing).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('P9: knows whose a key is, and never leaves to the collector what is another node’s', async () => {
    const store = await open();
    const [kept, copied, part, unknown] = Array.from({ length: 4 }, newStorageKey) as [string, string, string, string];
    const { content } = await makeFile(store, ['kept'], blob(1, kept));
    const other: Replica = { backend: 'localfs', instanceId: 'a-node', key: copied };
    await store.changeReplicas(content!.id, { add: [other, { backend: 's3', instanceId: '', key: unknown }] });
    const insert = `INSERT INTO upload_part (upload_id, position, size, sha256, backend, instance_id, key)
      VALUES ('u', 0, 1, NULL, 'localfs', 'z-node', ?)`;
    await store.tables.write('upload', insert, part);
    const held = await store.heldKeys('localfs', [kept, copied, part, unknown]);
    const place = { backend: 'localfs', instanceId: 'node-1' };
    const expected = [{ ...place, key: kept }, other, { ...place, instanceId: 'z-node', key: part }];
    expect(new Set(held)).toEqual(new Set(expected));
    expect(await store.heldKeys('localfs', [])).toEqual([]);
    const renamed = [kept, copied, part, unknown].map((key) => ({ backend: 'localfs', instanceId: 'renamed', key }));
    expect(await store.condemn(renamed)).toEqual(renamed.slice(3));
  });

  it('replaces a blob of a content by another in its place', async () => {
    const store = await open();
    const { content } = await makeFile(store, ['f'], blob());
    const fresh = { ...content!.replicas[0]!, key: newStorageKey() };
    await store.changeReplicas(content!.id, { drop: content!.replicas, add: [fresh] });
    expect((await find(store, 'f'))!.content!.replicas).toEqual([fresh]);
    expect(await store.collectable(LATER, 10, HERE)).toEqual(content!.replicas);
  });

  it('offers an instance its own blobs and those of shared backends', async () => {
    const store = await open();
    const shared: Replica = { backend: 's3', instanceId: '', key: newStorageKey() };
    const { replicas } = (await makeFile(store, ['own'], blob())).content!;
    await makeFile(store, ['shared'], { ...blob(), backend: 's3', replicas: [shared] });
    for (const name of ['own', 'shared']) await store.remove(await target(store, name));
    expect(await store.collectable(LATER, 10, ['node-1'])).toEqual(replicas);
    expect(await store.collectable(LATER, 10, [''])).toEqual([shared]);
    expect(await store.collectable(LATER, 10, ['node-2'])).toEqual([]);
    expect(await store.knownKeys('s3', '', [shared.key])).toEqual(new Set([shared.key]));
  });

  it('moves the blobs of a content under all files that have it, which stay as they are', async () => {
    const store = await open();
    const original = await makeFile(store, ['a'], blob());
    const copied = await copy(store, 'a', 'b');
    const { id, replicas: before } = original.content!;
    const after: Replica = { backend: 's3', instanceId: '', key: newStorageKey() };
    await store.changeReplicas(id, { add: [after] });
    expect((await find(store, 'b'))!.content!.replicas).toEqual(expect.arrayContaining([...before, after]));
    await store.changeReplicas(id, { drop: before, place: { backend: 's3', instanceId: 'node-2' } });
    const content = { ...original.content!, backend: 's3', instanceId: 'node-2', replicas: [after] };
    expect(await find(store, 'a')).toEqual({ ...original, content });
    expect(await find(store, 'b')).toEqual({ ...copied, content });
    expect(await store.collectable(LATER, 10, HERE)).toEqual(before);
    expect(await (await reopen(store)).resolve(['a'])).toMatchObject({ inodes: [{}, { content }] });
  });

  it('moves an inline content by its place alone', async () => {
    const store = await open();
    const { content } = await makeFile(store, ['f'], inline('text'));
    await store.changeReplicas(content!.id, { place: { backend: 's3', instanceId: 'node-2' } });
    expect((await find(store, 'f'))!.content).toEqual({ ...content, backend: 's3', instanceId: 'node-2' });
    expect(await read(store, 'f')).toBe('text');
  });

  it('is a CONFLICT, and changes nothing, to move blobs that are gone, there already or the last', async () => {
    const store = await open();
    const { content } = await makeFile(store, ['f'], blob());
    const { id, replicas } = content!;
    const other: Replica = { backend: 'localfs', instanceId: 'node-2', key: newStorageKey() };
    const refused = async (contentId: number, change: ReplicaChange) =>
      expect(store.changeReplicas(contentId, change)).rejects.toMatchObject({ code: 'CONFLICT' });
    await refused(id, { drop: replicas });
    await refused(id, { add: replicas });
    await refused(id, { add: [other], drop: [{ ...other, key: newStorageKey() }] });
    await refused(id, { add: [other, other] });
    expect((await find(store, 'f'))!.content).toEqual(content);
    await store.remove(await target(store, 'f'));
    await refused(id, { add: [other] });
    expect(await store.knownKeys('localfs', 'node-2', [other.key])).toEqual(new Set());
  });

  it('pages through the contents in blobs, all or those with too few', async () => {
    const store = await open();
    const second: Replica = { backend: 's3', instanceId: '', key: newStorageKey() };
    const contents: Content[] = [];
    for (const name of ['a', 'b', 'c']) contents.push((await makeFile(store, [name], blob())).content!);
    await makeFile(store, ['inline'], inline('x'));
    await store.changeReplicas(contents[1]!.id, { add: [second] });
    contents[1] = (await find(store, 'b'))!.content!;
    const first = await store.contents({ after: 0, limit: 2 });
    expect(first).toEqual(contents.slice(0, 2));
    expect(await store.contents({ after: first[1]!.id, limit: 2 })).toEqual(contents.slice(2));
    expect(await store.contents({ after: 0, limit: 10, fewerReplicasThan: 2 })).toEqual([contents[0], contents[2]]);
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
