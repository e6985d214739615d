import * as fs from 'node:fs';
import { hostname } from 'node:os';
import Database from 'better-sqlite3';
import { CallfsError } from '@callfs/core';

/**
 * The right of one process to use a database file: the kernel's lock on `<file>.claim`, so it ends with the process,
 * however that dies. The database itself cannot be locked for this, since its own threads share it.
 */
export class DatabaseClaim {
  private constructor(private readonly lock: Database.Database) {}

  /** `METADATA_UNAVAILABLE` when another process has it. */
  static take(databasePath: string): DatabaseClaim {
    const path = `${databasePath}.claim`;
    makePrivate(path);
    const lock = new Database(path, { timeout: 0 });
    try {
      lock.exec('BEGIN EXCLUSIVE');
    } catch (cause) {
      lock.close();
      throw isBusy(cause) ? inUse(databasePath, cause) : cause;
    }
    fs.writeFileSync(`${path}.owner`, `process ${process.pid} on ${hostname()}\n`, { mode: 0o600 });
    return new DatabaseClaim(lock);
  }

  /** Throws what `take` would throw when another process has the file, and takes, makes and changes nothing. */
  static refuseHeld(databasePath: string): void {
    const path = `${databasePath}.claim`;
    if (!fs.existsSync(path)) return;
    const lock = new Database(path, { readonly: true, timeout: 0 });
    try {
      lock.prepare('SELECT count(*) FROM sqlite_master').get();
    } catch (error) {
      // Anything else is left by a holder that died; the next one mends it.
      if (isBusy(error)) throw inUse(databasePath, error);
    } finally {
      lock.close();
    }
  }

  release(): void {
    this.lock.close();
  }
}

/** Never opens a file that is there: closing it again would take the lock from a holder in this process (fcntl(2)). */
function makePrivate(path: string): void {
  if (!fs.existsSync(path)) fs.closeSync(fs.openSync(path, 'a', 0o600));
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
}

function inUse(databasePath: string, cause: unknown): CallfsError {
  const owner = readOwner(`${databasePath}.claim`);
  const next = 'Stop it, or set metadata_store.sqlite_path to a file of its own.';
  return new CallfsError('METADATA_UNAVAILABLE', `The metadata file ${databasePath} is in use by ${owner}. ${next}`, { cause });
}

function readOwner(path: string): string {
  const owner = `${path}.owner`;
  return fs.existsSync(owner) ? fs.readFileSync(owner, 'utf8').trim() : 'another process';
}
