import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';

/** What is in a storage root on the host's disk, seen from outside the program. */
export interface StoredFiles {
  /** Paths of complete blobs, relative to `blobs/`. */
  readonly blobs: readonly string[];
  readonly staging: readonly string[];
}

export async function storedFiles(dataDir: string): Promise<StoredFiles> {
  const blobs: string[] = [];
  for (const shard of await readdir(join(dataDir, 'blobs')))
    for (const name of await readdir(join(dataDir, 'blobs', shard))) blobs.push(join(shard, name));
  return { blobs: blobs.sort(), staging: (await readdir(join(dataDir, 'staging'))).sort() };
}

/** The full path of the one blob that `work` made. */
export async function blobMadeBy(dataDir: string, work: () => Promise<unknown>): Promise<string> {
  const before = new Set((await storedFiles(dataDir)).blobs);
  await work();
  const made = (await storedFiles(dataDir)).blobs.filter((path) => !before.has(path));
  if (made.length !== 1) throw new Error(`Expected one new blob, found ${made.length}.`);
  return join(dataDir, 'blobs', made[0] as string);
}

/** The keys of local blobs that the metadata of a stopped server refers to, through a file or awaiting collection. */
export function referencedKeys(sqlitePath: string): string[] {
  const database = new Database(sqlitePath, { readonly: true });
  try {
    return database
      .prepare(`SELECT key FROM replica WHERE backend = 'localfs' UNION SELECT key FROM collect WHERE backend = 'localfs'`)
      .pluck()
      .all() as string[];
  } finally {
    database.close();
  }
}
