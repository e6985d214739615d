import * as fs from 'node:fs';
import { timedOut } from '../blob-errors';
import { errnoOf, storageFailure } from './localfs-errors';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = fs.constants;

type Done<T> = (error: NodeJS.ErrnoException | null, value?: T) => void;

/**
 * One system call on the thread pool, bounded in time: `storageFailure` when it fails, `timedOut` when it does not
 * come back. A call cannot be taken back, so what it uses (descriptor, buffer) is free only when `settled` was called.
 */
export function operate<T>(doing: string, timeoutMs: number, start: (done: Done<T>) => void, settled?: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    // A process that was stopped for longer than the timeout finds timer and result due at once: the result goes first.
    const timer = setTimeout(() => setImmediate(() => reject(timedOut(doing, timeoutMs))), timeoutMs);
    start((error, value) => {
      clearTimeout(timer);
      settled?.();
      if (error) reject(storageFailure(doing, error));
      else resolve(value as T);
    });
  });
}

/** A descriptor that is closed only when no system call uses it any more, so its number is never another file's. */
export class OpenFile {
  private pending = 0;
  private closed = false;
  private onIdle: (() => void) | undefined;
  private readonly settled = (): void => {
    if (--this.pending === 0) this.onIdle?.();
  };

  constructor(
    private readonly fd: number,
    private readonly timeoutMs: number,
  ) {}

  static async open(doing: string, path: string, flags: number, timeoutMs: number): Promise<OpenFile> {
    let isAwaited = true;
    try {
      const fd = await operate<number>(doing, timeoutMs, (done) =>
        fs.open(path, flags, 0o600, (error, opened) => {
          if (!isAwaited && !error) fs.closeSync(opened);
          done(error, opened);
        }),
      );
      return new OpenFile(fd, timeoutMs);
    } finally {
      isAwaited = false;
    }
  }

  /** Fills `buffer` from `position` on; resolves with fewer bytes only at the end of the file. */
  async read(buffer: Buffer, position: number): Promise<number> {
    let filled = 0;
    while (filled < buffer.length) {
      const count = await this.operate<number>('read a file', (done) =>
        fs.read(this.fd, buffer, filled, buffer.length - filled, position + filled, done),
      );
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  /** Writes all of `buffer` at `position`. */
  async write(buffer: Uint8Array, position: number): Promise<void> {
    for (let written = 0; written < buffer.length;) {
      written += await this.operate<number>('write a file', (done) =>
        fs.write(this.fd, buffer, written, buffer.length - written, position + written, done),
      );
    }
  }

  async sync(): Promise<void> {
    await this.operate<void>('sync a file', (done) => fs.fsync(this.fd, done));
  }

  /** Makes the data durable, so that a later `sync` has little left to do. */
  async syncData(): Promise<void> {
    await this.operate<void>('sync a file', (done) => fs.fdatasync(this.fd, done));
  }

  /** Resolves when the descriptor is closed: after the last system call, however long that takes. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.pending > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    try {
      fs.closeSync(this.fd);
    } catch (cause) {
      throw storageFailure('close a file', cause);
    }
  }

  /** Closes a file from which nothing is wanted any more, so that a failure to close it means nothing. */
  async discard(): Promise<void> {
    await this.close().catch(() => undefined);
  }

  private operate<T>(doing: string, start: (done: Done<T>) => void): Promise<T> {
    if (this.closed) return Promise.reject(storageFailure(doing, new Error('the file was closed')));
    this.pending++;
    return operate(doing, this.timeoutMs, start, this.settled);
  }
}

/** A new file, to be written. What has its name already is a failure. */
export function createFile(path: string, timeoutMs: number): Promise<OpenFile> {
  return OpenFile.open('create a file', path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, timeoutMs);
}

/** That there is none is no failure. */
export function removeFile(path: string, timeoutMs: number): Promise<void> {
  return operate<void>('remove a file', timeoutMs, (done) =>
    fs.unlink(path, (error) => done(errnoOf(error) === 'ENOENT' ? null : error)),
  );
}

/** Makes durable which names a directory has. */
export async function syncNames(path: string, timeoutMs: number): Promise<void> {
  const directory = await OpenFile.open('open a directory', path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, timeoutMs);
  try {
    await directory.sync();
  } finally {
    void directory.discard();
  }
}
