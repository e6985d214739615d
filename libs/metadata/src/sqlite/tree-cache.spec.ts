import type { Inode } from '@callfs/core';
import { beforeEach, expect, it } from 'vitest';
import { inodeOfTuple, type InodeTuple } from '../inode-row';
import { TreeCache } from './tree-cache';

let cache: TreeCache;

beforeEach(() => {
  cache = new TreeCache({ entries: 4, bytes: 1000 });
});

function row(id: number, content: number, version: number): InodeTuple {
  const blob = [content, 'blob', '', 'localfs', 'node-1', '[]'] as const;
  return [id, 'file', 0o644, 0, 0, 1, 1, '0', '0', '0', version, null, null, ...blob];
}

function file(id: number, content: number, version = 1): Inode {
  return inodeOfTuple(row(id, content, version));
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
  cache.apply([['inode', row(1, 11, 2)]]);
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
