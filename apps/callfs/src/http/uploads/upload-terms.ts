import { CallfsError, parseEpochSeconds, parseRfc3339, VirtualPath, type EpochNs } from '@callfs/core';
import type { UploadTerms } from '../../use-cases/uploads/upload-record';
import { writeCondition } from '../semantics/conditions';
import type { RequestFields } from '../semantics/request-fields';
import { storedContentType } from '../semantics/stored-content-type';

/** The path that an upload's metadata names. `INVALID_REQUEST`, `INVALID_PATH`. */
export function uploadPath(metadata: ReadonlyMap<string, string>): VirtualPath {
  const path = metadata.get('path');
  if (path === undefined) {
    throw new CallfsError('INVALID_REQUEST', 'Upload-Metadata has no "path": it names the file that the upload becomes.');
  }
  return VirtualPath.fromText(path);
}

/** What the metadata and the conditions of the request that begins an upload say of the file. `INVALID_REQUEST`. */
export function uploadTerms(metadata: ReadonlyMap<string, string>, fields: RequestFields): UploadTerms {
  return {
    overwrite: flag(metadata.get('overwrite')),
    condition: writeCondition(fields),
    mtimeNs: mtime(metadata.get('mtime')),
    contentType: storedContentType(metadata.get('filetype')),
  };
}

function flag(value: string | undefined): boolean {
  if (value === undefined || value === 'false' || value === '0') return false;
  if (value === 'true' || value === '1' || value === '') return true;
  throw new CallfsError('INVALID_REQUEST', '"overwrite" in Upload-Metadata is neither true nor false.');
}

function mtime(value: string | undefined): EpochNs | undefined {
  if (value === undefined) return undefined;
  const time = parseRfc3339(value) ?? parseEpochSeconds(value);
  if (time !== undefined) return time;
  throw new CallfsError('INVALID_REQUEST', '"mtime" in Upload-Metadata is neither an RFC 3339 time nor seconds since 1970.');
}
