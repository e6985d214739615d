import { createHash } from 'node:crypto';
import { newStorageKey, nowNs } from '@callfs/core';
import { expect, it } from 'vitest';
import type { MetadataStore } from '../metadata-store';
import type { MetadataFault } from '../verification/metadata-fault';
import type { Harness } from './metadata-store-suite';
import { blob, faultsOf, find, inline, makeDirectory, makeFile, namesIn, place, read, ROOT_OWNED, target } from './tree-builder';

/** The numbers of what `build` made. */
interface Built {
  readonly d: number;
  readonly sub: number;
  readonly f: number;
  readonly b: number;
  readonly link: number;
  readonly fc: number;
  readonly bc: number;
}

interface Row {
  readonly name: string;
  readonly plant: (built: Built) => string[];
  /** All that is found, in order. */
  readonly found: (built: Built) => Partial<MetadataFault>[];
  /** The faults that stay, since only a backup can mend them; default none. */
  readonly kept?: readonly string[];
  /** What is to be true after the repair. */
  readonly after?: (store: MetadataStore, built: Built) => Promise<void>;
}

const NOBODY = 999_999;

const ROWS: readonly Row[] = [
  {
    name: 'a name of nothing',
    plant: () => [`INSERT INTO dentry (parent_id, name, inode_id) VALUES (1, 'ghost', ${NOBODY})`],
    found: () => [{ kind: 'dangling_name', parent: 1, name: 'ghost', inode: NOBODY }],
    after: async (store) => expect(await namesIn(store)).toEqual(['b', 'd', 'link']),
  },
  {
    name: 'a name in a file',
    plant: ({ f }) => [`UPDATE dentry SET parent_id = ${f} WHERE name = 'b'`],
    found: ({ f, b }) => [{ kind: 'misplaced_name', parent: f, name: 'b', inode: b }],
    after: async (store, { b, bc }) => expect((await find(store, 'lost+found', `#${b}`))?.content?.id).toBe(bc),
  },
  {
    name: 'a name in a directory that is gone',
    plant: ({ sub }) => [`UPDATE dentry SET parent_id = ${NOBODY} WHERE inode_id = ${sub}`],
    found: ({ d, sub }) => [
      { kind: 'misplaced_name', parent: NOBODY, inode: sub },
      { kind: 'unreachable_directory', inode: sub },
      { kind: 'wrong_link_count', inode: d, found: 3, expected: 2 },
    ],
    after: async (store, { sub }) => expect(await namesIn(store, 'lost+found', `#${sub}`)).toEqual([]),
  },
  {
    name: 'a name of the root',
    plant: () => [`INSERT INTO dentry (parent_id, name, inode_id) VALUES (1, 'loop', 1)`],
    found: () => [
      { kind: 'misplaced_name', name: 'loop', inode: 1 },
      { kind: 'wrong_link_count', inode: 1 },
    ],
    after: async (store) => expect(await namesIn(store)).toEqual(['b', 'd', 'link']),
  },
  {
    name: 'a second name of a file',
    plant: ({ f }) => [`INSERT INTO dentry (parent_id, name, inode_id) VALUES (1, 'again', ${f})`],
    found: ({ f }) => [{ kind: 'named_twice', inode: f, found: 2 }],
    after: async (store) => {
      expect([await read(store, 'again'), await read(store, 'd', 'f')]).toEqual(['text', 'text']);
      await store.remove(await target(store, 'again'));
      expect(await read(store, 'd', 'f')).toBe('text');
    },
  },
  {
    name: 'a second name of a directory, below itself',
    plant: ({ d, sub }) => [`INSERT INTO dentry (parent_id, name, inode_id) VALUES (${sub}, 'up', ${d})`],
    found: ({ d, sub }) => [
      { kind: 'named_twice', inode: d },
      { kind: 'wrong_link_count', inode: sub },
    ],
    after: async (store) => {
      expect(await read(store, 'd', 'f')).toBe('text');
      expect(await namesIn(store, 'd', 'sub')).toEqual([]);
    },
  },
  {
    name: 'a directory without a name',
    plant: () => [`DELETE FROM dentry WHERE name = 'd'`],
    found: ({ d }) => [
      { kind: 'unnamed_inode', inode: d },
      { kind: 'wrong_link_count', inode: 1, found: 3, expected: 2 },
    ],
    after: async (store, { d }) => {
      expect(await read(store, 'lost+found', `#${d}`, 'f')).toBe('text');
      expect(await find(store, 'lost+found')).toMatchObject({ mode: 0o700, uid: 0, gid: 0, nlink: 3 });
    },
  },
  {
    name: 'a directory below itself, which nothing leads to',
    plant: ({ sub }) => [`UPDATE dentry SET parent_id = ${sub} WHERE name = 'd'`],
    found: ({ d, sub }) => [
      { kind: 'unreachable_directory', inode: d },
      { kind: 'unreachable_directory', inode: sub },
      { kind: 'wrong_link_count', inode: 1 },
      { kind: 'wrong_link_count', inode: sub },
    ],
    after: async (store, { d }) => expect(await read(store, 'lost+found', `#${d}`, 'f')).toBe('text'),
  },
  {
    name: 'a wrong link count of a directory and of a file',
    plant: ({ d, f }) => [`UPDATE inode SET nlink = 7 WHERE id IN (${d}, ${f})`],
    found: ({ d, f }) => [
      { kind: 'wrong_link_count', inode: d, found: 7, expected: 3 },
      { kind: 'wrong_link_count', inode: f, found: 7, expected: 1 },
    ],
    after: async (store) => expect(await find(store, 'd')).toMatchObject({ nlink: 3 }),
  },
  {
    name: 'a file whose content is gone',
    plant: ({ fc }) => [`DELETE FROM content WHERE id = ${fc}`],
    found: ({ f, fc }) => [
      { kind: 'missing_content', inode: f, content: fc },
      { kind: 'wrong_total', name: 'inline_bytes', found: 4, expected: 0 },
    ],
    kept: ['missing_content'],
    after: async (store) => expect(await namesIn(store, 'd')).toEqual(['f', 'sub']),
  },
  {
    name: 'a content with too many references',
    plant: ({ fc }) => [`UPDATE content SET refs = 5 WHERE id = ${fc}`],
    found: ({ fc }) => [{ kind: 'wrong_reference_count', content: fc, found: 5, expected: 1 }],
    after: async (store, { fc }) => {
      await store.remove(await target(store, 'd', 'f'));
      await expect(store.readInline(fc)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    },
  },
  {
    name: 'a content with too few references',
    plant: ({ fc }) => [`UPDATE content SET refs = 0 WHERE id = ${fc}`],
    found: ({ fc }) => [{ kind: 'wrong_reference_count', content: fc, found: 0, expected: 1 }],
    after: async (store, { fc }) => {
      await store.createFile(await place(store, 'copy'), ROOT_OWNED, { copyOf: fc }, null);
      await store.remove(await target(store, 'd', 'f'));
      expect(await read(store, 'copy')).toBe('text');
    },
  },
  {
    name: 'a content that no file has any more',
    plant: ({ f }) => [`DELETE FROM dentry WHERE inode_id = ${f}`, `DELETE FROM inode WHERE id = ${f}`],
    found: ({ fc }) => [
      { kind: 'wrong_reference_count', content: fc, found: 1, expected: 0 },
      { kind: 'wrong_total', name: 'files' },
    ],
    after: async (store, { fc }) => {
      expect(await read(store, 'lost+found', `content-${fc}`)).toBe('text');
      expect(await find(store, 'lost+found', `content-${fc}`)).toMatchObject({ mode: 0o600, size: 4, nlink: 1 });
    },
  },
  {
    name: 'a wrong size of a file and of a link',
    plant: ({ b, link }) => [`UPDATE inode SET size = 1 WHERE id IN (${b}, ${link})`],
    found: ({ b, link }) => [
      { kind: 'wrong_size', inode: b, found: 1, expected: 1000 },
      { kind: 'wrong_size', inode: link, found: 1, expected: 5 },
    ],
    after: async (store) => {
      expect(await find(store, 'b')).toMatchObject({ size: 1000 });
      expect(await find(store, 'link')).toMatchObject({ size: 5 });
    },
  },
  {
    name: 'a content without a blob',
    plant: ({ bc }) => [`DELETE FROM replica WHERE content_id = ${bc}`],
    found: ({ bc }) => [{ kind: 'missing_blob', content: bc }],
    kept: ['missing_blob'],
  },
  {
    name: 'an inline content without its bytes',
    plant: ({ fc }) => [`UPDATE content SET data = NULL WHERE id = ${fc}`],
    found: ({ fc }) => [{ kind: 'wrong_inline_size', content: fc, found: 0, expected: 4 }],
    kept: ['wrong_inline_size'],
  },
  {
    name: 'a blob of a content that is gone',
    plant: () => [`INSERT INTO replica (content_id, backend, instance_id, key) VALUES (${NOBODY}, 'localfs', 'node-1', 'k')`],
    found: () => [{ kind: 'stray_replica', content: NOBODY, backend: 'localfs', instance_id: 'node-1', key: 'k' }],
    after: async (store) => {
      // It is the last that is left of somebody's file: for a day it can still be got at.
      expect(await store.collectable(nowNs(), 10, ['node-1'])).toEqual([]);
      expect(await store.knownKeys('localfs', 'node-1', ['k'])).toHaveProperty('size', 1);
    },
  },
  {
    name: 'P9: a blob that is in use and waits for collection',
    plant: () => [`INSERT INTO collect (backend, instance_id, key, not_before) SELECT backend, instance_id, key, 0 FROM replica`],
    found: ({ bc }) => [{ kind: 'collected_in_use', content: bc, backend: 'localfs', instance_id: 'node-1' }],
    after: async (store, { bc }) => {
      expect(await store.collectable(nowNs(), 10, ['node-1'])).toEqual([]);
      expect((await find(store, 'b'))!.content!.id).toBe(bc);
    },
  },
  {
    name: 'a blob of two contents',
    plant: ({ fc }) => [
      'DROP INDEX replica_key',
      `UPDATE content SET kind = 'blob', data = NULL WHERE id = ${fc}`,
      `UPDATE statistic SET value = value - 4 WHERE name = 'inline_bytes'`,
      `UPDATE statistic SET value = value + 4 WHERE name = 'blob_bytes'`,
      `INSERT INTO replica SELECT ${fc}, backend, instance_id, key FROM replica`,
    ],
    found: () => [{ kind: 'shared_key', backend: 'localfs', instance_id: 'node-1', found: 2 }],
    kept: ['shared_key'],
  },
  {
    name: 'removed trees that are not there, or not removed',
    plant: ({ d }) => [`INSERT INTO detached (inode_id) VALUES (${NOBODY}), (${d})`],
    found: ({ d }) => [
      { kind: 'stray_removal', inode: d },
      { kind: 'stray_removal', inode: NOBODY },
    ],
    after: async (store) => {
      expect(await store.reap(100)).toBe(0);
      expect(await read(store, 'd', 'f')).toBe('text');
    },
  },
  {
    name: 'wrong totals',
    plant: () => [`UPDATE statistic SET value = value + 3`],
    found: () => ['files', 'directories', 'inline_bytes', 'blob_bytes'].map((name) => ({ kind: 'wrong_total', name })),
    after: async (store) =>
      expect(await store.statistics()).toEqual({ files: 3, directories: 3, inlineBytes: 4, blobBytes: 1000 }),
  },
];

/** What may be wrong, how it is found, and what becomes of it. */
export function faultCases({ open, corrupt }: Harness): void {
  const build = async (store: MetadataStore): Promise<Built> => {
    const { id: d } = await makeDirectory(store, ['d']);
    const { id: sub } = await makeDirectory(store, ['d', 'sub']);
    const text = { ...inline('text'), sha256: createHash('sha256').update('text').digest('hex') };
    const f = await makeFile(store, ['d', 'f'], text);
    const b = await makeFile(store, ['b'], blob(1000));
    const { id: link } = await store.createSymlink(await place(store, 'link'), ROOT_OWNED, 'd/sub');
    return { d, sub, f: f.id, b: b.id, link, fc: f.content!.id, bc: b.content!.id };
  };

  it.each(ROWS)('$name: is found and mended', async ({ plant, found, kept = [], after }) => {
    const fresh = await open();
    const built = await build(fresh);
    const store = await corrupt(fresh, ...plant(built));
    // What is mended must be seen by whoever looked before.
    await store.resolve(['lost+found', 'x']);
    await store.resolve(['d', 'f'], { data: true });
    const faults = await faultsOf(store);
    expect(faults).toEqual(found(built).map((fault) => expect.objectContaining(fault) as unknown));
    for (const fault of faults) {
      const outcome = await store.repair(fault);
      expect([fault.kind, outcome === 'kept']).toEqual([fault.kind, kept.includes(fault.kind)]);
    }
    expect((await faultsOf(store)).map(({ kind }) => kind)).toEqual(kept);
    await after?.(store, built);
    // Nothing is found where nothing is.
    for (const fault of faults)
      if (!kept.includes(fault.kind)) expect([fault.kind, await store.repair(fault)]).toEqual([fault.kind, 'gone']);
  });

  it('finds nothing wrong with a tree that is sound, nor with one that is being removed or looked at meanwhile', async () => {
    const store = await open();
    await build(store);
    await store.removeTree(await target(store, 'd'), null);
    await store.reap(1);
    expect(await faultsOf(store, { content: true })).toEqual([]);
    const during = faultsOf(store);
    await Promise.all(Array.from({ length: 50 }, (_, index) => makeFile(store, [`f${index}`], blob())));
    expect(await during).toEqual([]);
    while ((await store.reap(1)) > 0) expect(await faultsOf(store)).toEqual([]);
  });

  it('C6: reads inline bytes and compares their digest when it is to', async () => {
    const store = await open();
    const { fc } = await build(store);
    const { content } = await makeFile(store, ['rotten'], inline('rotten'));
    expect(await faultsOf(store)).toEqual([]);
    expect(await faultsOf(store, { content: true })).toEqual([{ kind: 'wrong_inline_digest', content: content!.id }]);
    expect(content!.id).not.toBe(fc);
    expect(await store.repair({ kind: 'wrong_inline_digest', content: content!.id })).toBe('kept');
  });

  it('tells the paths that lead to contents', async () => {
    const store = await open();
    const { fc, bc } = await build(store);
    await store.createFile(await place(store, 'd', 'sub', 'copy'), ROOT_OWNED, { copyOf: fc }, null);
    const paths = await store.pathsOf([fc, bc, NOBODY]);
    expect(paths.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { content: bc, path: '/b' },
      { content: fc, path: '/d/f' },
      { content: fc, path: '/d/sub/copy' },
    ]);
    expect(await store.pathsOf([])).toEqual([]);
  });

  it('lets go of a check that nobody reads to its end', async () => {
    const fresh = await open();
    await build(fresh);
    const store = await corrupt(fresh, ...ROWS.at(-1)!.plant({} as Built));
    for await (const fault of store.verify()) {
      expect(fault.kind).toBe('wrong_total');
      break;
    }
    await makeFile(store, [newStorageKey()]);
  });
}
