import { CallfsError } from '@callfs/core';
import type { S3Options } from './s3-options';

const FULL = new Set(['QuotaExceeded', 'InsufficientStorage', 'XMinioStorageFull']);
const WRONG_KEYS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidToken',
]);

/** What a failed request means to the caller. Names of bucket and server stay in `cause`, for the log. */
export function s3Failure(doing: string, cause: unknown): CallfsError {
  if (FULL.has(nameOf(cause)) || statusOf(cause) === 507)
    return new CallfsError('INSUFFICIENT_STORAGE', 'The storage is full. Remove files or ask the operator for more space.', {
      cause,
    });
  return new CallfsError('BACKEND_UNAVAILABLE', `The object storage failed to ${doing}. Try again later.`, { cause });
}

/** Whether an object, or a part of one, is not there. A missing bucket is something else. */
export function isMissing(error: unknown): boolean {
  return ['NoSuchKey', 'NotFound', 'NoSuchUpload'].includes(nameOf(error));
}

/** Whether a range lies behind the end of its object. */
export function isOutside(error: unknown): boolean {
  return nameOf(error) === 'InvalidRange' || statusOf(error) === 416;
}

/** Whether the condition of a request did not hold, or somebody else's request on the same object was first. */
export function isConditionRefused(error: unknown): boolean {
  return statusOf(error) === 412 || statusOf(error) === 409;
}

/** Whether the server does not know what was asked of it. */
export function isNotImplemented(error: unknown): boolean {
  return statusOf(error) === 501;
}

/** For the operator: names the setting and the next step. */
export function startFailure({ bucketName, endpoint, region }: S3Options, cause: unknown): CallfsError {
  const at = endpoint ?? `Amazon S3 in ${region}`;
  return new CallfsError('BACKEND_UNAVAILABLE', describe(bucketName, at, cause), { cause });
}

function describe(bucket: string, at: string, cause: unknown): string {
  const name = nameOf(cause);
  const status = statusOf(cause);
  if (name === 'NoSuchBucket' || (name === 'NotFound' && status === 404))
    return `The bucket "${bucket}" does not exist at ${at}. Create it, or change backend.s3.bucket_name.`;
  if (WRONG_KEYS.has(name))
    return `${at} refused the credentials (${name}). Check backend.s3.access_key and backend.s3.secret_key.`;
  if (status === 403)
    return `Access to the bucket "${bucket}" at ${at} is forbidden (${name}). Allow these credentials to list it and to get, put and delete its objects.`;
  if (status === 301 || name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed')
    return `The bucket "${bucket}" is in another region. Change backend.s3.region.`;
  if (status === undefined) return `${at} cannot be reached (${name}). Check backend.s3.endpoint and that the server is up.`;
  if (name === 'Error') return `${at} does not answer as an S3 server does (status ${status}). Check backend.s3.endpoint.`;
  return `The bucket "${bucket}" at ${at} cannot be used (${name}, status ${status}). Check backend.s3.endpoint and its server.`;
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as NodeJS.ErrnoException;
  return error.name === 'Error' && code ? code : error.name;
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
}
