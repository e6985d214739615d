import { nsToMs, type EpochNs } from '@callfs/core';

/**
 * What a writer demands of the state it changes, as plain data: judged once before the body is read and again in the
 * commit. Tags have their quotes; `ifNoneMatch` has lost its `W/`, for it compares weakly, and `ifMatch` keeps it,
 * for it compares strongly and a weak tag matches nothing.
 */
export interface WriteCondition {
  readonly ifMatch?: readonly string[] | '*';
  readonly ifNoneMatch?: readonly string[] | '*';
  /** Whole seconds. Absent when `ifMatch` is present, which takes precedence. */
  readonly ifUnmodifiedSinceMs?: number;
}

/**
 * Whether `condition` holds for the entry whose tag is `etag`, or for its absence (`null`): RFC 9110 §13.2.2, where a
 * failed condition of a write is always 412. A time says nothing about what does not exist and is ignored then.
 */
export function holds(condition: WriteCondition, etag: string | null, mtimeNs: EpochNs): boolean {
  const { ifMatch, ifNoneMatch, ifUnmodifiedSinceMs } = condition;
  if (ifMatch !== undefined && !matches(ifMatch, etag)) return false;
  if (ifUnmodifiedSinceMs !== undefined && etag !== null && isModifiedSince(mtimeNs, ifUnmodifiedSinceMs)) return false;
  return ifNoneMatch === undefined || !matches(ifNoneMatch, etag);
}

/** Whether something exists and, unless `tags` is `*`, is one of them. */
export function matches(tags: readonly string[] | '*', etag: string | null): boolean {
  return etag !== null && (tags === '*' || tags.includes(etag));
}

/** Whether `mtimeNs`, in the whole seconds that `Last-Modified` tells, is later than `sinceMs`. */
export function isModifiedSince(mtimeNs: EpochNs, sinceMs: number): boolean {
  return Math.floor(nsToMs(mtimeNs) / 1000) * 1000 > sinceMs;
}
