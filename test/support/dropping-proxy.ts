import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Stands between a client and a server and breaks connections in the middle of what the client sends. */
export class DroppingProxy {
  drops = 0;
  /** After how many bytes of the client the next connection is broken; `undefined`: it is not. */
  nextDrop: () => number | undefined = () => undefined;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly target: () => { host: string; port: number }) {
    this.server = createServer((client) => this.join(client));
  }

  static async start(target: () => { host: string; port: number }): Promise<DroppingProxy> {
    const proxy = new DroppingProxy(target);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    const server = connect(this.target());
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    server.pipe(client);
    let left = this.nextDrop();
    client.on('data', (chunk: Buffer) => {
      const passed = left === undefined ? chunk : chunk.subarray(0, left);
      if (left !== undefined) left -= passed.length;
      const last = left === 0;
      if (last) client.pause();
      const more = server.write(passed, () => {
        if (last) this.drop(client, server);
      });
      if (more || last) return;
      client.pause();
      server.once('drain', () => client.resume());
    });
  }

  private drop(client: Socket, server: Socket): void {
    this.drops++;
    client.resetAndDestroy();
    server.destroy();
  }
}
