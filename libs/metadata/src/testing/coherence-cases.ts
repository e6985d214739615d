import fc from 'fast-check';
import { CallfsError } from '@callfs/core';
import { expect, it } from 'vitest';
import type { MetadataStore } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import { authorised, find, inline, makeFile, namesIn, place, read, ROOT_OWNED, target, DIRECTORY } from './tree-builder';

/** The tree as it must be: a directory is a map of names, a file its text. */
type Model = string | Map<string, Model>;

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 3 });
const step = fc.oneof(
  fc.record({ op: fc.constant('write' as const), at: path, text: fc.string({ maxLength: 5 }) }),
  fc.record({ op: fc.constant('mkdir' as const), at: path }),
  fc.record({ op: fc.constant('remove' as const), at: path }),
  fc.record({ op: fc.constant('removeTree' as const), at: path }),
  fc.record({ op: fc.constant('chmod' as const), at: path, mode: fc.constantFrom(0o700, 0o755) }),
  fc.record({ op: fc.constant('move' as const), at: path, to: path }),
  fc.record({ op: fc.constant('copy' as const), at: path, to: path }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function lookup(model: Model | undefined, names: readonly string[]): Model | undefined {
  return names.reduce<Model | undefined>((node, part) => (node instanceof Map ? node.get(part) : undefined), model);
}

function clone(model: Model): Model {
  return model instanceof Map ? new Map([...model].map(([key, value]) => [key, clone(value)])) : model;
}

/** Does what a use case would: judges on what it reads, then commits. Returns whether it was possible. */
async function perform(store: MetadataStore, { op, at, ...rest }: Step): Promise<boolean> {
  const existing = await find(store, ...at);
  const parent = await find(store, ...at.slice(0, -1));
  if (op === 'mkdir') {
    if (existing || parent?.type !== 'directory') return false;
    await store.createDirectory(await place(store, ...at), DIRECTORY);
  } else if (op === 'write') {
    const { text } = rest as { text: string };
    if (existing?.type === 'directory' || parent?.type !== 'directory') return false;
    if (existing) await store.replaceContent(await target(store, ...at), inline(text), {});
    else await makeFile(store, at, inline(text));
  } else if (!existing) {
    return false;
  } else if (op === 'chmod') {
    await store.setAttributes(await target(store, ...at), rest as { mode: number });
  } else if (op === 'remove') {
    if (existing.type === 'directory' && (await namesIn(store, ...at)).length > 0) return false;
    await store.remove(await target(store, ...at));
  } else if (op === 'removeTree') {
    if (existing.type !== 'directory') return false;
    await store.removeTree(await target(store, ...at), null);
  } else {
    const { to } = rest as { to: string[] };
    const directory = await find(store, ...to.slice(0, -1));
    const standing = await find(store, ...to);
    const within = at.every((part, index) => part === to[index]);
    if (directory?.type !== 'directory' || standing || within) return false;
    const source = await target(store, ...at);
    const toPlace = await place(store, ...to);
    if (op === 'move') await store.move(source, toPlace, null);
    else if (existing.type === 'directory')
      await store.copyTree(source, toPlace, { uid: 0, gid: 0, umask: 0, directoryBits: 0 }, null);
    else await store.createFile(toPlace, ROOT_OWNED, { copyOf: existing.content!.id }, null);
  }
  return true;
}

function performModel(root: Map<string, Model>, { op, at, ...rest }: Step): void {
  const parent = lookup(root, at.slice(0, -1)) as Map<string, Model>;
  const last = at.at(-1)!;
  if (op === 'mkdir') parent.set(last, new Map());
  else if (op === 'write') parent.set(last, (rest as { text: string }).text);
  else if (op === 'remove' || op === 'removeTree') parent.delete(last);
  else if (op !== 'chmod') {
    const { to } = rest as { to: string[] };
    const moved = parent.get(last)!;
    if (op === 'move') parent.delete(last);
    (lookup(root, to.slice(0, -1)) as Map<string, Model>).set(to.at(-1)!, op === 'move' ? moved : clone(moved));
  }
}

/** The tree as the store tells it, by listing and by resolving every name. */
async function contentsOf(store: MetadataStore, names: string[]): Promise<Model> {
  const inode = (await find(store, ...names))!;
  if (inode.type === 'file') return (await read(store, ...names))!;
  const entries = await store.list({ directory: inode.id, sort: 'name', order: 'asc', limit: 1000 });
  const subdirectories = entries.filter((entry) => entry.inode.type === 'directory').length;
  expect(inode.nlink).toBe(2 + subdirectories);
  const model = new Map<string, Model>();
  for (const entry of entries) {
    expect(await find(store, ...names, entry.name)).toEqual(entry.inode);
    model.set(entry.name, await contentsOf(store, [...names, entry.name]));
  }
  return model;
}

/** Read your writes: the store is what a model of it is, warm, cold, and under load. */
export function coherenceCases({ open, reopen }: Harness): void {
  it('is what a model says after any changes, before and after a restart', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
        const store = await open();
        const model = new Map<string, Model>();
        for (const each of steps) {
          if (await perform(store, each)) performModel(model, each);
          const expected = lookup(model, each.at);
          expect(
            typeof expected === 'string' ? await read(store, ...each.at) : (await find(store, ...each.at)) !== undefined,
          ).toBe(typeof expected === 'string' ? expected : expected !== undefined);
        }
        const sorted = sort(model);
        expect(await contentsOf(store, [])).toEqual(sorted);
        while ((await store.reap(10)) > 0);
        expect(await contentsOf(store, [])).toEqual(sorted);
        const again = await reopen(store);
        expect(await contentsOf(again, [])).toEqual(sorted);
        expect(await again.statistics()).toMatchObject({ directories: count(sorted, true), files: count(sorted, false) });
        await again.close();
      }),
      { numRuns: 12 },
    );
  });

  it('shows every acknowledged write to the next read, while others write and read', async () => {
    const store = await open();
    await Promise.all(['a', 'b', 'c', 'd'].map((each) => makeFile(store, [each], inline('0'))));
    const writer = async (file: string) => {
      for (let count = 1; count <= 50; count++) {
        await store.replaceContent(await target(store, file), inline(String(count)), {});
        expect(await read(store, file)).toBe(String(count));
      }
    };
    let done = false;
    const reader = async (file: string) => {
      let last = 0;
      while (!done) {
        const { inodes, data } = await store.resolve([file], { data: true });
        const seen = Number(data!.toString());
        expect(data!.length).toBe(inodes[1]!.size);
        expect(seen).toBeGreaterThanOrEqual(last);
        last = seen;
        await new Promise(setImmediate);
      }
    };
    const readers = ['a', 'b', 'c', 'd'].map(reader);
    await Promise.all(['a', 'b', 'c', 'd'].map(writer)).finally(() => (done = true));
    await Promise.all(readers);
  });

  it('never mixes two states of the tree while directories change places', async () => {
    const store = await open();
    for (const each of ['x', 'y']) {
      await store.createDirectory(await place(store, each), DIRECTORY);
      await makeFile(store, [each, 'f'], inline(each));
    }
    const ids = new Map([
      [(await find(store, 'x'))!.id, 'x'],
      [(await find(store, 'y'))!.id, 'y'],
    ]);
    let done = false;
    const swapper = async () => {
      for (let round = 0; round < 60; round++) {
        await store.move(await target(store, 'x'), await place(store, 't'), null);
        await store.move(await target(store, 'y'), await place(store, 'x'), null);
        await store.move(await target(store, 't'), await place(store, 'y'), null);
      }
    };
    const reader = async () => {
      while (!done) {
        const { inodes, data } = await store.resolve(['x', 'f'], { data: true });
        if (inodes.length === 3) expect(data!.toString()).toBe(ids.get(inodes[1]!.id));
        await new Promise(setImmediate);
      }
    };
    const reading = reader();
    await swapper().finally(() => (done = true));
    await reading;
    expect(await read(store, 'x', 'f')).toBe('x');
  });

  it('tells a caller who read too early that it did, never more', async () => {
    const store = await open();
    const path = await authorised(store);
    for (let round = 0; round < 30; round++) {
      const calls = Array.from({ length: 5 }, (_, index) =>
        store.createFile({ directory: path, missing: [], name: `f${round}-${index}` }, ROOT_OWNED, inline('x'), null),
      );
      await Promise.all(calls);
      const stale = await target(store);
      await makeFile(store, [`g${round}`]);
      await expect(store.setAttributes(stale, { mode: 0o755 })).rejects.toSatisfy((error) => CallfsError.is(error, 'CONFLICT'));
    }
  });
}

function sort(model: Model): Model {
  if (!(model instanceof Map)) return model;
  return new Map([...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, sort(value)]));
}

function count(model: Model, directories: boolean): number {
  if (!(model instanceof Map)) return directories ? 0 : 1;
  return [...model.values()].reduce((sum, child) => sum + count(child, directories), directories ? 1 : 0);
}
