import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { CallfsError } from '@callfs/core';
import { errnoOf } from '../localfs/localfs-errors';
import { OpenFile, operate } from '../localfs/open-file';

const { O_CREAT, O_EXCL, O_RDWR } = fs.constants;
/** What the files leave free of a disk, which others need too: a tenth of it, of a large one this much. */
const MAX_RESERVE_BYTES = 1024 * 1024 * 1024;

/** Who is told how the spool fares. What it takes nothing of waits for memory, which nobody else would notice. */
export interface SpoolEvents {
  /** It took nothing, or not all. `why` is the system's code, `reserve` when the disk has too little room to spare. */
  refused(why: string): void;
  /** It took something, after it had refused. */
  usable(): void;
}

/** A file that only its descriptor leads to. */
export interface SpoolFile {
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Fills `target` from the beginning of the file; resolves with fewer bytes only where it is shorter. */
  read(target: Buffer): Promise<number>;
  /** Frees what it takes on the disk. */
  close(): Promise<void>;
}

/**
 * Room on the disk for what waits for clients and has no place in memory. A file loses its name as soon as it has been
 * made, so its bytes are gone with its descriptor, however the process ends.
 */
export class Spool {
  /** To files that are open, and not written yet. */
  private promised = 0;
  private isRefusing = false;

  constructor(
    /** Of this process alone. */
    private readonly directory: string,
    private readonly timeoutMs: number,
    private readonly events?: SpoolEvents,
  ) {}

  /** Makes the directory, and empties it of a file whose process died before the name was gone. The message is for the operator. */
  prepare(): void {
    try {
      fs.mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      // A link would lead to a directory that is another's to empty.
      if (!fs.lstatSync(this.directory).isDirectory()) throw new Error('it is a link');
      for (const name of fs.readdirSync(this.directory)) fs.rmSync(join(this.directory, name));
    } catch (error) {
      throw unusable(this.directory, error);
    }
  }

  /** For so many bytes. Nothing when the disk has no room to spare, or makes no file for any other reason. */
  async open(bytes: number): Promise<SpoolFile | undefined> {
    this.promised += bytes;
    try {
      await this.expectRoom();
      return new NamelessFile(await this.create(), bytes, {
        settle: (written) => (this.promised -= written),
        wrote: () => this.tookSome(),
        failed: (error) => this.refuse(error),
      });
    } catch (error) {
      // Whatever the reason (a full or read-only disk, too many descriptors): whoever asked can do without.
      this.refuse(error);
      this.promised -= bytes;
      return undefined;
    }
  }

  private async expectRoom(): Promise<void> {
    const disk = await operate<fs.StatsFs>('look at a disk', this.timeoutMs, (done) => fs.statfs(this.directory, done));
    const reserve = Math.min(disk.blocks * disk.bsize * 0.1, MAX_RESERVE_BYTES);
    if (disk.bavail * disk.bsize - this.promised < reserve)
      throw Object.assign(new Error('too little room'), { code: 'reserve' });
  }

  private async create(): Promise<OpenFile> {
    const path = join(this.directory, randomBytes(16).toString('hex'));
    const file = await OpenFile.open('make a file', path, O_RDWR | O_CREAT | O_EXCL, this.timeoutMs);
    try {
      await operate<void>('unlink a file', this.timeoutMs, (done) => fs.unlink(path, done));
      return file;
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  private tookSome(): void {
    if (this.isRefusing) this.events?.usable();
    this.isRefusing = false;
  }

  private refuse(error: unknown): void {
    this.isRefusing = true;
    const cause = CallfsError.is(error) ? error.cause : error;
    this.events?.refused(errnoOf(cause) ?? (cause instanceof Error ? cause.name : 'unknown'));
  }
}

class NamelessFile implements SpoolFile {
  constructor(
    private readonly file: OpenFile,
    /** Bytes that are still to come. */
    private promised: number,
    private readonly spool: {
      /** Of bytes that came, or never will. */
      settle(bytes: number): void;
      wrote(): void;
      failed(error: unknown): void;
    },
  ) {}

  async write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      await this.file.write(bytes, position);
    } catch (error) {
      this.spool.failed(error);
      throw error;
    }
    this.spool.wrote();
    this.settled(Math.min(bytes.length, this.promised));
  }

  read(target: Buffer): Promise<number> {
    return this.file.read(target, 0);
  }

  async close(): Promise<void> {
    await this.file.discard();
    this.settled(this.promised);
  }

  private settled(bytes: number): void {
    this.promised -= bytes;
    this.spool.settle(bytes);
  }
}

function unusable(directory: string, cause: unknown): CallfsError {
  const why = errnoOf(cause) ?? (cause instanceof Error ? cause.message : 'unknown');
  return new CallfsError(
    'BACKEND_UNAVAILABLE',
    `The directory ${directory}, where parts of slow uploads to S3 wait, cannot be used (${why}). Give this process's user read, write and search permission on it, or remove it.`,
    { cause },
  );
}
