import { CallfsError, type Inode } from '@callfs/core';
import { expect, it } from 'vitest';
import type { MetadataStore } from '../metadata-store';
import type { Harness } from './metadata-store-suite';
import {
  authorised,
  blob,
  faultsOf,
  find,
  inline,
  makeDirectory,
  makeFile,
  namesIn,
  place,
  read,
  ROOT_OWNED,
  target,
} from './tree-builder';

/** How each of many calls at once ended: `done` or the code of its error. */
async function outcomes(calls: Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const result of await Promise.allSettled(calls)) {
    const error: unknown = result.status === 'rejected' ? result.reason : undefined;
    const key = result.status === 'fulfilled' ? 'done' : CallfsError.is(error) ? error.code : String(error);
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** Many at once: one wins, nothing is lost, nothing is half done. */
export function concurrencyCases({ open, reopen }: Harness): void {
  it('of 50 replacements of one version exactly one is made', async () => {
    const store = await open();
    await makeFile(store, ['f']);
    const at = await target(store, 'f');
    const texts = Array.from({ length: 50 }, (_, index) => `writer ${index}`);
    const calls = texts.map((text) => store.replaceContent(at, inline(text), {}));
    expect(await outcomes(calls)).toEqual({ done: 1, CONFLICT: 49 });
    const winner = await Promise.any(calls);
    expect(await find(store, 'f')).toEqual(winner);
    expect(texts).toContain(await read(store, 'f'));
    expect(await store.statistics()).toMatchObject({ files: 1, inlineBytes: winner.size });
  });

  it('of 50 creators of one name exactly one makes it', async () => {
    const store = await open();
    const at = await place(store, 'f');
    const calls = Array.from({ length: 50 }, (_, index) => store.createFile(at, ROOT_OWNED, inline(`${index}`), null));
    expect(await outcomes(calls)).toEqual({ done: 1, CONFLICT: 49 });
    expect(await find(store, 'f')).toEqual(await Promise.any(calls));
    expect(await store.statistics()).toMatchObject({ files: 1 });
  });

  it('of many creators of one missing directory exactly one makes it', async () => {
    const store = await open();
    const missing = [{ name: 'd', mode: 0o755, uid: 0, gid: 0 }];
    const root = await authorised(store);
    const calls = Array.from({ length: 20 }, (_, index) =>
      store.createFile({ directory: root, missing, name: `f${index}` }, ROOT_OWNED, inline('x'), null),
    );
    expect(await outcomes(calls)).toEqual({ done: 1, CONFLICT: 19 });
    expect(await namesIn(store, 'd')).toHaveLength(1);
    expect(await find(store)).toMatchObject({ nlink: 3 });
  });

  it('loses nothing of what commits beside transactions that fail', async () => {
    const store = await open();
    await makeFile(store, ['taken'], inline('first'));
    const at = { directory: await authorised(store), missing: [] };
    const calls = Array.from({ length: 200 }, (_, index) => {
      const name = index % 2 === 0 ? `f${index}` : 'taken';
      return store.createFile({ ...at, name }, ROOT_OWNED, inline(name), null);
    });
    expect(await outcomes(calls)).toEqual({ done: 100, CONFLICT: 100 });
    const check = async (present: MetadataStore) => {
      expect(await namesIn(present)).toHaveLength(101);
      for (let index = 0; index < 200; index += 2) expect(await read(present, `f${index}`)).toBe(`f${index}`);
      expect(await read(present, 'taken')).toBe('first');
    };
    await check(store);
    await check(await reopen(store));
  });

  it('makes many small writes at once, each with its own bytes, whatever their sizes and places', async () => {
    const store = await open();
    for (const path of [['d'], ['d', 'e']]) await makeDirectory(store, path);
    const old = Array.from({ length: 20 }, (_, index) => `old${index}`);
    for (const name of old) await store.createFile(await place(store, 'd', name), ROOT_OWNED, inline(name), 'text/old');
    const expected = new Map<string, string>();
    const writes: (() => Promise<Inode>)[] = [];
    for (const [index, name] of old.entries()) {
      const [file, text] = [await target(store, 'd', name), 'é'.repeat(index)];
      const changes = index % 2 === 0 ? { contentType: index % 4 === 0 ? null : 'text/new' } : {};
      writes.push(() => store.replaceContent(file, inline(text), changes));
      expected.set(`d/${name}`, text);
    }
    for (const [index, directory] of [[], ['d'], ['d', 'e']].entries())
      for (const name of ['new', 'Ünï', "it's", '"', '\\', '{}']) {
        const [at, text] = [await place(store, ...directory, name), name.repeat(index)];
        const attributes = { mode: 0o640 + index, uid: 7, gid: 8, ...(index === 0 ? {} : { mtimeNs: -5n, atimeNs: 1n << 60n }) };
        writes.push(() => store.createFile(at, attributes, inline(text), 'text/new'));
        expected.set([...directory, name].join('/'), text);
      }
    const inodes = await Promise.all(writes.map((write) => write()));
    for (const [index, [path, text]] of [...expected].entries()) {
      const names = path.split('/');
      expect([path, await read(store, ...names)]).toEqual([path, text]);
      expect(await find(store, ...names)).toEqual(inodes[index]);
    }
    expect(inodes.slice(0, 3)).toMatchObject([{ contentType: null }, { contentType: 'text/old' }, { contentType: 'text/new' }]);
    expect(inodes.at(-1)).toMatchObject({
      mode: 0o642,
      uid: 7,
      gid: 8,
      mtimeNs: -5n,
      atimeNs: 1n << 60n,
      contentType: 'text/new',
    });
    const inlineBytes = [...expected.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect(await store.statistics()).toMatchObject({ files: 38, directories: 3, inlineBytes });
    expect(await faultsOf(store)).toEqual([]);
  });

  it('makes each of many small writes by itself where one of them must be refused or replaces what is not alone or small', async () => {
    const store = await open();
    const names = Array.from({ length: 12 }, (_, index) => `f${index}`);
    for (const name of names) await makeFile(store, [name], name === 'f3' ? blob() : inline(name));
    const { content } = (await find(store, 'f2'))!;
    await store.createFile(await place(store, 'copy'), ROOT_OWNED, { copyOf: content!.id }, null);
    const stale = await target(store, 'f1');
    await store.replaceContent(stale, inline('meanwhile'), {});
    const files = new Map([['f1', stale]]);
    for (const name of names) if (name !== 'f1') files.set(name, await target(store, name));
    const at = await place(store, 'f0');
    const calls = [...files].map(([name, file]) => store.replaceContent(file, inline(`new ${name}`), {}));
    calls.push(store.createFile(at, ROOT_OWNED, inline('x'), null));
    expect(await outcomes(calls)).toEqual({ done: 11, CONFLICT: 2 });
    expect(await read(store, 'f1')).toBe('meanwhile');
    expect(await read(store, 'copy')).toBe('f2');
    for (const name of names) if (name !== 'f1') expect(await read(store, name)).toBe(`new ${name}`);
    expect(await store.statistics()).toMatchObject({ files: 13, blobBytes: 0 });
    expect(await faultsOf(store)).toEqual([]);
  });

  it('counts a directory right that many change at once', async () => {
    const store = await open();
    const at = { directory: await authorised(store), missing: [] };
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        store.createDirectory({ ...at, name: `d${index}` }, { mode: 0o755, uid: 0, gid: 0 }),
      ),
    );
    const root = (await find(store))!;
    expect(root.nlink).toBe(42);
    expect(root.version).toBeGreaterThanOrEqual(41);
    expect(await store.statistics()).toMatchObject({ directories: 41 });
  });

  it('lets two directories into one another at most once', async () => {
    const store = await open();
    for (let round = 0; round < 20; round++) {
      const [a, b] = [`a${round}`, `b${round}`];
      await makeDirectory(store, [a]);
      await makeDirectory(store, [b]);
      const [fromA, fromB] = [await target(store, a), await target(store, b)];
      const [inA, inB] = [await place(store, a, 'in'), await place(store, b, 'in')];
      const calls = [store.move(fromA, inB, null), store.move(fromB, inA, null)];
      expect(await outcomes(calls)).toEqual({ done: 1, CONFLICT: 1 });
      const left = (await namesIn(store)).filter((name) => name === a || name === b);
      expect(left).toHaveLength(1);
      expect(await find(store, left[0]!, 'in')).toMatchObject({ type: 'directory' });
    }
  });

  it('moves one file to one of many names', async () => {
    const store = await open();
    await makeFile(store, ['f'], inline('once'));
    const source = await target(store, 'f');
    const places = await Promise.all(Array.from({ length: 20 }, (_, index) => place(store, `n${index}`)));
    expect(await outcomes(places.map((to) => store.move(source, to, null)))).toEqual({ done: 1, CONFLICT: 19 });
    const [name, ...others] = await namesIn(store);
    expect(others).toEqual([]);
    expect(await read(store, name!)).toBe('once');
  });

  it('either removes a directory or makes something in it', async () => {
    const store = await open();
    for (let round = 0; round < 20; round++) {
      const name = `d${round}`;
      await makeDirectory(store, [name]);
      const [directory, within] = [await target(store, name), await place(store, name, 'f')];
      const removal = store.remove(directory);
      const creation = store.createFile(within, ROOT_OWNED, inline('x'), null);
      const [removed, created] = await Promise.allSettled([removal, creation]);
      expect([removed.status, created.status].sort()).toEqual(['fulfilled', 'rejected']);
      expect((await find(store, name)) !== undefined).toBe(created.status === 'fulfilled');
    }
  });

  it('keeps a content for whoever got hold of it first', async () => {
    const store = await open();
    for (let round = 0; round < 20; round++) {
      const { content } = await makeFile(store, ['f'], inline('shared'));
      const [file, other] = [await target(store, 'f'), await place(store, `c${round}`)];
      const removal = store.remove(file);
      const copy = store.createFile(other, ROOT_OWNED, { copyOf: content!.id }, null);
      const [, copied] = await Promise.allSettled([removal, copy]);
      expect(await read(store, `c${round}`)).toBe(copied.status === 'fulfilled' ? 'shared' : undefined);
    }
  });
}
