import type { IncomingMessage } from 'node:http';
import { CallfsError } from '@callfs/core';
import type { Caller } from '../../use-cases/caller';
import type { Upload } from '../../use-cases/files.service';
import { continueIfExpected, readBody } from '../request-body';
import { writeCondition } from '../semantics/conditions';
import { readUploadHeaders } from '../semantics/upload-headers';

/** What a request that brings a new content asks for. Throws what `readUploadHeaders` and `writeCondition` throw. */
export function readUpload(request: { readonly raw: IncomingMessage }, caller: Caller, mode: Upload['mode']): Upload {
  const { headers } = request.raw;
  if (mode === 'put' && headers['x-callfs-copy-source'] !== undefined) throw copiedByPost();
  const { size, contentType, mode: permissions, mtimeNs, digests } = readUploadHeaders(headers);
  return {
    mode,
    body: { chunks: readBody(request), size, digests, signal: caller.signal },
    condition: writeCondition(headers),
    permissions,
    mtimeNs,
    contentType,
    accepted: () => continueIfExpected(request),
  };
}

/** Its empty body would replace the file that it was to copy to. */
function copiedByPost(): CallfsError {
  const message =
    'X-CallFS-Copy-Source copies with POST, not PUT; nothing was changed. "?overwrite=true" replaces what is there.';
  return new CallfsError('INVALID_REQUEST', message);
}

/** An upload in parts that begins here would make an empty file. `INVALID_REQUEST`. */
export function refuseTus(headers: IncomingMessage['headers']): void {
  if (headers['tus-resumable'] === undefined) return;
  const message = 'Uploads with Tus-Resumable begin with POST /v1/uploads, and Upload-Metadata has the path.';
  throw new CallfsError('INVALID_REQUEST', message);
}
