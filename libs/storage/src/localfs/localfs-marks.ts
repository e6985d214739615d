import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { CallfsError } from '@callfs/core';
import { GUEST_PREFIX, guestsIn, markOf, OWNER_MARK, ownerIn, PlaceMarks, type Claims } from '../place-marks';
import { errnoOf } from './localfs-errors';
import { createFile, OpenFile, operate, removeFile, syncNames } from './open-file';
import { PROBE_PREFIX, type RootLayout } from './root-layout';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;
const MARK_MAX = 1024;

/** Files in the root. It is one process's, so nobody else writes them meanwhile; they are durable, whatever blobs are. */
export class LocalfsMarks extends PlaceMarks {
  private lastClaim: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly layout: RootLayout,
    private readonly timeoutMs: number,
  ) {
    super();
  }

  override async read(): Promise<Claims> {
    const names = await this.operate<string[]>('list a directory', (done) => fs.readdir(this.layout.root, done));
    return { owner: await this.readOwner(), guests: guestsIn(names) };
  }

  /** One after the other: whoever comes second finds the first. */
  override claim(storeId: string, instead?: string): Promise<string> {
    const claimed = this.lastClaim.then(async () => {
      const owner = await this.readOwner();
      if (owner !== undefined && owner !== instead) return owner;
      await this.write(OWNER_MARK, storeId);
      return storeId;
    });
    this.lastClaim = claimed.catch(() => undefined);
    return claimed;
  }

  override async writtenMs(mark: string): Promise<number | undefined> {
    try {
      return (await this.operate<fs.Stats>('look at a file', (done) => fs.lstat(this.pathOf(mark), done))).mtimeMs;
    } catch (error) {
      return unlessThere(error);
    }
  }

  override enter(storeId: string): Promise<void> {
    return this.write(GUEST_PREFIX + storeId, storeId);
  }

  override async leave(storeId: string): Promise<void> {
    await removeFile(this.pathOf(GUEST_PREFIX + storeId), this.timeoutMs);
    await syncNames(this.layout.root, this.timeoutMs);
  }

  private async readOwner(): Promise<string | undefined> {
    const file = await this.openOwner();
    if (!file) return undefined;
    try {
      const mark = Buffer.alloc(MARK_MAX);
      return ownerIn(mark.subarray(0, await file.read(mark, 0)));
    } finally {
      void file.discard();
    }
  }

  private async openOwner(): Promise<OpenFile | undefined> {
    try {
      const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
      return await OpenFile.open('open a file', this.pathOf(OWNER_MARK), flags, this.timeoutMs);
    } catch (error) {
      return unlessThere(error);
    }
  }

  /** A mark is there whole or not at all. */
  private async write(name: string, storeId: string): Promise<void> {
    const staged = join(this.layout.staging, PROBE_PREFIX + randomBytes(8).toString('hex'));
    const file = await createFile(staged, this.timeoutMs);
    try {
      await file.write(markOf(storeId), 0);
      await file.sync();
      await this.operate<void>('give a file its name', (done) => fs.rename(staged, this.pathOf(name), done));
    } catch (error) {
      await removeFile(staged, this.timeoutMs).catch(() => undefined);
      throw error;
    } finally {
      void file.discard();
    }
    await syncNames(this.layout.root, this.timeoutMs);
  }

  private pathOf(name: string): string {
    return join(this.layout.root, name);
  }

  private operate<T>(doing: string, start: Parameters<typeof operate<T>>[2]): Promise<T> {
    return operate(doing, this.timeoutMs, start);
  }
}

function unlessThere(error: unknown): undefined {
  if (CallfsError.is(error) && errnoOf(error.cause) === 'ENOENT') return undefined;
  throw error;
}
