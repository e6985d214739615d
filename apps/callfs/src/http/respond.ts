import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BlobBody } from '@callfs/storage';
import type { FastifyReply } from 'fastify';
import { Exchange, NO_FIELDS } from './exchange';
import { closeAfterUnreadBody } from './lingering-close';
import { writeAtOnce } from './write-at-once';

/** Header fields by name; `undefined` leaves one out. */
export type Headers = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/**
 * Answers with bytes and resolves when the client has them, or is gone. `Content-Length` is to be among the headers of
 * a streamed body; a buffer brings its own. HEAD gets the head alone. A chunk's memory is its owner's again once the
 * next one is asked for, so each is handed to the system before that. A body that fails, or ends before its
 * `Content-Length`, breaks the connection: a short answer must never look whole.
 */
export function sendBody(reply: FastifyReply, status: number, headers: Headers, body: Buffer | BlobBody): void | Promise<void> {
  reply.hijack();
  const exchange = Exchange.of(reply.raw);
  if (Buffer.isBuffer(body)) {
    writeWhole(exchange, status, headers, body, exchange.settings.heads.file);
    return;
  }
  return writeStream(exchange, status, headers, body, exchange.settings.heads.file);
}

/** Answers with a document of ours that is made while it is sent, so that its length is not known. As `sendBody`. */
export function sendStream(reply: FastifyReply, status: number, headers: Headers, body: AsyncIterable<Buffer>): Promise<void> {
  reply.hijack();
  const exchange = Exchange.of(reply.raw);
  return writeStream(exchange, status, headers, body, exchange.settings.heads.api);
}

/** As `sendBody` and `sendEmpty`, for what comes past the router. */
export function answerWithStream(exchange: Exchange, status: number, headers: Headers, body: BlobBody): Promise<void> {
  return writeStream(exchange, status, headers, body, exchange.settings.heads.api);
}

export function answerWithHead(exchange: Exchange, status: number, headers: Headers): void {
  writeWhole(exchange, status, headers, null, exchange.settings.heads.api);
}

/** Answers with a JSON document. */
export function sendJson(reply: FastifyReply, status: number, value: unknown, headers: Headers = {}): void {
  reply.hijack();
  writeJson(Exchange.of(reply.raw), status, value, headers);
}

/** Answers as `sendBody` does, without the body: HEAD, and 304, whose fields a cache takes over into what it has. */
export function sendFileHead(reply: FastifyReply, status: number, headers: Headers): void {
  reply.hijack();
  const exchange = Exchange.of(reply.raw);
  writeWhole(exchange, status, headers, null, exchange.settings.heads.file);
}

/** Answers with a head alone: 201, 204, HEAD of what is no file. */
export function sendEmpty(reply: FastifyReply, status: number, headers: Headers = {}): void {
  reply.hijack();
  const exchange = Exchange.of(reply.raw);
  writeWhole(exchange, status, headers, null, exchange.settings.heads.api);
}

export function writeJson(exchange: Exchange, status: number, value: unknown, headers: Headers = {}): void {
  const body = Buffer.from(JSON.stringify(value));
  writeWhole(exchange, status, { 'Content-Type': 'application/json', ...headers }, body, exchange.settings.heads.api);
}

/** As `writeJson`, with a document that is ready. `headers` are of our own making: none of their values holds a line break. */
export function writeJsonText(exchange: Exchange, status: 200 | 201, json: string, headers: Headers): void {
  const { request, response, limitFields } = exchange;
  const isPlain = response.shouldKeepAlive && request.httpVersionMinor === 1 && request.complete && limitFields === undefined;
  if (!isPlain || exchange.fields !== NO_FIELDS) {
    const { api } = exchange.settings.heads;
    return writeWhole(exchange, status, { 'Content-Type': 'application/json', ...headers }, Buffer.from(json), api);
  }
  const length = Buffer.byteLength(json);
  let lines = `${exchange.settings.heads.apiLines}X-Request-ID: ${exchange.requestId}\r\nContent-Type: application/json\r\n`;
  for (const name in headers) if (headers[name] !== undefined) lines += `${name}: ${String(headers[name])}\r\n`;
  exchange.bytesOut += length;
  writeAtOnce(response, status, `${lines}Content-Length: ${length}\r\n`, [json]);
}

