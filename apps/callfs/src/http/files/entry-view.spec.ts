import type { Identity } from '@callfs/auth';
import { VirtualPath, type Inode } from '@callfs/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PrincipalNames } from '../../use-cases/principal-names';
import { EntryViews } from './entry-view';
import { Placement } from './placement';

const principals = { userName: (uid: number) => `user "${uid}"`, groupName: (gid: number) => `gruppe ö${gid}` };
const views = new EntryViews(principals as PrincipalNames, new Placement({ backend: 'localfs', instanceId: 'node "1"' }));
const reader: Identity = { user: 'reader', uid: 1000, gid: 1000, groups: [], umask: 0o022, isSuperuser: false } as never;

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((text) => !text.includes('/'));
const time = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
const content = fc.record({
  id: fc.nat(),
  size: fc.nat(),
  sha256: fc.constant('0123456789abcdef'.repeat(4)),
  backend: fc.constantFrom('localfs', 's3'),
  instanceId: fc.string(),
  inline: fc.boolean(),
  replicas: fc.constant([]),
});
const inode: fc.Arbitrary<Inode> = fc.record({
  id: fc.nat(),
  type: fc.constantFrom('file', 'directory', 'symlink'),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.constantFrom(0, 1000, 1001),
  gid: fc.constantFrom(0, 1000),
  size: fc.nat(),
  nlink: fc.nat(),
  atimeNs: time,
  mtimeNs: time,
  ctimeNs: time,
  version: fc.nat(),
  content: fc.option(content),
  contentType: fc.option(fc.string()),
  target: fc.option(fc.string({ unit: 'binary' })),
});

it('makes of an entry the text that JSON.stringify makes of its view', () => {
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 3 }), inode, fc.boolean(), (names, entry, sameTimes) => {
      const path = VirtualPath.ofNames(names);
      const shown = sameTimes ? { ...entry, atimeNs: entry.mtimeNs, ctimeNs: entry.mtimeNs } : entry;
      expect(views.json(reader, path, shown)).toBe(JSON.stringify(views.view(reader, path, shown)));
    }),
    { numRuns: 500 },
  );
});
