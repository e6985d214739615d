import { once } from 'node:events';
import {
  createServer,
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * What goes wrong: another answer, a connection that ends, or stalls, after so many bytes of the answer's body, one that
 * drips, other bytes, an answer that is long in coming or waits for a promise, silence.
 */
export type Fault =
  | { readonly status: number; readonly body: string; readonly location?: string }
  | { readonly cutAfter: number }
  | { readonly stallAfter: number }
  | { readonly bytesPerSecond: number }
  | { readonly lateMs: number }
  | { readonly until: Promise<unknown> }
  | { readonly rewrite: (chunk: Buffer) => Buffer }
  | 'silence';

/** Stands between a client and an HTTP server and does to single requests what networks and servers do. */
export class FaultProxy {
  readonly seen: SeenRequest[] = [];
  /** Decides for each request; undefined lets it pass. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined;
  private readonly server: Server;

  private constructor(private readonly targetPort: number) {
    this.server = createServer((request, response) => this.handle(request, response));
  }

  static async start(targetPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    const seen = { method: request.method ?? '', path: request.url ?? '', headers: request.headers };
    this.seen.push(seen);
    const fault = this.fault(seen);
    if (fault === 'silence') return void request.resume();
    if (fault && 'status' in fault) {
      const headers = { 'content-type': 'application/xml', ...(fault.location && { location: fault.location }) };
      request.resume().on('end', () => response.writeHead(fault.status, headers).end(fault.body));
      return;
    }
    if (fault && 'lateMs' in fault) return void setTimeout(() => this.pass(request, response, seen, undefined), fault.lateMs);
    if (fault && 'until' in fault) return void fault.until.then(() => this.pass(request, response, seen, undefined));
    this.pass(request, response, seen, fault);
  }

  private pass(
    request: IncomingMessage,
    response: ServerResponse,
    seen: SeenRequest,
    fault: Exclude<Fault, 'silence' | { status: number } | { lateMs: number } | { until: Promise<unknown> }> | undefined,
  ): void {
    const onward = ask({ host: '127.0.0.1', port: this.targetPort, method: seen.method, path: seen.path, headers: seen.headers });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (fault && 'rewrite' in fault)
        answer.on('data', (chunk: Buffer) => response.write(fault.rewrite(chunk))).on('end', () => response.end());
      else if (fault && 'bytesPerSecond' in fault) drip(answer, response, fault.bytesPerSecond);
      else if (fault) passSome(answer, response, fault);
      // What breaks off there breaks off here.
      else answer.on('error', () => response.destroy()).pipe(response);
    });
    request.pipe(onward);
  }
}

function passSome(answer: IncomingMessage, response: ServerResponse, fault: { cutAfter: number } | { stallAfter: number }): void {
  let left = 'cutAfter' in fault ? fault.cutAfter : fault.stallAfter;
  answer.on('error', () => undefined);
  answer.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, left);
    left -= part.length;
    response.write(part, () => {
      if (left === 0 && 'cutAfter' in fault) response.destroy();
    });
    if (left === 0) answer.removeAllListeners('data').pause();
  });
}

function drip(answer: IncomingMessage, response: ServerResponse, bytesPerSecond: number): void {
  response.flushHeaders();
  // Ten times a second, where that is a byte at least.
  const drop = Math.max(1, Math.floor(bytesPerSecond / 10));
  const timer = setInterval(
    () => {
      const bytes = answer.read(drop) as Buffer | null;
      if (bytes) response.write(bytes);
    },
    (1_000 * drop) / bytesPerSecond,
  );
  answer.on('error', () => undefined).on('end', () => response.end());
  response.on('close', () => clearInterval(timer));
}
