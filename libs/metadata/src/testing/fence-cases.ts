import { expect, it } from 'vitest';
import type { CommitGuard, MetadataStore } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import { DIRECTORY, find, inline, makeDirectory, makeFile, namesIn, place, ROOT_OWNED, target } from './tree-builder';

/** Fencing tokens: a holder that was overtaken never commits. */
export function fenceCases({ open, reopen }: Harness): void {
  it('gives growing numbers, each once, also to many at a time and after a restart', async () => {
    const store = await open();
    const given = await Promise.all(Array.from({ length: 100 }, () => store.nextFence()));
    expect(new Set(given).size).toBe(100);
    const next = await store.nextFence();
    expect(next).toBeGreaterThan(Math.max(...given));
    await store.raiseFence(['/x']);
    const after = await store.nextFence();
    expect(after).toBeGreaterThan(next + 1);
    const again = await reopen(store);
    expect(await again.nextFence()).toBeGreaterThan(after);
  });

  it('lets a holder commit whose lock was not raised', async () => {
    const store = await open();
    const guard = { lockNames: ['/f'], fence: await store.nextFence() };
    await store.raiseFence(['/other', '/ff', '/']);
    await store.createFile(await place(store, 'f'), ROOT_OWNED, inline('x'), null, guard);
    expect(await namesIn(store)).toEqual(['f']);
  });

  it('lets the next holder commit after a raise', async () => {
    const store = await open();
    await store.raiseFence(['/f']);
    const guard = { lockNames: ['/f'], fence: await store.nextFence() };
    await store.createFile(await place(store, 'f'), ROOT_OWNED, inline('x'), null, guard);
    expect(await namesIn(store)).toEqual(['f']);
  });

  const commits: [string, (store: MetadataStore, guard: CommitGuard) => Promise<unknown>][] = [
    ['createFile', async (store, guard) => store.createFile(await place(store, 'n'), ROOT_OWNED, inline('x'), null, guard)],
    ['createDirectory', async (store, guard) => store.createDirectory(await place(store, 'n'), DIRECTORY, guard)],
    ['createSymlink', async (store, guard) => store.createSymlink(await place(store, 'n'), ROOT_OWNED, 'x', guard)],
    ['replaceContent', async (store, guard) => store.replaceContent(await target(store, 'f'), inline('x'), {}, guard)],
    ['setAttributes', async (store, guard) => store.setAttributes(await target(store, 'f'), { uid: 1 }, guard)],
    [
      'changeReplicas',
      async (store, guard) => {
        const { id } = (await find(store, 'f'))!.content!;
        return store.changeReplicas(id, { place: { backend: 's3', instanceId: 'node-2' } }, guard);
      },
    ],
    ['remove', async (store, guard) => store.remove(await target(store, 'f'), guard)],
    ['removeTree', async (store, guard) => store.removeTree(await target(store, 'd'), null, guard)],
    ['move', async (store, guard) => store.move(await target(store, 'f'), await place(store, 'n'), null, guard)],
    [
      'copyTree',
      async (store, guard) =>
        store.copyTree(
          await target(store, 'd'),
          await place(store, 'n'),
          { uid: 0, gid: 0, umask: 0, directoryBits: 0 },
          null,
          guard,
        ),
    ],
  ];
  it.each(commits)('%s of an overtaken holder is a STALE_LOCK and changes nothing, also after a restart', async (_, commit) => {
    const store = await open();
    const f = await makeFile(store, ['f']);
    await makeDirectory(store, ['d']);
    const guard = { lockNames: ['/e', '/f'], fence: await store.nextFence() };
    await store.raiseFence(['/f']);
    await expect(commit(store, guard)).rejects.toMatchObject({ code: 'STALE_LOCK' });
    const again = await reopen(store);
    await expect(commit(again, guard)).rejects.toMatchObject({ code: 'STALE_LOCK' });
    expect(await namesIn(again)).toEqual(['d', 'f']);
    expect(await find(again, 'f')).toEqual(f);
  });

  it('notes a commit in a table beside the tree, with it or not at all, and refuses one that nothing can be noted on', async () => {
    const store = await open();
    await store.tables.write('sweep', "INSERT INTO sweep (backend, instance_id, due_ms) VALUES ('s3', '', 1)");
    const receipt = { sql: 'UPDATE sweep SET due_ms = 2 WHERE due_ms = ? RETURNING backend', parameters: [1] };
    const guard = { lockNames: ['/f'], fence: await store.nextFence(), receipt };
    const due = () => store.tables.read('sweep', 'SELECT due_ms FROM sweep');
    await makeFile(store, ['taken']);
    const taken = store.createFile(await place(store, 'taken'), ROOT_OWNED, inline('x'), null, guard);
    await expect(taken).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await due()).toEqual([{ due_ms: 1 }]);
    await store.createFile(await place(store, 'f'), ROOT_OWNED, inline('x'), null, guard);
    expect(await due()).toEqual([{ due_ms: 2 }]);
    const again = store.replaceContent(await target(store, 'f'), inline('y'), {}, guard);
    await expect(again).rejects.toMatchObject({ code: 'STALE_LOCK' });
    expect((await find(store, 'f'))?.size).toBe(1);
    expect(await namesIn(store)).toEqual(['f', 'taken']);
  });
}
