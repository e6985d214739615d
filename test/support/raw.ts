import { connect, type Socket } from 'node:net';

/** One response as it came over the wire. */
export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  /** Lower-case names; a header sent twice has both values, with `, ` between. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** Whether the body came whole, as its framing promised. */
  readonly complete: boolean;
}

export interface RawExchange {
  readonly bytes: Buffer;
  readonly responses: readonly RawResponse[];
  /** The server ended the connection (or broke it) before we did. */
  readonly closed: boolean;
}

export interface RawOptions {
  /** How many final responses to wait for; default 1. 1xx are kept in `responses` but not counted. */
  readonly responses?: number;
  /** Go on until the server closes. */
  readonly untilClose?: boolean;
  /** Say that nothing more comes, after the last byte. */
  readonly halfClose?: boolean;
  /** Break off the connection (RST where the system allows) after the last byte. */
  readonly reset?: boolean;
  /** Requests of these positions were HEAD: their responses have no body. */
  readonly heads?: readonly number[];
  readonly timeoutMs?: number;
}

type Piece = string | Buffer | (() => Promise<unknown>);

/**
 * Sends exactly these bytes and reads what comes. A piece that is a function is awaited between the writes (to wait
 * for an event, or to go slowly). Text is sent as Latin-1: one character, one byte.
 */
export async function rawExchange(
  server: { host: string; port: number },
  pieces: Piece | readonly Piece[],
  options: RawOptions = {},
): Promise<RawExchange> {
  const socket = connect({ host: server.host, port: server.port, allowHalfOpen: true });
  const wanted = options.responses ?? 1;
  const received: Buffer[] = [];
  let closed = false;

  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      const bytes = Buffer.concat(received);
      resolve({ bytes, responses: parseResponses(bytes, options.heads), closed });
    };
    const timer = setTimeout(() => {
      socket.destroy();
      const seen = Buffer.concat(received).toString('latin1').slice(0, 500);
      reject(new Error(`No ${options.untilClose ? 'end' : 'answer'} within the time; received: ${JSON.stringify(seen)}`));
    }, options.timeoutMs ?? 60_000);
    const end = () => {
      closed = true;
      finish();
    };
    socket.on('data', (chunk) => {
      received.push(chunk);
      if (options.untilClose) return;
      const final = parseResponses(Buffer.concat(received), options.heads).filter(
        ({ status, complete }) => status >= 200 && complete,
      );
      if (final.length >= wanted) finish();
    });
    socket.once('end', end);
    // A reset is one way to close; what was received before it counts.
    socket.once('error', end);
    socket.once('close', end);
    socket.once('connect', () => {
      send(socket, pieces, options).catch((error: unknown) => {
        if (!socket.destroyed) reject(error instanceof Error ? error : new Error(String(error)));
      });
    });
  });
}

async function send(socket: Socket, pieces: Piece | readonly Piece[], options: RawOptions): Promise<void> {
  for (const piece of Array.isArray(pieces) ? (pieces as readonly Piece[]) : [pieces as Piece]) {
    if (typeof piece === 'function') await piece();
    else if (!socket.destroyed) await writeAll(socket, typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
  }
  if (options.reset) socket.resetAndDestroy();
  else if (options.halfClose) socket.end();
}

async function writeAll(socket: Socket, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    // A write that fails shows as the closing of the connection.
    socket.write(bytes, () => resolve());
  });
}

/** The text of a request: the line, `Host`, these headers, an empty line, the body. */
export function rawRequest(method: string, target: string, headers: Record<string, string | number> = {}, body = ''): string {
  const lines = Object.entries({ Host: 'callfs.test', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

/** Reads the responses that stand in `bytes`, one after the other; the last may be incomplete. */
export function parseResponses(bytes: Buffer, heads: readonly number[] = []): RawResponse[] {
  const responses: RawResponse[] = [];
  let at = 0;
  let final = 0;
  while (at < bytes.length) {
    const headEnd = bytes.indexOf('\r\n\r\n', at);
    if (headEnd < 0) break;
    const [line = '', ...fields] = bytes.toString('latin1', at, headEnd).split('\r\n');
    const match = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(line);
    if (!match) throw new Error(`Not a response: ${JSON.stringify(line.slice(0, 100))}`);
    const headers = new Map<string, string>();
    for (const field of fields) {
      const colon = field.indexOf(':');
      const name = field.slice(0, colon).toLowerCase();
      const value = field.slice(colon + 1).trim();
      headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
    }
    const status = Number(match[1]);
    const bodiless = status < 200 || status === 204 || status === 304 || (status >= 200 && heads.includes(final));
    if (status >= 200) final++;
    const body = bodiless ? { bytes: Buffer.alloc(0), end: headEnd + 4, complete: true } : readBody(bytes, headEnd + 4, headers);
    responses.push({ status, reason: match[2] ?? '', headers, body: body.bytes, complete: body.complete });
    at = body.end;
  }
  return responses;
}

function readBody(bytes: Buffer, start: number, headers: Map<string, string>): { bytes: Buffer; end: number; complete: boolean } {
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(bytes, start);
  const length = headers.get('content-length');
  // Without framing the end of the connection ends the body; it counts as whole.
  if (length === undefined) return { bytes: bytes.subarray(start), end: bytes.length, complete: true };
  const end = Math.min(bytes.length, start + Number(length));
  return { bytes: bytes.subarray(start, end), end, complete: end - start === Number(length) };
}

function readChunks(bytes: Buffer, start: number): { bytes: Buffer; end: number; complete: boolean } {
  const chunks: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return { bytes: Buffer.concat(chunks), end: bytes.length, complete: false };
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (next > bytes.length) return { bytes: Buffer.concat(chunks), end: bytes.length, complete: false };
    if (size === 0) return { bytes: Buffer.concat(chunks), end: next, complete: true };
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}
