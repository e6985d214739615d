import { CallfsError } from '@callfs/core';
import { CHECKSUM_ALGORITHMS, type Checksum } from '../../use-cases/uploads/checksum';
import { parseTarget } from '../request-target';

export const TUS_VERSION = '1.0.0';
export const TUS_EXTENSIONS = 'creation,creation-with-upload,termination,checksum,expiration,concatenation';
/** The media type of bytes that belong to an upload. */
export const PART_MEDIA_TYPE = 'application/offset+octet-stream';
export const UPLOADS = '/v1/uploads';

const DIGEST_BYTES = { md5: 16, sha1: 20, sha256: 32, sha512: 64 } as const;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** `INVALID_REQUEST`; `PAYLOAD_TOO_LARGE` for more than any file can hold. */
export function parseUploadLength(value: string | undefined): number {
  if (value === undefined) {
    throw new CallfsError('INVALID_REQUEST', 'Upload-Length is missing: the length of an upload is said when it is begun.');
  }
  if (!/^\d+$/.test(value)) throw invalid('Upload-Length', 'a number of bytes in decimal digits');
  const size = Number(value);
  if (!Number.isSafeInteger(size)) throw new CallfsError('PAYLOAD_TOO_LARGE', 'Upload-Length is more than any file can hold.');
  return size;
}

/** `INVALID_REQUEST`. */
export function parseUploadOffset(value: string | undefined): number {
  if (value === undefined || !/^\d{1,16}$/.test(value)) throw invalid('Upload-Offset', 'the number of bytes that are stored');
  return Number(value);
}

/** What an `Upload-Metadata` field says, decoded. `INVALID_REQUEST`, also for a key that is there twice. */
export function parseUploadMetadata(value: string | undefined): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined || value.trim() === '') return metadata;
  for (const pair of value.split(',')) {
    const match = /^ *([\x21-\x2b\x2d-\x7e]+)(?: ([^ ]*))? *$/.exec(pair);
    const [, key, encoded = ''] = match ?? [];
    if (key === undefined || metadata.has(key) || !BASE64.test(encoded)) {
      throw invalid('Upload-Metadata', 'a list of different keys, each with its value in Base64: "path L2EvYg==,mtime MA=="');
    }
    metadata.set(key, decoded(key, encoded));
  }
  return metadata;
}

/** `INVALID_REQUEST` for an algorithm that we have not or a value that is none. */
export function parseUploadChecksum(value: string | undefined): Checksum | undefined {
  if (value === undefined) return undefined;
  const [name, encoded = ''] = value.split(' ');
  const algorithm = CHECKSUM_ALGORITHMS.find((candidate) => candidate === name);
  const digest = Buffer.from(encoded, 'base64');
  if (algorithm !== undefined && BASE64.test(encoded) && digest.length === DIGEST_BYTES[algorithm]) return { algorithm, digest };
  throw invalid('Upload-Checksum', `one of ${CHECKSUM_ALGORITHMS.join(', ')}, a space, and the digest in Base64`);
}

/** `partial`, or the ids of the uploads that a final one is made of, in order. `INVALID_REQUEST`. */
export function parseUploadConcat(value: string | undefined): 'partial' | readonly string[] | undefined {
  if (value === undefined || value === 'partial') return value;
  const expected = `"partial", or "final;" and the URLs of partial uploads such as ${UPLOADS}/…, with spaces between`;
  if (!value.startsWith('final;')) throw invalid('Upload-Concat', expected);
  const ids = value
    .slice('final;'.length)
    .split(' ')
    .filter((url) => url !== '')
    .map((url) => parseTarget(url).path);
  if (ids.length === 0 || !ids.every((path) => path.startsWith(`${UPLOADS}/`))) throw invalid('Upload-Concat', expected);
  return ids.map((path) => path.slice(UPLOADS.length + 1));
}

function decoded(key: string, encoded: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'));
  } catch (cause) {
    throw new CallfsError('INVALID_REQUEST', `"${key}" in Upload-Metadata is not UTF-8.`, { cause });
  }
}

function invalid(name: string, expected: string): CallfsError {
  return new CallfsError('INVALID_REQUEST', `${name} is not ${expected}.`);
}
