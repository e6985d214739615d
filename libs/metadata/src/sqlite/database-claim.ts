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
      if (!(cause instanceof Database.SqliteError && cause.code.startsWith('SQLITE_BUSY'))) throw cause;
      const owner = readOwner(path);
      const next = 'Stop it, or set metadata_store.sqlite_path to a file of its own.';
      throw new CallfsError('METADATA_UNAVAILABLE', `The metadata file ${databasePath} is in use by ${owner}. ${next}`, {
        cause,
      });
    }
    fs.writeFileSync(`${path}.owner`, `process ${process.pid} on ${hostname()}\n`, { mode: 0o600 });
    return new DatabaseClaim(lock);
  }

  release(): void {
    this.lock.close();
  }
}

/** Never opens a file that is there: closing it again would take the lock from a holder in this process (fcntl(2)). */
function makePrivate(path: string): void {
  if (!fs.existsSync(path)) fs.closeSync(fs.openSync(path, 'a', 0o600));
}

function readOwner(path: string): string {
  const owner = `${path}.owner`;
  return fs.existsSync(owner) ? fs.readFileSync(owner, 'utf8').trim() : 'another process';
}
