import { IncomingMessage } from 'node:http';

/** Below this path a request that asks to become a WebSocket may. Without that it is an ordinary path of the tree. */
export const SOCKETS = '/v1/files/ws';

const UPGRADE = Symbol('callfs.upgrade');

/**
 * A request that Node hands over as a bare connection only when it asks for a WebSocket where there are some. Node asks
 * `upgrade` once the head is read, and would hand over every request with an `Upgrade` field as soon as anybody listens;
 * an `Upgrade: h2c`, as Java's client sends it with its first request, is to be ignored (RFC 9110 §7.8).
 */
export class SocketRequest extends IncomingMessage {
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
