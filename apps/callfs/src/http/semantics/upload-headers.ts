import { CallfsError, parseEpochSeconds, parseRfc3339, VirtualPath, type EpochNs } from '@callfs/core';
import type { ExpectedDigests } from '../../use-cases/digest-check';
import { expectedDigests } from './digest-fields';
import { field, type RequestFields } from './request-fields';
import { storedContentType } from './stored-content-type';

/** What the header of an upload says about the file that it makes. */
export interface UploadHeaders {
  /** Bytes; absent when the body is chunked. */
  readonly size?: number;
  readonly contentType: string | null;
  /** Permission bits (`07777`). */
  readonly mode?: number;
  readonly mtimeNs?: EpochNs;
  readonly digests?: ExpectedDigests;
}

/** Reads them all. `INVALID_REQUEST`, `UNSUPPORTED_ENCODING`, `PAYLOAD_TOO_LARGE`, `DIGEST_MISMATCH`. */
export function readUploadHeaders(fields: RequestFields): UploadHeaders {
  requireIdentity(field(fields, 'content-encoding'));
  requireWhole(field(fields, 'content-range'));
  return {
    size: parseContentLength(field(fields, 'content-length')),
    contentType: storedContentType(field(fields, 'content-type')),
    mode: parseMode(field(fields, 'x-callfs-mode')),
    mtimeNs: clientMtime(fields),
    digests: expectedDigests(fields),
  };
}

/** The source of a server-side copy: `X-CallFS-Copy-Source`, percent-encoded as a URL's path is. `INVALID_PATH`. */
export function copySource(fields: RequestFields): VirtualPath | undefined {
  const value = field(fields, 'x-callfs-copy-source');
  return value === undefined ? undefined : VirtualPath.fromUrl(value);
}

/** Digits only: `Number` would also read `0x10`, `1e3` and a sign. */
export function parseContentLength(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d+$/.test(value))
    throw new CallfsError('INVALID_REQUEST', 'Content-Length is not a number of bytes in decimal digits.');
  const size = Number(value);
  if (!Number.isSafeInteger(size)) throw new CallfsError('PAYLOAD_TOO_LARGE', 'Content-Length is more than any file can hold.');
  return size;
}

/** An octal mode as `chmod` takes it, with or without a leading zero. */
export function parseMode(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^0?[0-7]{1,4}$/.test(value)) {
    throw new CallfsError('INVALID_REQUEST', 'X-CallFS-Mode is not an octal mode from 0 to 07777, such as 0640.');
  }
  return Number.parseInt(value, 8);
}

function clientMtime(fields: RequestFields): EpochNs | undefined {
  const own = field(fields, 'x-callfs-mtime');
  if (own !== undefined) {
    return parseRfc3339(own) ?? parseEpochSeconds(own) ?? refuseTime('X-CallFS-MTime', 'an RFC 3339 time or seconds');
  }
  const ownCloud = field(fields, 'x-oc-mtime');
  return ownCloud === undefined ? undefined : (parseEpochSeconds(ownCloud) ?? refuseTime('X-OC-Mtime', 'seconds'));
}

function refuseTime(name: string, expected: string): never {
  throw new CallfsError('INVALID_REQUEST', `${name} is not ${expected} since 1970-01-01T00:00:00Z, between 1678 and 2262.`);
}

function requireIdentity(contentEncoding: string | undefined): void {
  if (contentEncoding === undefined) return;
  const codings = contentEncoding.split(',').map((coding) => coding.trim().toLowerCase());
  if (codings.every((coding) => coding === '' || coding === 'identity')) return;
  throw new CallfsError(
    'UNSUPPORTED_ENCODING',
    'Content-Encoding is not supported: a file is stored as it is sent. Leave the header out to store the encoded bytes themselves.',
  );
}

/** A part stored as if it were everything would destroy the rest (RFC 9110 §14.5). */
function requireWhole(contentRange: string | undefined): void {
  if (contentRange === undefined) return;
  throw new CallfsError(
    'INVALID_REQUEST',
    'Content-Range says that the body is a part, and a file is replaced as a whole. Send all of it, without the header.',
  );
}
