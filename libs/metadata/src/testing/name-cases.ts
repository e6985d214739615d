import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Harness } from './metadata-store-suite';
import { find, inline, makeDirectory, makeFile, makeFiles, namesIn, read, target } from './tree-builder';

const AWKWARD = [
  '%', '_', '100%', 'a_b', 'axb', "'", "''; DROP TABLE inode; --", '"', '`', '\\', '$1', '?', ':a', '@a', '{}', '[0]', 'a\tb',
  ' ', ' lead', 'trail ', '...', '-rf', '~', '*', 'CON', '%2e%2e%2f', '‮', 'é', 'e\u0301', 'ß', 'ẞ', 'İ', 'i', 'I', 'a', 'A', 'ａ',
  '\u{1F600}', '\uFFFD', '\uE000', '\u{10FFFF}', 'null', 'NULL', 'x'.repeat(255), 'ü'.repeat(127),
]; // prettier-ignore

/** Names are bytes to the store: no pattern, no folding, no order but that of UTF-8. */
export function nameCases({ open, reopen }: Harness): void {
  it('keeps every name apart and as it was given', async () => {
    const store = await open();
    await makeDirectory(store, ['d']);
    await makeFiles(store, ['d'], AWKWARD);
    for (const name of AWKWARD) expect(await read(store, 'd', name)).toBe(name);
    expect(await namesIn(store, 'd')).toEqual([...AWKWARD].sort(byBytes));
    const again = await reopen(store);
    for (const name of AWKWARD) expect(await read(again, 'd', name)).toBe(name);
    expect(await find(again, 'd', 'b')).toBeUndefined();
  });

  it('resolves awkward names deep down in one go', async () => {
    const store = await open();
    const path = AWKWARD.slice(0, 30);
    for (let depth = 1; depth <= path.length; depth++) await makeDirectory(store, path.slice(0, depth));
    const again = await reopen(store);
    const { inodes } = await again.resolve([...path, 'missing', 'more']);
    expect(inodes).toHaveLength(path.length + 1);
  });

  it('touches only the name that is meant', async () => {
    const store = await open();
    for (const name of ['a_b', 'axb', 'ab', 'abc', '%']) {
      await makeDirectory(store, [name]);
      await makeFile(store, [name, 'f'], inline(name));
    }
    await store.removeTree(await target(store, 'a_b'), null);
    await store.removeTree(await target(store, '%'), null);
    await store.removeTree(await target(store, 'ab'), null);
    while ((await store.reap(100)) > 0);
    expect(await namesIn(store)).toEqual(['abc', 'axb']);
    expect(await read(store, 'axb', 'f')).toBe('axb');
  });

  it('sorts any names by their UTF-8 bytes, in pages too', async () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !/[\0/]/.test(text));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 40 }), async (names) => {
        const store = await open();
        await makeFiles(store, [], names);
        const seen: string[] = [];
        for (let after: { name: string } | undefined; ;) {
          const page = await store.list({ directory: 1, sort: 'name', order: 'asc', limit: 7, after });
          seen.push(...page.map((entry) => entry.name));
          if (page.length < 7) break;
          after = { name: page[6]!.name };
        }
        expect(seen).toEqual([...names].sort(byBytes));
        await store.close();
      }),
      { numRuns: 5 },
    );
  });
}

export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
