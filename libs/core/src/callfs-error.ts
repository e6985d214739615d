/**
 * Every condition a caller can meet, named for the condition and never for the operation that met it.
 * `apps/callfs/src/http/error-table.ts` gives each its HTTP status; a code without a row there does not compile.
 */
export type ErrorCode =
  | 'INVALID_PATH'
  | 'INVALID_REQUEST'
  | 'DIGEST_MISMATCH'
  | 'CHECKSUM_MISMATCH'
  | 'CONTENT_LENGTH_MISMATCH'
  | 'IS_A_DIRECTORY'
  | 'NOT_A_DIRECTORY'
  | 'PARENT_NOT_A_DIRECTORY'
  | 'ELOOP'
  | 'AUTHENTICATION_FAILED'
  | 'PERMISSION_DENIED'
  | 'FILE_NOT_FOUND'
  | 'ROUTE_NOT_FOUND'
  | 'KEY_NOT_FOUND'
  | 'USER_NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'REQUEST_TIMEOUT'
  | 'FILE_ALREADY_EXISTS'
  | 'USER_ALREADY_EXISTS'
  | 'DIRECTORY_NOT_EMPTY'
  | 'STALE_LOCK'
  | 'LINK_NOT_FOUND'
  | 'NODE_NOT_FOUND'
  | 'LINK_PASSWORD_REQUIRED'
  | 'LINK_GONE'
  | 'UPLOAD_NOT_FOUND'
  | 'UPLOAD_GONE'
  | 'UPLOAD_OFFSET_MISMATCH'
  | 'UPLOAD_TAKEN_OVER'
  | 'UNSUPPORTED_TUS_VERSION'
  | 'PRECONDITION_FAILED'
  | 'PAYLOAD_TOO_LARGE'
  | 'URI_TOO_LONG'
  | 'UNSUPPORTED_ENCODING'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'RANGE_NOT_SATISFIABLE'
  | 'LOCK_TIMEOUT'
  | 'RATE_LIMIT_EXCEEDED'
  | 'HEADERS_TOO_LARGE'
  | 'INTERNAL_ERROR'
  | 'PEER_UNAVAILABLE'
  | 'METADATA_UNAVAILABLE'
  | 'LOCKS_UNAVAILABLE'
  | 'BACKEND_UNAVAILABLE'
  | 'SHUTTING_DOWN'
  | 'INSUFFICIENT_STORAGE'
  | 'TOO_MANY_HOPS'
  /** What was read before a commit had changed at the commit; the use case reads again and retries. Never reaches a client as such. */
  | 'CONFLICT';

/** What an error tells beside its message: JSON values that are safe to show to the caller. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * The one error that libs and use cases throw on purpose. `message` is for the caller and says what to do next;
 * `cause` keeps the native failure for the log. It carries no HTTP status: Nest's default filter echoes such messages.
 */
export class CallfsError extends Error {
  override readonly name = 'CallfsError';
  readonly details: ErrorDetails;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: ErrorDetails } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details ?? {};
  }

  /** Whether `error` is a `CallfsError` with one of `codes` (any, when none is named). */
  static is(error: unknown, ...codes: ErrorCode[]): error is CallfsError {
    return error instanceof CallfsError && (codes.length === 0 || codes.includes(error.code));
  }
}
