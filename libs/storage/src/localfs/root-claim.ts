import Database from 'better-sqlite3';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CallfsError } from '@callfs/core';
import { errnoOf, startFailure } from './localfs-errors';

/**
 * The right of one process to use a root. It is the kernel's lock on the file `lock`, so it ends with the process,
 * however that dies, is never mistaken for another process with the same number, and holds between containers that
 * share a volume. Node has no call for such a lock; SQLite takes one on every file it opens.
 */
export class RootClaim {
  private constructor(
    readonly lockPath: string,
    /** Of the lock: when another is found there, or none, the disk below the root is not the one that was claimed. */
    readonly inode: bigint,
    private readonly lock: Database.Database,
  ) {}

  /** Throws, for the operator, when another process has the root or the root cannot be locked. */
  static take(root: string): RootClaim {
    const lockPath = join(root, 'lock');
    try {
      makeLockFile(lockPath);
      const inode = fs.lstatSync(lockPath, { bigint: true }).ino;
      const lock = holdLock(lockPath);
      tellOwner(root);
      return new RootClaim(lockPath, inode, lock);
    } catch (error) {
      throw isBusy(error) ? inUse(root, error) : startFailure(root, error);
    }
  }

  /** Throws what `take` would throw when another process has the root, and takes, makes and changes nothing. */
  static refuseHeld(root: string): void {
    const lockPath = join(root, 'lock');
    if (!fs.existsSync(lockPath)) return;
    const lock = new Database(lockPath, { readonly: true, timeout: 0 });
    try {
      lock.prepare('SELECT count(*) FROM sqlite_master').get();
    } catch (error) {
      // Anything else is left by a holder that died; the next one mends it.
      if (isBusy(error)) throw inUse(root, error);
    } finally {
      lock.close();
    }
  }

  release(): void {
    this.lock.close();
  }
}

function makeLockFile(path: string): void {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (found?.isFile()) return;
  if (found) throw new CallfsError('BACKEND_UNAVAILABLE', `${path} is not a file. Remove it and start again.`);
  try {
    fs.closeSync(fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL, 0o600));
  } catch (error) {
    // Another process made it at the same moment; the lock decides between the two. Opening it here and closing it
    // again would drop a lock that this process holds on it (fcntl(2), "record locks are automatically released").
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

function holdLock(path: string): Database.Database {
  const lock = new Database(path, { timeout: 0 });
  try {
    return lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Who holds the lock, for the message that the next process gives. */
function tellOwner(root: string): void {
  const path = join(root, 'lock.owner');
  fs.rmSync(path, { force: true });
  fs.writeFileSync(path, `process ${process.pid} on ${hostname()}\n`, { flag: 'wx', mode: 0o600 });
}

function inUse(root: string, cause: unknown): CallfsError {
  return new CallfsError(
    'BACKEND_UNAVAILABLE',
    `The storage root ${root} is in use by ${readOwner(root)}. Stop that process, or set backend.localfs_root_path to a root of its own.`,
    { cause },
  );
}

function readOwner(root: string): string {
  const path = join(root, 'lock.owner');
  if (!fs.lstatSync(path, { throwIfNoEntry: false })?.isFile()) return 'another process';
  return fs.readFileSync(path, 'utf8').trim();
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
}
