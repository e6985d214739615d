import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { CallfsError } from '@callfs/core';
import type { Identity } from '@callfs/auth';
import type { Deed } from '../use-cases/audit/audit-entry';
import type { AnswerHeads } from './base-headers';
import { newRequestId, traceIdOf } from './request-id';
import type { RequestTarget } from './request-target';
import type { Headers } from './respond';

const EXCHANGE = Symbol('callfs.exchange');
/** Of an answer that carries nothing beside what all do. */
export const NO_FIELDS: Headers = {};

/** What is the same for every request of a server. */
export interface ExchangeSettings {
  readonly heads: AnswerHeads;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** How many bodies are being received; for the metrics. */
  readonly bodies: { inFlight: number };
}

/** What `http/` knows of one request beside Node's own objects; made before routing, dropped when the answer is out. */
export class Exchange {
  readonly requestId = newRequestId();
  readonly startedAtMs = performance.now();
  /** Whether the request announces a body. */
  readonly hasBody: boolean;
  /** The client waits for `100 Continue` before it sends the body, and has not got it yet. */
  awaitsContinue: boolean;
  /** Someone waits for the next bytes of the body: silence is the client's. */
  awaitsBody = false;
  /** Nothing more of use will come from this client, so there is no point in reading on before the connection closes. */
  hopeless = false;
  /** The pattern of the route (`/v1/files/*`), for metrics; empty while none has matched. */
  route = '';
  /** Who asks, once the key was checked; null on open routes and before. */
  identity: Identity | null = null;
  /** For whom a peer asks, for the log alone: it gives no rights. */
  actingFor: string | undefined;
  /** It comes again and again by itself and tells nothing to whoever reads the access log. */
  isRoutine = false;
  /** Names and values that tell how often one may still ask, where that is limited. */
  limitFields: readonly string[] | undefined;
  /** Bytes of content that came in and went out. */
  bytesIn = 0;
  bytesOut = 0;
  /** What every answer to this request carries beside the fields that all have, errors included. */
  fields: Headers = NO_FIELDS;
  /** What a use case was about to do, for the audit log. */
  deed: Deed | undefined;
  /** The connection has become a WebSocket: whether its transfer came to its end, and how it is told to go away. */
  upgraded: { clean: boolean; readonly leave: () => void } | undefined;
  /** What went wrong while the client was there, for the log. */
  failure: unknown;
  private aborter: AbortController | undefined;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    readonly target: RequestTarget,
    readonly settings: ExchangeSettings,
    awaitsContinue: boolean,
  ) {
    const { headers } = request;
    const length = headers['content-length'];
    this.hasBody = headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
    this.awaitsContinue = awaitsContinue && this.hasBody;
    (request as Attached)[EXCHANGE] = this;
    (response as Attached)[EXCHANGE] = this;
    (request.socket as Attached)[EXCHANGE] = this;
  }

  static of(message: IncomingMessage | ServerResponse): Exchange {
    const exchange = (message as Attached)[EXCHANGE];
    if (exchange === undefined) throw new Error('This request did not come through the front of the HTTP server.');
    return exchange;
  }

  /** The exchange that a connection is busy with, if it is. */
  static on(socket: Socket): Exchange | undefined {
    const exchange = (socket as Attached)[EXCHANGE];
    return exchange === undefined || exchange.response.writableFinished ? undefined : exchange;
  }

  /** The exchange that was begun last on this connection. */
  static lastOn(socket: Socket): Exchange | undefined {
    return (socket as Attached)[EXCHANGE];
  }

  /** Whether any request has come over this connection. */
  static hasBegun(socket: Socket): boolean {
    return (socket as Attached)[EXCHANGE] !== undefined;
  }

  /** Whether the last answer on this connection is out and said that there would be no other. */
  static isOver(socket: Socket): boolean {
    const response = (socket as Attached)[EXCHANGE]?.response;
    return response !== undefined && !response.shouldKeepAlive && response.writableFinished;
  }

  /** The trace this request belongs to: the caller's when it sent a valid `traceparent`, else one of its own. */
  get traceId(): string {
    return traceIdOf(this.request.headers.traceparent as string | undefined) ?? this.requestId;
  }

  /** Aborted when the client goes away before it has the whole answer. Made when first asked for. */
  get signal(): AbortSignal {
    if (this.aborter === undefined) {
      this.aborter = new AbortController();
      if (this.response.destroyed && !this.response.writableFinished) this.abort();
    }
    return this.aborter.signal;
  }

  abort(): void {
    this.aborter?.abort(new Error('The client has gone away.'));
  }
}

/** Of a request that a handler has: its id, for use cases and locks. */
export function requestIdOf(request: { readonly raw: IncomingMessage }): string {
  return Exchange.of(request.raw).requestId;
}

/** Who asks. `AUTHENTICATION_FAILED` on an open route, where nobody has said. */
export function identityOf(request: { readonly raw: IncomingMessage }): Identity {
  const { identity } = Exchange.of(request.raw);
  if (identity === null) throw new CallfsError('AUTHENTICATION_FAILED', 'This needs an API key.');
  return identity;
}

/** Aborted when the client goes away before it has the whole answer. */
export function requestSignal(request: { readonly raw: IncomingMessage }): AbortSignal {
  return Exchange.of(request.raw).signal;
}

type Attached = { [EXCHANGE]?: Exchange };
