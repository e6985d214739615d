import type { IncomingMessage } from 'node:http';
import { CallfsError } from '@callfs/core';
import { Exchange } from './exchange';

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
export async function* readBody(request: HttpRequest, maxBytes = 0): AsyncGenerator<Buffer, void, undefined> {
  const exchange = Exchange.of(request.raw);
  refuseTooLarge(request, maxBytes);
  if (!exchange.hasBody) return;
  continueIfExpected(request);
  const { readTimeoutMs, writeTimeoutMs } = exchange.settings;
  const { socket } = request.raw;
  if (readTimeoutMs !== writeTimeoutMs) socket.setTimeout(readTimeoutMs);
  exchange.settings.bodies.inFlight++;
  exchange.awaitsBody = true;
  try {
    for await (const chunk of request.raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      exchange.awaitsBody = false;
      exchange.bytesIn += chunk.length;
      if (maxBytes > 0 && exchange.bytesIn > maxBytes) throw tooLarge(maxBytes);
      yield chunk;
      exchange.awaitsBody = true;
    }
  } catch (error) {
    throw request.raw.complete || error instanceof CallfsError ? error : cutShort(error);
  } finally {
    exchange.awaitsBody = false;
    exchange.settings.bodies.inFlight--;
    if (readTimeoutMs !== writeTimeoutMs) socket.setTimeout(writeTimeoutMs);
  }
  if (!request.raw.complete) throw cutShort();
}

/** Of a body that is held as a whole. */
export const WHOLE_BODY_MAX_BYTES = 64 * 1024;

/** A body of so many announced bytes or fewer, as one chunk: as `readBody`, for a third of its cost. Taken once. */
export class WholeBody implements AsyncIterable<Buffer>, AsyncIterator<Buffer, undefined> {
  private isTaken: boolean;

  constructor(private readonly exchange: Exchange) {
    this.isTaken = !exchange.hasBody;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.isTaken) return { done: true, value: undefined };
    this.isTaken = true;
    return { done: false, value: await this.take() };
  }

  private take(): Promise<Buffer> {
    const { exchange } = this;
    const { request, settings } = exchange;
    const { readTimeoutMs, writeTimeoutMs } = settings;
    // Its client has gone away before anybody wanted it.
    if (request.destroyed) return Promise.reject(cutShort());
    if (readTimeoutMs !== writeTimeoutMs) request.socket.setTimeout(readTimeoutMs);
    settings.bodies.inFlight++;
    exchange.awaitsBody = true;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const over = (): boolean => {
        if (!exchange.awaitsBody) return false;
        exchange.awaitsBody = false;
        settings.bodies.inFlight--;
        if (readTimeoutMs !== writeTimeoutMs) request.socket.setTimeout(writeTimeoutMs);
        return true;
      };
      request.on('data', (chunk: Buffer) => {
        exchange.bytesIn += chunk.length;
        chunks.push(chunk);
      });
      request.on('end', () => {
        if (over()) resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
      });
      request.on('close', () => {
        if (over()) reject(cutShort());
      });
    });
  }
}

function cutShort(cause?: unknown): CallfsError {
  return new CallfsError('CONTENT_LENGTH_MISMATCH', 'The connection ended before the body did. Nothing was changed.', { cause });
}

function tooLarge(maxBytes: number): CallfsError {
  return new CallfsError('PAYLOAD_TOO_LARGE', `The body is larger than the ${maxBytes} bytes that are allowed here.`, {
    details: { max_bytes: maxBytes },
  });
}
