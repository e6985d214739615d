import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Below this path a request that asks to become a WebSocket may. Without that it is an ordinary path of the tree. */
export const SOCKETS = '/v1/files/ws';

const UPGRADE = Symbol('callfs.upgrade');
const HASTY = Symbol('callfs.hasty');

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
 * an `Upgrade: h2c`, as Java's client sends it with its first request, is to be ignored (RFC 9110 §7.8). Nor does it hand
 * over a connection on which an answer is still due: nobody could send that any more.
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

  /** Node asks once the head is read, and the answer stays what it was. */
  get upgrade(): boolean {
    const message = this as Upgradable;
    if (message[UPGRADE] !== true || !opensSocket(this)) return false;
    message[HASTY] ??= (this.socket as Answering)._httpMessage != null;
    return !message[HASTY];
  }

  set upgrade(asked: boolean) {
    (this as Upgradable)[UPGRADE] = asked;
  }

  /** It asks for a WebSocket where an answer was still due when it came. */
  get isHasty(): boolean {
    return (this as Upgradable)[HASTY] === true;
  }
}

/** Where Node keeps the answer that is being sent, or is due, on a connection. */
type Answering = Socket & { readonly _httpMessage?: object | null };

interface Upgradable {
  [UPGRADE]?: boolean;
  [HASTY]?: boolean;
}

function opensSocket({ method, url = '', headers }: IncomingMessage): boolean {
  return method === 'GET' && url.startsWith(`${SOCKETS}/`) && headers.upgrade?.toLowerCase() === 'websocket';
}
