import * as fs from 'node:fs';
import type { DestinationStream } from 'pino';

const FLUSH_EVERY_MS = 200;
/** Of what cannot be written yet so much is kept, the oldest; a node does not run out of memory over its log. */
const MAX_HELD = 1024 * 1024;
/** At the end of the process, for a reader that is slow. */
const LAST_TRIES = 50;
const BETWEEN_LAST_TRIES_MS = 20;

/** Who is told how the log fares; none of it may throw. */
export interface LogOutputEvents {
  /** It cannot be written, for the first time since it last could. `code` is the system's. */
  failed(code: string): void;
  /** So many more lines are lost. */
  lost(lines: number): void;
  /** It can be written again, or its reader has caught up. `lines` are lost meanwhile. */
  recovered(code: string, lines: number): void;
}

/**
 * Where the log goes, in batches: a file, a pipe, a terminal. What a node does for its users never hangs on that. A full disk,
 * an I/O error or a reader that takes nothing costs lines at worst: what was not written is tried again, from the very byte,
 * and lines that come meanwhile are kept while they are few, then lost, counted and told of.
 */
export class LogOutput implements DestinationStream {
  private pending = '';
  /** What is being written, or could not be. */
  private rest: Buffer | undefined;
  private isWriting = false;
  private isClosed = false;
  private failure: string | undefined;
  private lost = 0;

  constructor(
    private readonly fd: number,
    /** So many characters are worth a write; fewer wait for a moment. */
    private readonly batch: number,
    private readonly events: LogOutputEvents,
  ) {
    setInterval(() => this.begin(), FLUSH_EVERY_MS).unref();
    process.once('exit', () => this.end());
  }

  /** Whole lines. */
  write(lines: string): void {
    if (this.isClosed || this.pending.length + (this.rest?.length ?? 0) > MAX_HELD) return this.lose(lines);
    this.pending += lines;
    if (this.pending.length >= this.batch && this.failure === undefined) this.begin();
  }

  private begin(): void {
    if (this.isWriting || !this.takeNext()) return;
    this.isWriting = true;
    fs.write(this.fd, this.rest ?? Buffer.alloc(0), (error, written) => {
      this.isWriting = false;
      if (error) return this.fail(error.code ?? 'unknown');
      this.advance(written);
      if (this.rest !== undefined || this.pending.length >= this.batch) this.begin();
    });
  }

  private takeNext(): boolean {
    if (this.rest === undefined && this.pending !== '') {
      this.rest = Buffer.from(this.pending);
      this.pending = '';
    }
    return this.rest !== undefined;
  }

  private advance(written: number): void {
    if (this.rest && written < this.rest.length) {
      this.rest = this.rest.subarray(written);
      return;
    }
    this.rest = undefined;
    if (this.failure === undefined && this.lost === 0) return;
    const [code, lines] = [this.failure ?? 'it is read too slowly', this.lost];
    this.failure = undefined;
    this.lost = 0;
    this.events.recovered(code, lines);
  }

  private fail(code: string): void {
    // Full for the moment, as pipes are that somebody made so.
    if (code === 'EAGAIN' || code === 'EBUSY') return;
    // Nobody reads it any more, and nobody will.
    if (code === 'EPIPE') this.close();
    if (this.failure === undefined) this.events.failed(code);
    this.failure = code;
  }

  private close(): void {
    this.isClosed = true;
    this.rest = undefined;
    this.lose(this.pending);
    this.pending = '';
  }

  private lose(lines: string): void {
    const count = lines.split('\n').length - 1;
    this.lost += count;
    this.events.lost(count);
  }

  /** Writes what is left, as far as that goes. A write that has not come back may never do: the process does not wait for it. */
  private end(): void {
    for (let tries = 0; !this.isWriting && tries < LAST_TRIES && this.takeNext();) {
      try {
        this.advance(fs.writeSync(this.fd, this.rest ?? Buffer.alloc(0)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
        tries++;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BETWEEN_LAST_TRIES_MS);
      }
    }
  }
}
