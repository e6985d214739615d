import { CallfsError, nsToMs, type EpochNs } from '@callfs/core';
import { isModifiedSince, matches, type WriteCondition } from '../../use-cases/write-condition';
import { opaqueTags, parseEntityTags, type EntityTags } from './entity-tags';
import { formatHttpDate, parseHttpDate } from './http-date';
import { field, type RequestFields } from './request-fields';

/** What the conditions of a GET or HEAD come to: send it, 304, or 412. */
export type ReadOutcome = 'send' | 'not-modified' | 'failed';

/**
 * Judges the conditions of a GET or HEAD that would otherwise be answered 2xx, in the order of RFC 9110 §13.2.2.
 * A malformed `If-Match` is `INVALID_REQUEST`: it guards something, and ignoring it would drop the guard. A malformed
 * `If-None-Match` or date only saves bytes and is ignored.
 */
export function judgeRead(fields: RequestFields, etag: string, mtimeNs: EpochNs): ReadOutcome {
  const ifMatch = field(fields, 'if-match');
  if (ifMatch !== undefined) {
    if (!matches(guardTags('If-Match', ifMatch), etag)) return 'failed';
  } else {
    const since = date(fields, 'if-unmodified-since');
    if (since !== undefined && isModifiedSince(mtimeNs, since)) return 'failed';
  }
  const ifNoneMatch = field(fields, 'if-none-match');
  if (ifNoneMatch !== undefined) return clientHas(ifNoneMatch, etag) ? 'not-modified' : 'send';
  const since = date(fields, 'if-modified-since');
  return since !== undefined && !isModifiedSince(mtimeNs, since) ? 'not-modified' : 'send';
}

/** Whether an `If-None-Match` of a GET names the representation with this tag; a malformed one names none. */
export function clientHas(ifNoneMatch: string, etag: string): boolean {
  const tags = parseEntityTags(ifNoneMatch);
  return tags !== undefined && matches(opaqueTags(tags), etag);
}

/**
 * Whether a `Range` counts beside this `If-Range` (RFC 9110 §13.1.5): absent, the very strong tag, or the very
 * `Last-Modified`. Otherwise the client holds bytes of another version and gets the whole content.
 */
export function rangeApplies(ifRange: string | undefined, etag: string, mtimeNs: EpochNs): boolean {
  return ifRange === undefined || ifRange === etag || ifRange === formatHttpDate(nsToMs(mtimeNs));
}

/** Reads the conditions of a write; `undefined` when there are none. `INVALID_REQUEST` for a malformed list of tags. */
export function writeCondition(fields: RequestFields): WriteCondition | undefined {
  const ifMatch = field(fields, 'if-match');
  const ifNoneMatch = field(fields, 'if-none-match');
  const ifUnmodifiedSinceMs = ifMatch === undefined ? date(fields, 'if-unmodified-since') : undefined;
  if (ifMatch === undefined && ifNoneMatch === undefined && ifUnmodifiedSinceMs === undefined) return undefined;
  return {
    ...(ifMatch !== undefined && { ifMatch: guardTags('If-Match', ifMatch) }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch: opaqueTags(guardTags('If-None-Match', ifNoneMatch)) }),
    ...(ifUnmodifiedSinceMs !== undefined && { ifUnmodifiedSinceMs }),
  };
}

function guardTags(name: string, value: string): EntityTags {
  const tags = parseEntityTags(value);
  if (tags === undefined) {
    throw new CallfsError(
      'INVALID_REQUEST',
      `${name} is neither * nor a list of entity tags; send the ETag as it was received, with its quotes.`,
    );
  }
  return tags;
}

/** A field whose value is no HTTP-date is to be ignored (RFC 9110 §13.1.3, §13.1.4). */
function date(fields: RequestFields, name: string): number | undefined {
  const value = field(fields, name);
  return value === undefined ? undefined : parseHttpDate(value);
}
