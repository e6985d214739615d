import type { BeforeApplicationShutdown, OnModuleDestroy } from '@nestjs/common';
import type { CallfsAdapter } from './callfs-adapter';
import { Exchange } from './exchange';

const SWEEP_EVERY_MS = 50;
/** So long WebSockets that are told to go may take to say that they have heard. */
const GOODBYE_MS = 1_000;

/**
 * Stops the server without breaking what it is doing. As soon as the application is told to close it is not ready; then
 * it takes no more connections, idle ones are closed, and requests under way have `graceMs` to finish before they are
 * broken, WebSockets with a goodbye. Engines are closed after that (`onApplicationShutdown`), never before.
 */
export class Drain implements OnModuleDestroy, BeforeApplicationShutdown {
  constructor(
    private readonly adapter: CallfsAdapter,
    private readonly graceMs: number,
  ) {}

  onModuleDestroy(): void {
    this.adapter.front.draining = true;
    // Whoever is told in time does not send the next request into a connection that is about to close.
    for (const socket of this.adapter.connections) {
      const response = Exchange.on(socket)?.response;
      if (response && !response.headersSent) response.shouldKeepAlive = false;
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    const { server, connections } = this.adapter;
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const sweep = setInterval(closeIdle, SWEEP_EVERY_MS);
    let giveUp = setTimeout(() => {
      const webSockets = [...connections].flatMap((socket) => Exchange.on(socket)?.upgraded ?? []);
      for (const webSocket of webSockets) webSocket.leave();
      giveUp = setTimeout(breakAll, webSockets.length > 0 ? GOODBYE_MS : 0);
    }, this.graceMs);
    closeIdle();
    await closed;
    clearInterval(sweep);
    clearTimeout(giveUp);

    function breakAll(): void {
      for (const socket of connections) socket.destroy();
    }

    /** Those between two requests, and those that never began one, which Node does not count as idle. */
    function closeIdle(): void {
      server.closeIdleConnections();
      for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
    }
  }
}
