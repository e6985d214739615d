import { once } from 'node:events';
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { CallfsError } from '@callfs/core';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Exchange } from '../exchange';
import type { Headers } from '../respond';

/** The largest message, in bytes, either way. */
export const FRAME_MAX_BYTES = 64 * 1024;

/** RFC 6455 §7.4.1. */
const GOING_AWAY = 1001;

const HANDED_OVER = Symbol('callfs.handed-over');
const SETTINGS = { noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: FRAME_MAX_BYTES };

interface HandedOver {
  [HANDED_OVER]?: { readonly socket: Socket; readonly head: Buffer };
}

/**
 * The response to a request that Node handed over with its connection: an ordinary one, so that it is routed, judged and
 * refused as every request is. It is the last on its connection.
 */
export function responseTo(request: IncomingMessage, socket: Socket, head: Buffer): ServerResponse {
  const response = new ServerResponse(request);
  (request as HandedOver)[HANDED_OVER] = { socket, head };
  socket.on('error', () => socket.destroy());
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => {
    response.detachSocket(socket);
    socket.destroySoon();
    response.emit('close');
  });
  return response;
}

/**
 * Turns the connection of a request into a WebSocket. `INVALID_REQUEST` when its handshake is none; then it can still be
 * answered. The exchange's signal is aborted when the socket is closed; that it is over, says `endExchange`.
 */
export function upgrade(exchange: Exchange, headers: Headers): Promise<WebSocket> {
  const { request, response, settings } = exchange;
  const { [HANDED_OVER]: handedOver } = request as HandedOver;
  if (!handedOver) throw new TypeError('this request does not ask for a WebSocket');
  const { socket, head } = handedOver;
  const server = new WebSocketServer(SETTINGS);
  return new Promise((resolve, reject) => {
    server.on('wsClientError', (cause) => {
      reject(new CallfsError('INVALID_REQUEST', 'This is no WebSocket handshake of version 13 (RFC 6455 §4.1).', { cause }));
    });
    server.on('headers', (lines: string[]) => {
      const { api } = settings.heads;
      for (let i = 0; i < api.length; i += 2) lines.push(`${api[i]}: ${api[i + 1]}`);
      lines.push(`X-Request-ID: ${exchange.requestId}`);
      for (const [name, value] of Object.entries(headers)) if (value !== undefined) lines.push(`${name}: ${String(value)}`);
      // It is no response any more.
      response.detachSocket(socket);
      socket.setTimeout(0);
    });
    server.handleUpgrade(request, socket, head, (webSocket) => {
      exchange.upgraded = { clean: false, leave: () => leave(webSocket) };
      // For whatever is between us and the client, and cuts silent connections.
      const ping = setInterval(() => webSocket.ping(), settings.readTimeoutMs / 2);
      webSocket.on('error', () => webSocket.terminate());
      webSocket.once('close', () => {
        clearInterval(ping);
        exchange.abort();
      });
      resolve(webSocket);
    });
  });
}

/** A client that was held back has to be heard to say goodbye. */
function leave(webSocket: WebSocket): void {
  webSocket.resume();
  webSocket.close(GOING_AWAY);
}

/** Resolves when the client has gone, and the request is noted in log and metrics. */
export async function endExchange({ response }: Exchange, webSocket: WebSocket): Promise<void> {
  if (webSocket.readyState !== webSocket.CLOSED) await once(webSocket, 'close');
  response.emit('close');
}
