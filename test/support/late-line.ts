import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * A TCP line to a server on this machine that may bring what a client sent when that client is long gone, or break when the
 * server answers.
 */
export class LateLine {
  private readonly sockets = new Set<Socket>();
  private marker: string | undefined;
  private kept: { readonly far: Socket; readonly chunks: Buffer[] } | undefined;
  private readonly arrived: (() => void)[] = [];
  private unanswered: { readonly steps: string[]; near?: Socket; readonly tell: () => void } | undefined;

  private constructor(private readonly server: Server) {}

  static async to(targetPort: number): Promise<LateLine> {
    const server = createServer();
    const line = new LateLine(server);
    server.on('connection', (near) => line.join(near, connect(targetPort, '127.0.0.1')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return line;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Keeps back what the next client to send `marker` sends from there on; resolves when it has begun to. */
  async hold(marker: string): Promise<void> {
    this.marker = marker;
    await new Promise<void>((resolve) => this.arrived.push(resolve));
  }

  /** Lets the server have it; resolves when it has answered. */
  async deliver(): Promise<void> {
    const { far, chunks } = this.kept ?? {};
    if (!far || !chunks) throw new Error('Nothing was kept back.');
    far.write(Buffer.concat(chunks));
    await once(far, 'data');
    far.destroy();
  }

  /** The next client to send these, one after the other, never hears what came of the last: its line breaks then. Resolves when it has. */
  async loseAnswer(...steps: string[]): Promise<void> {
    await new Promise<void>((tell) => (this.unanswered = { steps, tell }));
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(near: Socket, far: Socket): void {
    for (const socket of [near, far]) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.sockets.delete(socket));
    }
    near.on('data', (chunk) => {
      const { unanswered } = this;
      if (unanswered && (unanswered.near ?? near) === near)
        while (unanswered.steps.length > 0 && chunk.includes(unanswered.steps[0]!)) {
          unanswered.near = near;
          unanswered.steps.shift();
        }
      if (this.marker !== undefined && chunk.includes(this.marker)) {
        this.marker = undefined;
        this.kept = { far, chunks: [] };
        for (const tell of this.arrived.splice(0)) tell();
      }
      if (this.kept?.far === far) this.kept.chunks.push(chunk);
      else far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (this.unanswered?.near !== near || this.unanswered.steps.length > 0) return void near.write(chunk);
      this.unanswered.tell();
      this.unanswered = undefined;
      near.destroy();
    });
    near.once('close', () => {
      if (this.kept?.far !== far) far.destroy();
    });
    far.once('close', () => near.destroy());
  }
}
