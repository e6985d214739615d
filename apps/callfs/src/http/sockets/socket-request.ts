import { IncomingMessage } from 'node:http';

/** Below this path a request that asks to become a WebSocket may. Without that it is an ordinary path of the tree. */
export const SOCKETS = '/v1/files/ws';

const UPGRADE = Symbol('callfs.upgrade');

/** Who takes a body while it comes. */
export interface BodyTaker {
  /** Whether more is to come at once; if not, `readOn` is called when it may. The memory is the taker's. */
  take(chunk: Buffer): boolean;
  /** Nothing was lost. */
  ended(): void;
  /** The connection is gone. */
  broken(): void;
}

/**
 * A request that Node hands over as a bare connection only when it asks for a WebSocket where there are some. Node asks
 * `upgrade` once the head is read, and would hand over every request with an `Upgrade` field as soon as anybody listens;
 * an `Upgrade: h2c`, as Java's client sends it with its first request, is to be ignored (RFC 9110 §7.8).
 */
export class SocketRequest extends IncomingMessage {
  private taker: BodyTaker | undefined;

  /**
   * From now on the body goes to `taker` as it comes, past the stream's own buffer, which reads on while what came before is
   * in use. What has come already goes first.
   */
  giveTo(taker: BodyTaker): void {
    // It makes the connection be read as well.
    const early = this.read() as Buffer | null;
    if (early !== null) taker.take(early);
    if (this.complete) {
      taker.ended();
      return;
    }
    this.taker = taker;
    this.once('close', () => this.taker?.broken());
  }

  /** More may come, after `take` has said no. */
  readOn(): void {
    this._read(0);
  }

  /** The rest of the body goes where a body goes that nobody takes. */
  keep(): void {
    this.taker = undefined;
  }

  override push(chunk: Buffer | null): boolean {
    const { taker } = this;
    if (taker === undefined) return super.push(chunk);
    if (chunk !== null) return taker.take(chunk);
    taker.ended();
    const goesOn = super.push(null);
    // A stream ends when it is read to its end.
    this.resume();
    return goesOn;
  }

  get upgrade(): boolean {
    const asked = (this as Upgradable)[UPGRADE] === true;
    return asked && (this.method === 'CONNECT' || opensSocket(this));
  }

  set upgrade(asked: boolean) {
    (this as Upgradable)[UPGRADE] = asked;
  }
}

interface Upgradable {
  [UPGRADE]?: boolean;
}

function opensSocket({ method, url = '', headers }: IncomingMessage): boolean {
  return method === 'GET' && url.startsWith(`${SOCKETS}/`) && headers.upgrade?.toLowerCase() === 'websocket';
}
