import { CallfsError, type Inode, type VirtualPath } from '@callfs/core';
import { entryEtagOf } from './etag';
import { holds, type WriteCondition } from './write-condition';

/** `PRECONDITION_FAILED` when `condition` does not hold for what is at `path` now (`null`: nothing). */
export function checkCondition(condition: WriteCondition | undefined, inode: Inode | null, path: VirtualPath): void {
  if (!condition || holds(condition, inode && entryEtagOf(inode), inode?.mtimeNs ?? 0n)) return;
  const state = inode ? `its ETag is ${entryEtagOf(inode)} now` : 'it does not exist';
  throw new CallfsError('PRECONDITION_FAILED', `A condition of the request does not hold for ${path.toString()}: ${state}.`, {
    details: { path: path.toString(), current_etag: inode && entryEtagOf(inode) },
  });
}
