import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * A TCP line to a server on this machine that can go silent, as networks do: nothing is closed, nothing arrives. Or what
 * arrives comes late.
 */
export class SeverableLine {
  /** What comes in is on its way for so long, either way. */
  delayMs = 0;
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(private readonly server: Server) {}

  static async to(targetPort: number): Promise<SeverableLine> {
    const server = createServer();
    const line = new SeverableLine(server);
    server.on('connection', (near) => {
      const far = connect(targetPort, '127.0.0.1');
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        line.sockets.add(socket);
        if (line.isCut) socket.pause();
        let before = Promise.resolve();
        socket.on('data', (chunk) => {
          const late = delay(line.delayMs);
          before = before.then(() => late).then(() => void other.write(chunk));
        });
        if (line.isCut) socket.pause();
        socket.on('error', () => undefined);
        socket.once('close', () => {
          line.sockets.delete(socket);
          other.destroy();
        });
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return line;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.pause();
  }

  mend(): void {
    this.isCut = false;
    for (const socket of this.sockets) socket.resume();
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}
