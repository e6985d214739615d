import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { CertificatePair } from '../config/startup/certificate';
import { connectionsOpen } from '../memory/heap-growth';
import type { ClientError } from './client-error';
import type { HttpFront } from './front';
import { HEADERS_MAX_BYTES } from './front';
import { ifStillSilent } from './idle-timeout';
import { URL_MAX_BYTES } from './request-target';
import { SocketRequest } from './sockets/socket-request';
import { responseTo } from './sockets/upgrade';

export type NodeServer = http.Server | https.Server;

/** Longer than load balancers keep a connection idle (AWS 60 s, nginx 75 s), so that they and not we close it first. */
export const KEEP_ALIVE_MS = 80_000;
const HEADERS_TIMEOUT_MAX_MS = 60_000;

export interface NodeServerOptions {
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** HTTPS when given. */
  readonly certificate?: Pick<CertificatePair, 'cert' | 'key'>;
}

/**
 * Node's server, strict about HTTP and bounded in what a client can hold: the head of a request has a size and a
 * deadline, everything after it only has to move (`idle-timeout.ts`), so a healthy transfer may take for ever. `connections`
 * are kept to hold those that are open.
 */
export function createNodeServer(options: NodeServerOptions, front: HttpFront, connections: Set<Socket>): NodeServer {
  const settings: http.ServerOptions = {
    // Both limits are checked exactly by the front, which can tell a long URL (414) from large headers (431).
    maxHeaderSize: URL_MAX_BYTES + HEADERS_MAX_BYTES + 8192,
    requireHostHeader: false,
    insecureHTTPParser: false,
    headersTimeout: Math.min(options.readTimeoutMs, HEADERS_TIMEOUT_MAX_MS),
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(2_000, options.readTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
    IncomingMessage: SocketRequest,
  };
  const server =
    options.certificate === undefined
      ? http.createServer(settings)
      : https.createServer({ ...settings, cert: options.certificate.cert, key: options.certificate.key, minVersion: 'TLSv1.2' });
  server.timeout = options.writeTimeoutMs;
  // Node drops what is above this number in silence; the bytes are bounded already.
  server.maxHeadersCount = 0;
  server.on('request', (request, response) => front.accept(request, response, false));
  server.on('checkContinue', (request, response) => front.accept(request, response, true));
  server.on('checkExpectation', (request, response) => front.accept(request, response, false));
  server.on('upgrade', (request, socket: Socket, head: Buffer) =>
    front.accept(request, responseTo(request, socket, head), false),
  );
  server.on('clientError', (error: ClientError, socket) => front.reject(error, socket as Socket));
  server.on('tlsClientError', (error: NodeJS.ErrnoException, secured: TLSSocket) => {
    if (error.code !== 'ERR_SSL_HTTP_REQUEST') return;
    // Clients at other addresses may have the same port.
    const { remoteAddress, remotePort } = secured;
    const isBelow = (open: Socket) =>
      !(open instanceof TLSSocket) && open.remotePort === remotePort && open.remoteAddress === remoteAddress;
    const socket = [...connections].find(isBelow);
    if (socket?.writable) front.plainHttp(socket);
  });
  server.on('timeout', (socket: Socket) => ifStillSilent(socket, () => front.silent(socket)));
  const note = (socket: Socket): void => {
    connections.add(socket);
    connectionsOpen(connections.size);
    socket.once('close', () => {
      connections.delete(socket);
      connectionsOpen(connections.size);
    });
    noteAddress(socket);
  };
  server.on('connection', note);
  server.on('secureConnection', note);
  return server;
}

/** Asked for once, a socket still knows its peer's address when it is closed and the access line is written. */
function noteAddress(socket: Socket): void {
  void socket.remoteAddress;
}
