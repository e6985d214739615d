import { CallfsError, patience } from '@callfs/core';
import type { WebSocket } from 'ws';
import type { Exchange } from '../exchange';

/** So much waits to be taken before the client has to. */
const QUEUE_MAX_BYTES = 256 * 1024;

/**
 * The bytes that a client sends over a WebSocket, until the text frame `{"type":"end"}` or a close with 1000. Any other end
 * is `CONTENT_LENGTH_MISMATCH`, silence for the read timeout `REQUEST_TIMEOUT`. The client is held back while nobody
 * takes what came.
 */
export class SocketBody implements AsyncIterable<Buffer> {
  private readonly queue: Buffer[] = [];
  private queued = 0;
  private ended = false;
  private failure: CallfsError | undefined;
  private readonly aborter = new AbortController();
  private wake: () => void = () => undefined;

  constructor(
    private readonly socket: WebSocket,
    private readonly exchange: Exchange,
  ) {
    socket.on('message', (data: Buffer, isBinary) => (isBinary ? this.take(data) : this.hear(data.toString())));
    // What comes before is complete: the close frame of a clean end is the last thing that a client sends.
    socket.on('close', (code) => (code === 1000 ? this.end() : this.fail(cutShort())));
    socket.on('error', (error) => this.fail(cutShort(error)));
  }

  /** Aborted when the body fails, also while nobody waits for more of it. A client that has sent all may go. */
  get signal(): AbortSignal {
    return this.aborter.signal;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const { bodies } = this.exchange.settings;
    bodies.inFlight++;
    try {
      for (;;) {
        for (let chunk = this.queue.shift(); chunk; chunk = this.queue.shift()) {
          this.queued -= chunk.length;
          if (this.socket.isPaused && this.queued < QUEUE_MAX_BYTES / 2) this.socket.resume();
          yield chunk;
        }
        if (this.failure) throw this.failure;
        if (this.ended) return;
        await this.more();
      }
    } finally {
      bodies.inFlight--;
    }
  }

  private take(data: Buffer): void {
    // What comes after the end is nobody's.
    if (this.ended) return;
    this.exchange.bytesIn += data.length;
    this.queue.push(data);
    this.queued += data.length;
    if (this.queued >= QUEUE_MAX_BYTES) this.socket.pause();
    this.wake();
  }

  private hear(text: string): void {
    if (isEnd(text)) this.end();
    else
      this.fail(new CallfsError('INVALID_REQUEST', 'The only text of an upload is {"type":"end"}; its bytes are binary frames.'));
  }

  private end(): void {
    this.ended = true;
    this.wake();
  }

  private fail(failure: CallfsError): void {
    if (!this.ended) {
      this.failure ??= failure;
      this.aborter.abort(failure);
    }
    this.wake();
  }

  private more(): Promise<void> {
    const { readTimeoutMs } = this.exchange.settings;
    return new Promise((resolve) => {
      const endWait = patience(readTimeoutMs, () => {
        const message = `Nothing of the upload came in for ${readTimeoutMs / 1000} s. Nothing was changed; try again.`;
        this.fail(new CallfsError('REQUEST_TIMEOUT', message));
      });
      this.wake = () => {
        endWait();
        this.wake = () => undefined;
        resolve();
      };
    });
  }
}

function isEnd(text: string): boolean {
  try {
    return (JSON.parse(text) as { type?: unknown } | null)?.type === 'end';
  } catch {
    return false;
  }
}

function cutShort(cause?: unknown): CallfsError {
  return new CallfsError('CONTENT_LENGTH_MISMATCH', 'The socket was closed before the upload ended. Nothing was changed.', {
    cause,
  });
}
