import type { Socket } from 'node:net';
import { CallfsError } from '@callfs/core';
import { writeError } from './error-response';
import { Exchange } from './exchange';

/**
 * Calls `silent` unless the connection turns out not to be: after a pause of this process (a machine that is busy, or was
 * stopped) timers come before what has arrived meanwhile.
 */
export function ifStillSilent(socket: Socket, silent: () => void): void {
  const { bytesRead, bytesWritten, writableLength } = socket;
  setImmediate(() => {
    if (socket.destroyed || socket.bytesRead !== bytesRead) return;
    if (socket.bytesWritten === bytesWritten && socket.writableLength === writableLength) silent();
  });
}

/**
 * Called when a connection has been silent in both directions for its timeout. Whose silence is it? Between requests,
 * the client's: close. While it does not read its answer: break. While we wait for its body: 408. Otherwise the server
 * itself is at work (a lock, a long move) and the connection stays.
 */
export function onSilence(socket: Socket): void {
  const exchange = Exchange.on(socket);
  if (exchange === undefined || exchange.response.writableLength > 0) {
    socket.destroy();
    return;
  }
  if (!exchange.awaitsBody) {
    socket.setTimeout(exchange.settings.writeTimeoutMs);
    return;
  }
  exchange.hopeless = true;
  const seconds = exchange.settings.readTimeoutMs / 1000;
  writeError(
    exchange,
    new CallfsError('REQUEST_TIMEOUT', `Nothing of the body came in for ${seconds} s. Nothing was changed; try again.`),
  );
}
