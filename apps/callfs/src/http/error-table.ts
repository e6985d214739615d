import type { ErrorCode } from '@callfs/core';

export interface ErrorRow {
  readonly status: number;
  /** What the caller sees, where the condition has a name of its own inside. */
  readonly publicCode?: ErrorCode;
  /** `WWW-Authenticate` of a 401. */
  readonly challenge?: string;
  /** Seconds for `Retry-After`, unless the error's details say otherwise. */
  readonly retryAfter?: number;
  /** One sentence for the OpenAPI document. */
  readonly meaning: string;
}

/** Every condition and its status: the one place where errors become HTTP. A code without a row does not compile. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorRow>> = {
  INVALID_PATH: { status: 400, meaning: 'The path is not acceptable.' },
  INVALID_REQUEST: { status: 400, meaning: 'The request is malformed or contradicts itself.' },
  DIGEST_MISMATCH: { status: 400, meaning: 'The content is not what its digest says; nothing has changed.' },
  CONTENT_LENGTH_MISMATCH: {
    status: 400,
    publicCode: 'INVALID_REQUEST',
    meaning: 'The body was shorter or longer than announced.',
  },
  IS_A_DIRECTORY: { status: 400, meaning: 'The operation needs a file.' },
  NOT_A_DIRECTORY: { status: 400, meaning: 'The operation needs a directory.' },
  ELOOP: { status: 400, meaning: 'The path leads through more than 40 symbolic links.' },
  AUTHENTICATION_FAILED: { status: 401, challenge: 'Bearer', meaning: 'The API key is missing or wrong.' },
  LINK_PASSWORD_REQUIRED: {
    status: 401,
    challenge: 'Basic realm="CallFS link", charset="UTF-8"',
    meaning: 'The link has a password; it is missing or wrong.',
  },
  PERMISSION_DENIED: { status: 403, meaning: 'The permission bits do not allow it.' },
  FILE_NOT_FOUND: { status: 404, meaning: 'There is nothing at this path.' },
  LINK_NOT_FOUND: { status: 404, meaning: 'There is no such link.' },
  NODE_NOT_FOUND: { status: 404, meaning: 'No node of that name is registered.' },
  ROUTE_NOT_FOUND: { status: 404, meaning: 'The API has no such route.' },
  UPLOAD_NOT_FOUND: { status: 404, meaning: 'There is no such upload, or it is not yours.' },
  KEY_NOT_FOUND: { status: 404, meaning: 'There is no such API key.' },
  USER_NOT_FOUND: { status: 404, meaning: 'There is no such user.' },
  METHOD_NOT_ALLOWED: { status: 405, meaning: 'The route has no such method; `Allow` lists those it has.' },
  REQUEST_TIMEOUT: { status: 408, meaning: 'The client stopped sending.' },
  FILE_ALREADY_EXISTS: { status: 409, meaning: 'Something exists at this path already.' },
  USER_ALREADY_EXISTS: { status: 409, meaning: 'There is a user of this name.' },
  DIRECTORY_NOT_EMPTY: { status: 409, meaning: 'The directory is not empty.' },
  STALE_LOCK: { status: 409, meaning: 'The lock was lost before the commit; nothing has changed.' },
  PARENT_NOT_A_DIRECTORY: {
    status: 409,
    publicCode: 'NOT_A_DIRECTORY',
    meaning: 'A file stands where a parent directory is needed.',
  },
  UPLOAD_OFFSET_MISMATCH: { status: 409, meaning: 'The upload goes on at another offset.' },
  UPLOAD_TAKEN_OVER: { status: 409, meaning: 'Another request has taken the upload over.' },
  LINK_GONE: { status: 410, meaning: 'The link is used up, expired or revoked, or its file is not the same any more.' },
  UPLOAD_GONE: { status: 410, meaning: 'The upload has expired.' },
  PRECONDITION_FAILED: { status: 412, meaning: 'A condition of the request does not hold.' },
  UNSUPPORTED_TUS_VERSION: { status: 412, meaning: 'The request is not of tus 1.0.0.' },
  PAYLOAD_TOO_LARGE: { status: 413, meaning: 'The body is larger than allowed.' },
  URI_TOO_LONG: { status: 414, meaning: 'The URL is longer than 16 KiB.' },
  UNSUPPORTED_ENCODING: { status: 415, meaning: 'Only `Content-Encoding: identity` is accepted.' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, meaning: 'The route does not take this kind of body.' },
  RANGE_NOT_SATISFIABLE: { status: 416, meaning: 'No byte of the range exists.' },
  LOCK_TIMEOUT: { status: 423, retryAfter: 1, meaning: 'Another operation holds the lock.' },
  RATE_LIMIT_EXCEEDED: { status: 429, retryAfter: 1, meaning: 'Too many requests.' },
  HEADERS_TOO_LARGE: { status: 431, meaning: 'The headers are larger than 16 KiB.' },
  CHECKSUM_MISMATCH: { status: 460, meaning: 'The bytes are not what their checksum says; none of them was kept.' },
  INTERNAL_ERROR: { status: 500, meaning: 'A bug; the log has the cause under the request id.' },
  PEER_UNAVAILABLE: { status: 502, meaning: 'The node that has the content does not answer.' },
  METADATA_UNAVAILABLE: { status: 503, retryAfter: 2, meaning: 'The metadata store does not answer.' },
  LOCKS_UNAVAILABLE: { status: 503, retryAfter: 2, meaning: 'The lock service does not answer; reads go on.' },
  SHUTTING_DOWN: { status: 503, retryAfter: 2, meaning: 'The node is shutting down.' },
  BACKEND_UNAVAILABLE: { status: 503, retryAfter: 2, meaning: 'The storage backend does not answer.' },
  CONFLICT: { status: 503, publicCode: 'METADATA_UNAVAILABLE', retryAfter: 1, meaning: 'Too many changes at once; try again.' },
  INSUFFICIENT_STORAGE: { status: 507, meaning: 'The disk is full or a quota is used up.' },
  TOO_MANY_HOPS: { status: 508, meaning: 'Nodes send a request round in a circle; look at `peer_endpoints`.' },
};
