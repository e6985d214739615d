import type { Identity } from '@callfs/auth';
import { CallfsError, type Inode, type VirtualPath } from '@callfs/core';
import { entryEtagOf } from './etag';
import { mayKnowContent } from './may-know-content';
import { holds, type WriteCondition } from './write-condition';

/** No condition can name it. */
const UNTOLD_ETAG = '';

/**
 * `PRECONDITION_FAILED` when `condition` does not hold for what is at `path` now (`null`: nothing). To be asked after
 * everything else that can be refused: a condition counts only where the answer would be a success without it (RFC 9110
 * §13.2.1). The tag is not told, since whoever may write a file may not always read it; nor can it be guessed then, for
 * such a caller's tags match nothing.
 */
export function checkCondition(
  identity: Identity,
  condition: WriteCondition | undefined,
  inode: Inode | null,
  path: VirtualPath,
): void {
  if (!condition) return;
  const etag = inode && (mayKnowContent(identity, inode) ? entryEtagOf(inode) : UNTOLD_ETAG);
  if (holds(condition, etag, inode?.mtimeNs ?? 0n)) return;
  const state = inode ? 'it is there, and not in a state that was asked for' : 'it does not exist';
  throw new CallfsError(
    'PRECONDITION_FAILED',
    `A condition of the request does not hold for ${path.toString()}: ${state}. Nothing was changed; read it again.`,
    { details: { path: path.toString(), exists: inode !== null } },
  );
}
