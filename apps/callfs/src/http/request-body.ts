import type { IncomingMessage } from 'node:http';
import { CallfsError } from '@callfs/core';
import { chunkReceived } from '../memory/received-chunks';
import { Exchange } from './exchange';
import type { BodyTaker, SocketRequest } from './sockets/socket-request';

type HttpRequest = { readonly raw: IncomingMessage };

/**
 * Lets a client that sent `Expect: 100-continue` send its body. To be called when nothing but the body can decide any
 * more: whoever refuses before saves the client the upload. `readBody` calls it; nothing else needs to.
 */
export function continueIfExpected(request: HttpRequest): void {
  const exchange = Exchange.of(request.raw);
  if (!exchange.awaitsContinue) return;
  exchange.awaitsContinue = false;
  exchange.response.writeContinue();
}

/** What the client announces: bytes, or `undefined` for a chunked body. 0 when there is none. */
export function announcedLength(request: HttpRequest): number | undefined {
  const { headers } = request.raw;
  if (headers['transfer-encoding'] !== undefined) return undefined;
  return Number(headers['content-length'] ?? 0);
}

/** `PAYLOAD_TOO_LARGE` when the client announces more than `maxBytes` (0: no limit). */
export function refuseTooLarge(request: HttpRequest, maxBytes: number): void {
  if (maxBytes > 0 && (announcedLength(request) ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

/**
 * The body as it arrives, read only as fast as it is taken. `PAYLOAD_TOO_LARGE` as soon as it passes `maxBytes`
 * (0: no limit), `CONTENT_LENGTH_MISMATCH` when the client goes away before its end. Taken once.
 */
export function readBody(request: HttpRequest, maxBytes = 0): AsyncIterableIterator<Buffer, undefined> {
  return new BodyReader(Exchange.of(request.raw), maxBytes);
}

/** So many bodies at once, and no more of each is read ahead than the kernel does. */
const CROWD = 64;
const OVER: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * Not a generator: those keep what they have handed on for as long as they wait for the next, and of a thousand slow uploads
 * that is most of what they take.
 */
class BodyReader implements AsyncIterableIterator<Buffer, undefined>, BodyTaker {
  private phase: 'new' | 'open' | 'over' = 'new';
  /** What came and was not asked for yet. */
  private came: Buffer[] = [];
  private isWhole = false;
  private isBroken = false;
  private asking: { resolve(result: IteratorResult<Buffer, undefined>): void; reject(error: Error): void } | undefined;

  constructor(
    private readonly exchange: Exchange,
    private readonly maxBytes: number,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.phase === 'new') this.begin();
    if (this.phase === 'over') return OVER;
    const { came, request } = this;
    const [first] = came;
    if (first !== undefined) {
      this.came = [];
      if (!this.isCrowded) request.readOn();
      return this.handed(came.length === 1 ? first : Buffer.concat(came));
    }
    if (this.isWhole || this.isBroken) return this.last();
    this.exchange.awaitsBody = true;
    return new Promise((resolve, reject) => {
      this.asking = { resolve, reject };
      request.readOn();
    });
  }

  /** Nothing more is wanted. Who waits for the next hears that it was not the end. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.close();
    this.answer(() => {
      throw cutShort();
    });
    return OVER;
  }

  take(chunk: Buffer): boolean {
    const { asking } = this;
    if (asking === undefined) {
      this.came.push(chunk);
      return false;
    }
    this.answer(() => this.handed(chunk));
    return !this.isCrowded;
  }

  ended(): void {
    this.isWhole = true;
    this.answer(() => this.last());
  }

  broken(): void {
    this.isBroken = true;
    this.answer(() => this.last());
  }

  private get request(): SocketRequest {
    return this.exchange.request as SocketRequest;
  }

  private get isCrowded(): boolean {
    return this.exchange.settings.bodies.inFlight > CROWD;
  }

  private begin(): void {
    const { exchange, request } = this;
    this.phase = 'over';
    refuseTooLarge({ raw: request }, this.maxBytes);
    if (!exchange.hasBody) return;
    continueIfExpected({ raw: request });
    const { readTimeoutMs, writeTimeoutMs, bodies } = exchange.settings;
    if (readTimeoutMs !== writeTimeoutMs) request.socket.setTimeout(readTimeoutMs);
    bodies.inFlight++;
    this.phase = 'open';
    // Whoever is gone before is not heard of again.
    if (request.destroyed) this.isBroken = true;
    else request.giveTo(this);
  }

  /** Once: what was begun is over. */
  private close(): void {
    const { exchange, request, phase } = this;
    this.phase = 'over';
    if (phase !== 'open') return;
    request.keep();
    this.came = [];
    exchange.awaitsBody = false;
    const { readTimeoutMs, writeTimeoutMs, bodies } = exchange.settings;
    bodies.inFlight--;
    if (readTimeoutMs !== writeTimeoutMs) request.socket.setTimeout(writeTimeoutMs);
  }

  private answer(result: () => IteratorResult<Buffer, undefined>): void {
    const { asking } = this;
    if (asking === undefined) return;
    this.asking = undefined;
    this.exchange.awaitsBody = false;
    try {
      asking.resolve(result());
    } catch (error) {
      asking.reject(error as Error);
    }
  }

  private handed(chunk: Buffer): IteratorResult<Buffer, undefined> {
    const { exchange, maxBytes } = this;
    exchange.bytesIn += chunk.length;
    chunkReceived(chunk.length);
    if (maxBytes > 0 && exchange.bytesIn > maxBytes) {
      this.close();
      throw tooLarge(maxBytes);
    }
    return { done: false, value: chunk };
  }

  private last(): IteratorReturnResult<undefined> {
    this.close();
    if (!this.isWhole) throw cutShort();
    return OVER;
  }
}

function cutShort(): CallfsError {
  return new CallfsError('CONTENT_LENGTH_MISMATCH', 'The connection ended before the body did. Nothing was changed.');
}

function tooLarge(maxBytes: number): CallfsError {
  return new CallfsError('PAYLOAD_TOO_LARGE', `The body is larger than the ${maxBytes} bytes that are allowed here.`, {
    details: { max_bytes: maxBytes },
  });
}
