import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { CallfsError } from '@callfs/core';
import { errorAnswer, writeError } from './error-response';
import { Exchange, type ExchangeSettings } from './exchange';
import { linger } from './lingering-close';
import { newRequestId } from './request-id';

/** The methods that some route has, for requests that never come to one. */
const ALLOWED_METHODS = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT';
/** As much of a request line is looked at for its method. */
const METHOD_MAX_BYTES = 256;
/** `FLUSH`, `PLAY` and the like: the parser knows them, and that they are not of HTTP. */
const METHOD_OF_RTSP = 'Invalid method for HTTP/x.x request';
const LINGER_MS = 1_000;
const REFUSED = Symbol('callfs.refused');

/** What Node's parser reports: the reason and the bytes it stopped in. */
export interface ClientError extends Error {
  readonly code?: string;
  readonly reason?: string;
  readonly rawPacket?: Buffer;
}

/** A connection that was refused before there was a request. */
export interface Refusal {
  readonly requestId: string;
  readonly status: number;
  readonly remoteAddress: string;
}

/**
 * Answers what the HTTP parser rejects: JSON like every error, then the connection is closed, since nobody can tell
 * where the next request would begin (RFC 9112 §2.2). Resolves to what was refused when no request was known of it.
 */
export function answerClientError(error: ClientError, socket: Socket, settings: ExchangeSettings): Refusal | undefined {
  const connection = socket as Socket & { [REFUSED]?: boolean };
  if (connection[REFUSED] === true) return undefined;
  if (!socket.writable || !isOfParser(error) || socket.bytesRead === 0) {
    socket.destroy();
    return undefined;
  }
  connection[REFUSED] = true;
  if (Exchange.isOver(socket)) return undefined;
  const problem = problemOf(error);
  const exchange = Exchange.on(socket);
  if (exchange !== undefined) {
    refuseRest(exchange, problem);
    return undefined;
  }
  return refuseConnection(socket, problem, settings);
}

/**
 * Answers plain HTTP on a port of HTTPS, so that its sender need not guess why nothing comes back. `socket` is the
 * connection below TLS.
 */
export function answerPlainHttp(socket: Socket, settings: ExchangeSettings): Refusal {
  const message = 'This port speaks HTTPS. Begin the address with "https://".';
  return refuseConnection(socket, new CallfsError('INVALID_REQUEST', message), settings);
}

/** Answers a connection on which no request is under way, and closes it. */
function refuseConnection(socket: Socket, problem: CallfsError, settings: ExchangeSettings): Refusal {
  const requestId = newRequestId();
  const { status, body, headers } = errorAnswer(problem, requestId);
  const text = JSON.stringify(body);
  const fields = [...settings.heads.api, 'X-Request-ID', requestId, 'Date', new Date().toUTCString()];
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) fields.push(name, String(value));
  fields.push('Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(text)), 'Connection', 'close');
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`;
  socket.write(`${head}\r\n${text}`);
  linger(socket, LINGER_MS);
  return { requestId, status, remoteAddress: socket.remoteAddress ?? '' };
}

/** What any route would say to a method that it has not. */
export function unknownMethod(cause?: ClientError): CallfsError {
  const method = (cause && methodIn(cause)) ?? '';
  const capitals = method.toUpperCase();
  const isMiswritten = method !== capitals && ALLOWED_METHODS.split(', ').includes(capitals);
  const message = `There is no such method.${isMiswritten ? ' Methods are written in capitals.' : ''}`;
  return new CallfsError('METHOD_NOT_ALLOWED', message, { cause, details: { allow: ALLOWED_METHODS } });
}

/** The token (RFC 9110 §5.6.2) that a request line, or as much of it as has come, begins with. */
function methodIn({ rawPacket }: ClientError): string | undefined {
  return /^([!#$%&'*+\-.^`|~\w]+) \S+(?: HTTP\/|$)/.exec(rawPacket?.toString('latin1', 0, METHOD_MAX_BYTES) ?? '')?.[1];
}

/** Errors of the connection itself (a reset, a failed TLS handshake) leave nobody to answer. */
function isOfParser({ code }: ClientError): boolean {
  return code?.startsWith('HPE_') === true || code === 'ERR_HTTP_REQUEST_TIMEOUT';
}

/** The error is in the body of a request under way, or behind it: that request is answered, and is the last. */
function refuseRest(exchange: Exchange, problem: CallfsError): void {
  const { request, response } = exchange;
  const { socket } = request;
  response.shouldKeepAlive = false;
  if (request.complete) {
    if (response.headersSent) response.once('finish', () => socket.destroySoon());
    return;
  }
  exchange.hopeless = true;
  socket.destroySoon = () => linger(socket, LINGER_MS);
  writeError(exchange, problem);
}

function problemOf(error: ClientError): CallfsError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new CallfsError('HEADERS_TOO_LARGE', 'The headers are larger than 16 KiB.', { cause: error });
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new CallfsError('PAYLOAD_TOO_LARGE', 'The chunk extensions are too large.', { cause: error });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new CallfsError('REQUEST_TIMEOUT', 'The request did not arrive in time.', { cause: error });
    case 'HPE_INVALID_URL':
      return new CallfsError('INVALID_PATH', 'A URL is ASCII: percent-encode everything else ("é" is "%C3%A9", a space "%20").', {
        cause: error,
      });
    case 'HPE_INVALID_METHOD':
      if (methodIn(error)) return unknownMethod(error);
      break;
    case 'HPE_INVALID_CONSTANT':
      if (error.reason === METHOD_OF_RTSP) return unknownMethod(error);
      break;
  }
  return new CallfsError('INVALID_REQUEST', 'The request is not valid HTTP/1.1.', { cause: error });
}
