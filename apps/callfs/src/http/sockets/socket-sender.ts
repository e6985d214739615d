import type { WebSocket } from 'ws';
import { CallfsError } from '@callfs/core';
import type { BlobBody } from '@callfs/storage';
import { asCallfsError } from '../error-response';
import { ERROR_TABLE } from '../error-table';
import type { Exchange } from '../exchange';
import { FRAME_MAX_BYTES } from './upgrade';

/** RFC 6455 §7.4.1. */
const CLOSE = { normal: 1000, refused: 1008, tooLarge: 1009, failed: 1011 } as const;

/** What goes to a client over a WebSocket: bytes as fast as it takes them, and how a transfer ended. */
export class SocketSender {
  constructor(
    private readonly socket: WebSocket,
    private readonly exchange: Exchange,
  ) {}

  /** Each chunk's memory is its owner's again when the next one is asked for: it is out by then. */
  async bytes(body: Buffer | BlobBody): Promise<void> {
    for await (const chunk of Buffer.isBuffer(body) ? [body] : body) {
      for (let at = 0; at < chunk.length; at += FRAME_MAX_BYTES) {
        const frame = chunk.subarray(at, at + FRAME_MAX_BYTES);
        await this.handOver(frame);
        this.exchange.bytesOut += frame.length;
      }
    }
  }

  /** The transfer came to its end. */
  done(message: Readonly<Record<string, unknown>>): void {
    if (this.exchange.upgraded) this.exchange.upgraded.clean = true;
    this.socket.send(JSON.stringify(message));
    this.close(CLOSE.normal);
  }

  failed(thrown: unknown): void {
    const error = asCallfsError(thrown);
    const { status, publicCode = error.code } = ERROR_TABLE[error.code];
    // Nobody is there to be told, and what a vanished client makes fail is no fault of ours.
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.exchange.failure ??= thrown;
    this.socket.send(
      JSON.stringify({ type: 'error', code: publicCode, message: error.message, request_id: this.exchange.requestId }),
    );
    if (status === 413) this.close(CLOSE.tooLarge);
    else this.close(status < 500 ? CLOSE.refused : CLOSE.failed);
  }

  /** A client that does not close its side in time is cut off. */
  private close(code: number): void {
    const { socket } = this;
    // A client that was held back is heard again, to the end.
    socket.resume();
    socket.close(code);
    const cut = setTimeout(() => socket.terminate(), this.exchange.settings.writeTimeoutMs);
    socket.once('close', () => clearTimeout(cut));
  }

  /** Resolves when the system has the frame; throws when the client is gone, or has taken nothing for the write timeout. */
  private handOver(frame: Buffer): Promise<void> {
    const { socket } = this;
    return new Promise((resolve, reject) => {
      const settle = (error?: Error | null) => {
        clearTimeout(timer);
        socket.removeListener('close', gone);
        if (error) reject(error);
        else resolve();
      };
      const gone = () => settle(new CallfsError('CONTENT_LENGTH_MISMATCH', 'The client has gone away.'));
      const timer = setTimeout(() => socket.terminate(), this.exchange.settings.writeTimeoutMs);
      socket.once('close', gone);
      if (socket.readyState !== socket.OPEN) return gone();
      socket.send(frame, { binary: true }, settle);
    });
  }
}
