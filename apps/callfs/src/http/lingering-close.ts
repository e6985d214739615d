import type { Socket } from 'node:net';
import type { Exchange } from './exchange';

/** A body this small that was not wanted is read to its end instead of closing the connection. */
const SMALL_BODY_BYTES = 64 * 1024;
const LINGER_MS = 5_000;
const LINGER_BYTES = 64 * 1024 * 1024;

/**
 * To be called before the head of an answer is written. When the client is still sending a body that nobody wants
 * (or waits for a `100 Continue` it will not get), the answer says `Connection: close`, and the connection is closed
 * in a way that lets the client read it.
 */
export function closeAfterUnreadBody(exchange: Exchange): void {
  const { request, response } = exchange;
  if (!exchange.hasBody || request.complete) return;
  const length = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY);
  // Whoever still waits for the body holds on to it, so that it cannot be read away.
  const mayBeReadAway = !exchange.awaitsContinue && !exchange.awaitsBody && !exchange.hopeless;
  if (length <= SMALL_BODY_BYTES && response.shouldKeepAlive && mayBeReadAway) {
    request.resume();
    return;
  }
  response.shouldKeepAlive = false;
  const { socket } = request;
  // Once it is answered Node forgets the request: whoever still reads its body would never hear that the client is gone.
  socket.once('close', () => request.destroy());
  if (exchange.hopeless) return;
  // Node closes the connection of a last response with `destroySoon`; see resOnFinish in lib/_http_server.js.
  socket.destroySoon = () => {
    request.on('end', () => socket.destroy());
    request.on('error', () => socket.destroy());
    request.resume();
    linger(socket, LINGER_MS);
  };
}

/**
 * Ends our side and lets what still comes in pass, for a bounded time and amount, before the socket is closed. Closing
 * at once would make the kernel answer the unread bytes with a reset, which takes the answer away from the client
 * (RFC 9112 §9.6).
 */
export function linger(socket: Socket, forMs: number): void {
  socket.end();
  const enough = socket.bytesRead + LINGER_BYTES;
  const until = performance.now() + forMs;
  const watch = setInterval(() => {
    if (socket.bytesRead > enough || performance.now() > until) socket.destroy();
  }, 50);
  watch.unref();
  socket.once('close', () => clearInterval(watch));
}