/** The head and all of the body in one packet. */
function writeWhole(exchange: Exchange, status: number, headers: Headers, body: Buffer | null, base: readonly string[]): void {
  const { response } = exchange;
  closeAfterUnreadBody(exchange);
  const head = headOf(exchange, headers, base);
  const hasNoBody = status === 204 || status === 304;
  // The head of a body that was never made does not know its length (RFC 9110 §9.3.2).
  const hasNoLength = hasNoBody || (body === null && exchange.request.method === 'HEAD');
  if (!hasNoLength && headers['Content-Length'] === undefined)
    head.push('Content-Length', String(body === null ? 0 : body.length));
  response.writeHead(status, head);
  if (body === null || hasNoBody || exchange.request.method === 'HEAD') {
    response.end();
  } else {
    exchange.bytesOut += body.length;
    response.end(body);
  }
}

async function writeStream(
  exchange: Exchange,
  status: number,
  headers: Headers,
  body: BlobBody,
  base: readonly string[],
): Promise<void> {
  const { response } = exchange;
  const chunks = body[Symbol.asyncIterator]();
  // What fails before the first byte is still answered with an error of its own.
  let next = await chunks.next();
  closeAfterUnreadBody(exchange);
  response.writeHead(status, headOf(exchange, headers, base));
  if (exchange.request.method === 'HEAD') {
    await chunks.return?.();
    response.end();
    return;
  }
  const length = Number(headers['Content-Length'] ?? Number.NaN);
  try {
    for (; !next.done; next = await chunks.next()) {
      if (!(await handOver(response, next.value))) return;
      exchange.bytesOut += next.value.length;
    }
    if (exchange.bytesOut < length) throw new Error(`The body ended after ${exchange.bytesOut} of ${length} bytes.`);
    response.end();
    if (!response.writableFinished && !response.destroyed) await once(response, 'close');
  } catch (error) {
    // A client that went away makes the body fail in many ways; none of them is worth a line in the log.
    if (response.destroyed) return;
    exchange.failure ??= error;
    response.destroy();
  } finally {
    await chunks.return?.();
  }
}

/** Writes a chunk and waits until the system has taken it; `false` when the client is gone. */
function handOver(response: ServerResponse, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve(false);
    // A destroyed socket drops its pending writes without calling back in every case, so `close` settles it too.
    const closed = () => resolve(false);
    response.once('close', closed);
    response.write(chunk, (error) => {
      response.removeListener('close', closed);
      resolve(error == null);
    });
  });
}

/** The fields of an answer as the flat list of names and values that `writeHead` takes on its fast path. */
function headOf(exchange: Exchange, headers: Headers, base: readonly string[]): string[] {
  const head = base.slice();
  head.push('X-Request-ID', exchange.requestId);
  if (exchange.limitFields !== undefined) head.push(...exchange.limitFields);
  addFields(head, exchange.fields);
  addFields(head, headers);
  return head;
}

function addFields(head: string[], fields: Headers): void {
  for (const name in fields) {
    const value = fields[name];
    // Node writes numbers and lists as well; its types only say so for objects.
    if (value !== undefined) head.push(name, value as string);
  }
}

/** The fields that every answer carries, for those who write to `reply.raw` themselves. */
export function baseHeaders(request: { readonly raw: IncomingMessage }): Record<string, string> {
  const exchange = Exchange.of(request.raw);
  const { api } = exchange.settings.heads;
  const headers: Record<string, string> = { 'X-Request-ID': exchange.requestId };
  for (let i = 0; i < api.length; i += 2) headers[api[i] ?? ''] = api[i + 1] ?? '';
  return headers;
}
