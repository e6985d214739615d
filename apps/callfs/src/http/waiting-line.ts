import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const LINE = Symbol('callfs.waiting-line');

/** With more than these in the line no more is read from the connection; what one packet has brought is there already. */
const CROWD = 64;
/** As many of one connection begin one after the other; then it is the turn of others. */
const AT_ONCE = 64;

/**
 * The requests that a client has sent on one connection without waiting for the answers to those before (RFC 9112 §9.3.2):
 * each begins when the answer to the one before it is out. Needs no key to get into, so that the line costs nobody else
 * anything: joining it takes the same time however long it is, it does not grow without bound, and it lets others by.
 */
export class WaitingLine {
  private last: ServerResponse | undefined;
  private waiting = 0;
  private begun = 0;

  private constructor(private readonly socket: Socket) {
    // Node reads on after each answer.
    socket.on('resume', () => {
      if (this.waiting > CROWD) socket.pause();
    });
  }

  static on(socket: Socket): WaitingLine {
    return ((socket as Lined)[LINE] ??= new WaitingLine(socket));
  }

  /** Calls `begin` when it is the turn of `response`, if that ever comes. `current` is the answer that is due now. */
  join(response: ServerResponse, current: ServerResponse, begin: () => void): void {
    const { socket } = this;
    const start = (): void => {
      if (this.last === response) this.last = undefined;
      if (this.waiting-- > CROWD && this.waiting <= CROWD) socket.resume();
      begin();
    };
    const before = this.last ?? current;
    this.last = response;
    if (++this.waiting > CROWD) socket.pause();
    before.once('close', () => {
      if (++this.begun % AT_ONCE === 0) setImmediate(start);
      else start();
    });
  }
}

interface Lined {
  [LINE]?: WaitingLine;
}
