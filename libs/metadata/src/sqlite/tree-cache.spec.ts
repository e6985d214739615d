import type { Content, Inode } from '@callfs/core';
import { beforeEach, expect, it } from 'vitest';
import { TreeCache } from './tree-cache';

let cache: TreeCache;

beforeEach(() => {
  cache = new TreeCache({ entries: 4, bytes: 1000 });
});

function file(id: number, content: number, version = 1): Inode {
  const place = { backend: 'localfs', instanceId: 'node-1', inline: false, replicas: [] };
  const blob: Content = { id: content, size: 1, sha256: '', ...place };
  const times = { atimeNs: 0n, mtimeNs: 0n, ctimeNs: 0n };
  const owner = { mode: 0o644, uid: 0, gid: 0, nlink: 1 };
  return { id, type: 'file', size: 1, version, content: blob, contentType: null, target: null, ...owner, ...times };
}

const kept = (...ids: number[]) => ids.filter((id) => cache.inode(id) !== undefined);

it('forgets every inode whose content has moved, and no other', () => {
  for (const [id, content] of [
    [1, 10],
    [2, 20],
    [3, 10],
  ] as const)
    cache.keepInode(file(id, content));
  cache.apply([['content moved', 10]]);
  expect(kept(1, 2, 3)).toEqual([2]);
  cache.apply([['content moved', 99]]);
  expect(kept(2)).toEqual([2]);
});

it('knows the content that an inode has now, not the one it had', () => {
  cache.keepInode(file(1, 10));
  cache.apply([['inode', file(1, 11, 2)]]);
  cache.apply([['content moved', 10]]);
  expect(kept(1)).toEqual([1]);
  cache.apply([['content moved', 11]]);
  expect(kept(1)).toEqual([]);
});

it('still knows it after the inode was touched, kept again, or forgotten and read again', () => {
  cache.keepInode(file(1, 10));
  cache.apply([['touched', 1, 2, 1, 5n]]);
  cache.keepInode(file(1, 10, 2));
  cache.apply([['gone', 1]]);
  cache.keepInode(file(1, 10, 3));
  cache.apply([['content moved', 10]]);
  expect(kept(1)).toEqual([]);
});

it('keeps nothing of inodes that had to make room', () => {
  for (let id = 1; id <= 8; id++) cache.keepInode(file(id, 10));
  expect(kept(1, 2, 3, 4, 5, 6, 7, 8)).toEqual([5, 6, 7, 8]);
  cache.apply([['content moved', 10]]);
  expect(kept(5, 6, 7, 8)).toEqual([]);
});
