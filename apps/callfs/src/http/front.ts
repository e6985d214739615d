import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { CallfsError } from '@callfs/core';
import { answerClientError, answerPlainHttp, unknownMethod, type ClientError } from './client-error';
import { writeError } from './error-response';
import { onSilence } from './idle-timeout';
import { Exchange, type ExchangeSettings } from './exchange';
import { parseTarget, routedPath, URL_MAX_BYTES } from './request-target';
import type { SocketRequest } from './sockets/socket-request';
import { framingFault } from './semantics/request-framing';
import { WaitingLine } from './waiting-line';

/** All header fields together, names and values, in bytes. */
export const HEADERS_MAX_BYTES = 16 * 1024;

/** Told of every request once its answer is out or its client gone. */
export interface ExchangeObserver {
  finished(exchange: Exchange): void;
  refused(refusal: { requestId: string; status: number; remoteAddress: string }): void;
}

/** Answers what needs no router. */
export interface QuickAnswer {
  /** Whether it has answered, or will, or will call `otherwise` when it finds that it cannot; if not, nothing has happened. */
  answer(exchange: Exchange, otherwise: () => void): boolean;
}

/** Answers what nodes ask of each other. */
export interface InternalAnswer {
  /** Whether the request is one of those, which are then answered here and by no route. */
  answer(exchange: Exchange): boolean;
}

/**
 * Where every request enters, before any framework: it gets its exchange, what no route may see is refused, and the
 * router is shown a URL it cannot misread. The listener of the server's `request`, `checkContinue` and `clientError`.
 */
export class HttpFront {
  /** Set when the server stops: every answer is the last on its connection. */
  draining = false;
  /** The router; set when it exists, before the server listens. */
  route: RequestListener = () => undefined;
  observer: ExchangeObserver | undefined;
  /** By method. */
  readonly quick = new Map<string, QuickAnswer>();
  internal: InternalAnswer | undefined;
  /** One function for all responses, not a closure for each. */
  private readonly onClose: (this: ServerResponse) => void;

  constructor(private readonly settings: ExchangeSettings) {
    const finished = (exchange: Exchange): void => this.observer?.finished(exchange);
    this.onClose = function (this: ServerResponse) {
      const exchange = Exchange.of(this);
      // Answered for its silence or nonsense, a client is done with although a handler may still wait for its body.
      if (!this.writableFinished || exchange.awaitsBody) exchange.abort();
      finished(exchange);
    };
  }

  accept(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const { socket } = request;
    if (socket.destroyed || Exchange.isOver(socket)) return;
    if (response.socket === null) {
      this.acceptInTurn(request, response, awaitsContinue);
      return;
    }
    const url = request.url ?? '/';
    const target = parseTarget(url);
    const exchange = new Exchange(request, response, target, this.settings, awaitsContinue);
    response.on('close', this.onClose);
    if (this.draining) response.shouldKeepAlive = false;
    const problem = refusal(request, url, target.path);
    if (problem !== undefined) {
      response.shouldKeepAlive = false;
      writeError(exchange, problem);
      return;
    }
    const opensSocket = (request as SocketRequest).upgrade;
    const goOn = (): void => {
      request.url = routedPath(target.path, opensSocket);
      this.route(request, response);
    };
    if (!opensSocket && (this.quick.get(request.method ?? '')?.answer(exchange, goOn) || this.internal?.answer(exchange))) return;
    goOn();
  }

  /**
   * A request that was sent without waiting for the answer to the one before it begins when that is over: it may depend
   * on it (RFC 9112 §9.3.2), and Node would never tell that the client is gone before it has given the connection to its
   * answer. When that was the last on its connection, it never begins.
   */
  private acceptInTurn(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const { socket } = request;
    const current = Exchange.lastOn(socket);
    if (current === undefined) return;
    WaitingLine.on(socket).join(response, current.response, () => this.accept(request, response, awaitsContinue));
  }

  reject(error: ClientError, socket: Socket): void {
    const refused = answerClientError(error, socket, this.settings);
    if (refused !== undefined) this.observer?.refused(refused);
  }

  /** A connection to a port of HTTPS began with plain HTTP. */
  plainHttp(socket: Socket): void {
    this.observer?.refused(answerPlainHttp(socket, this.settings));
  }

  /** A connection has been silent for its timeout. */
  silent(socket: Socket): void {
    if (!Exchange.hasBegun(socket) && socket.bytesRead > 0) this.reject(headTimeout(), socket);
    else onSilence(socket);
  }
}

/** What Node reports when a head does not end in time. */
function headTimeout(): ClientError {
  return Object.assign(new Error('The head of the request did not end.'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
}

function refusal(request: IncomingMessage, url: string, path: string): CallfsError | undefined {
  // Its target is no path, and there is no tunnel to be had here.
  if (request.method === 'CONNECT') return unknownMethod();
  if (url.length > URL_MAX_BYTES) return new CallfsError('URI_TOO_LONG', 'The URL is longer than 16 KiB.');
  if (headerBytes(request.rawHeaders) > HEADERS_MAX_BYTES) {
    return new CallfsError('HEADERS_TOO_LARGE', 'The headers are larger than 16 KiB.');
  }
  const fault = framingFault(request.rawHeaders, request.httpVersion);
  if (fault !== undefined) return new CallfsError('INVALID_REQUEST', `The request cannot be read in one way only: ${fault}.`);
  if (url.includes('#'))
    return new CallfsError('INVALID_REQUEST', 'A URL is sent without its fragment; write "#" in a name as "%23".');
  if (path.charCodeAt(0) !== 0x2f) return new CallfsError('INVALID_REQUEST', 'The request target is not a path.');
  if ((request as SocketRequest).isHasty)
    return new CallfsError(
      'INVALID_REQUEST',
      'A connection becomes a WebSocket once all before is answered. Ask on one of its own.',
    );
  return undefined;
}

function headerBytes(rawHeaders: readonly string[]): number {
  let bytes = 0;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}
