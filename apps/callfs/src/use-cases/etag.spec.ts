import type { Content, Inode } from '@callfs/core';
import { expect, it } from 'vitest';
import { entryEtagOf, etagOf } from './etag';

const content: Content = {
  id: 46655,
  size: 1,
  sha256: '0123456789abcdef'.repeat(4),
  backend: 'localfs',
  instanceId: 'n1',
  inline: true,
  replicas: [],
};
const inode: Inode = {
  id: 36,
  type: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  nlink: 2,
  atimeNs: 0n,
  mtimeNs: 0n,
  ctimeNs: 0n,
  version: 71,
  content: null,
  contentType: null,
  target: null,
};

it('names a content by its number and digest', () => expect(etagOf(content)).toBe('"zzz-0123456789abcdef"'));

it('gives a file the tag of its content, whatever happens to its attributes', () => {
  expect(entryEtagOf({ ...inode, type: 'file', content })).toBe(etagOf(content));
  expect(entryEtagOf({ ...inode, type: 'file', content, version: 72, mtimeNs: 1n })).toBe(etagOf(content));
});

it('gives a directory a tag that changes with its row', () => {
  expect(entryEtagOf(inode)).toBe('"i10-1z"');
  expect(entryEtagOf({ ...inode, version: 72 })).not.toBe(entryEtagOf(inode));
});
