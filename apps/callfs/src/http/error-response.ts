import { HttpException } from '@nestjs/common';
import { CallfsError, type ErrorCode } from '@callfs/core';
import { ERROR_TABLE } from './error-table';
import type { Exchange } from './exchange';
import { writeJson, type Headers } from './respond';

/** An error as the client sees it. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/** What the framework's own refusals come to: the only statuses that it answers with before a handler runs. */
const FRAMEWORK_CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'INVALID_REQUEST',
  404: 'ROUTE_NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'PAYLOAD_TOO_LARGE',
  414: 'URI_TOO_LONG',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  431: 'HEADERS_TOO_LARGE',
};

/** Everything that can be thrown as a `CallfsError`; what nobody foresaw is an `INTERNAL_ERROR` that says nothing of itself. */
export function asCallfsError(error: unknown): CallfsError {
  if (error instanceof CallfsError) return error;
  const status = frameworkStatus(error);
  const code = status === undefined ? undefined : FRAMEWORK_CODES[status];
  if (code !== undefined) return new CallfsError(code, ERROR_TABLE[code].meaning, { cause: error });
  return new CallfsError('INTERNAL_ERROR', 'Something went wrong inside. Quote the request id to the operator.', {
    cause: error,
  });
}

function frameworkStatus(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  // Fastify's errors; nothing else may choose its own status.
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  return typeof code === 'string' && code.startsWith('FST_') && typeof statusCode === 'number' ? statusCode : undefined;
}

/** `details` add to the body and never replace its three fields; `retry_after` and `allow` among them become headers too. */
export function errorAnswer(error: CallfsError, requestId: string): ErrorAnswer {
  const row = ERROR_TABLE[error.code];
  const { code: _code, message: _message, request_id: _id, ...details } = jsonSafe(error.details);
  const retryAfter = typeof details.retry_after === 'number' ? Math.ceil(details.retry_after) : row.retryAfter;
  return {
    status: row.status,
    body: { code: row.publicCode ?? error.code, message: error.message, request_id: requestId, ...details },
    headers: {
      'Retry-After': retryAfter,
      ...(error.code === 'RATE_LIMIT_EXCEEDED' ? rateLimitFields(details) : {}),
      Allow: typeof details.allow === 'string' ? details.allow : undefined,
      'WWW-Authenticate': row.challenge,
      'Content-Range': row.status === 416 && typeof details.size === 'number' ? `bytes */${details.size}` : undefined,
    },
  };
}

/** How often one may ask at once, how often still, and in how many seconds that often again. */
function rateLimitFields({ limit, remaining, retry_after: retryAfter, reset = retryAfter }: Record<string, unknown>): Headers {
  const text = (value: unknown) => (typeof value === 'number' ? String(value) : undefined);
  return { 'X-RateLimit-Limit': text(limit), 'X-RateLimit-Remaining': text(remaining), 'X-RateLimit-Reset': text(reset) };
}

/** Details as JSON can carry them: a `bigint` becomes a string, what JSON cannot hold is dropped. */
function jsonSafe(details: CallfsError['details']): Record<string, unknown> {
  try {
    const text = JSON.stringify(details, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Answers with an error; once the head is out, breaks the connection instead, so that no short answer looks whole. */
export function writeError(exchange: Exchange, thrown: unknown): void {
  const { response } = exchange;
  // Nobody is there to be told, and what a vanished client makes fail is no fault of ours.
  if (response.destroyed || response.writableEnded) return;
  exchange.failure ??= thrown;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const error = asCallfsError(thrown);
  const { status, body, headers } = errorAnswer(error, exchange.requestId);
  // It tells of the limit that was met, which may be another.
  if (error.code === 'RATE_LIMIT_EXCEEDED') exchange.limitFields = undefined;
  // What a handler may have set before it failed does not belong to this answer.
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  writeJson(exchange, status, body, headers);
}
