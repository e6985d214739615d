import { WebSocket, type ClientOptions } from 'ws';
import { encodePath, type Client } from './client';

/** What a WebSocket was answered by: a refusal in plain HTTP, or what came over it. */
export interface SocketOutcome {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Of a refusal. */
  readonly text: string;
  readonly bytes: Buffer;
  /** The text frames. */
  readonly messages: readonly Record<string, unknown>[];
  readonly closeCode: number;
  /** The largest binary frame. */
  readonly largestFrame: number;
}

export interface SocketOptions extends ClientOptions {
  /** Called when the socket is open; what it throws fails the test. */
  readonly opened?: (socket: WebSocket) => Promise<void> | void;
}

export function socketUrl(server: { readonly url: string }, path: string, query: string): string {
  return `${server.url.replace(/^http/, 'ws')}/v1/files/ws${encodePath(path)}?${query}`;
}

/** Opens a WebSocket and waits for its end. */
export function overSocket(
  server: { readonly url: string },
  client: Client,
  path: string,
  query: string,
  { opened, headers, ...options }: SocketOptions = {},
): Promise<SocketOutcome> {
  const authorization: Record<string, string> = client.key === undefined ? {} : { authorization: `Bearer ${client.key}` };
  const socket = new WebSocket(socketUrl(server, path, query), { ...options, headers: { ...authorization, ...headers } });
  const frames: Buffer[] = [];
  const messages: Record<string, unknown>[] = [];
  let answer: SocketOutcome['headers'] = {};
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const { statusCode: status = 0, headers: fields } = response;
        resolve({ status, headers: fields, text, bytes: Buffer.alloc(0), messages, closeCode: 0, largestFrame: 0 });
      });
    });
    socket.on('upgrade', ({ headers: fields }) => (answer = fields));
    socket.on('open', () => void Promise.resolve(opened?.(socket)).catch(reject));
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) frames.push(data);
      else messages.push(JSON.parse(data.toString()) as Record<string, unknown>);
    });
    socket.on('error', () => undefined);
    socket.on('close', (closeCode) => {
      const largestFrame = Math.max(0, ...frames.map(({ length }) => length));
      resolve({ status: 101, headers: answer, text: '', bytes: Buffer.concat(frames), messages, closeCode, largestFrame });
    });
  });
}

const FRAME = 64 * 1024;

/** Sends bytes in frames of the largest size, waiting for each to be taken. */
export async function sendFrames(socket: WebSocket, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += FRAME) {
    await new Promise<void>((resolve, reject) =>
      socket.send(bytes.subarray(at, at + FRAME), { binary: true }, (error) => (error ? reject(error) : resolve())),
    );
  }
}
