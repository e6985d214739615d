import * as fs from 'node:fs';
import { join } from 'node:path';
import { CallfsError, isStorageKey, makeDurableDirectory, syncDirectory, type StorageKey } from '@callfs/core';
import { errnoOf, notADirectory, startFailure } from './localfs-errors';

/** Probes of `check` and of the start; one that a killed process left is removed at the next start. */
export const PROBE_PREFIX = 'probe-';

/**
 * Names below the root:
 *
 *   blobs/<first two digits>/<key>   complete blobs
 *   staging/<key>                    being written; or a second link to a blob whose commit is not known to be durable
 *   lock, lock.owner                 the claim
 *   store-id, guest-<id>             whose the blobs are
 */
export class RootLayout {
  readonly blobs: string;
  readonly staging: string;

  constructor(readonly root: string) {
    this.blobs = join(root, 'blobs');
    this.staging = join(root, 'staging');
  }

  shardOf(key: StorageKey): string {
    return `${this.blobs}/${key.slice(0, 2)}`;
  }

  blobOf(key: StorageKey): string {
    return `${this.shardOf(validKey(key))}/${key}`;
  }

  stagingOf(key: StorageKey): string {
    return `${this.staging}/${validKey(key)}`;
  }

  /** All shard directories. */
  shards(): string[] {
    return Array.from({ length: 256 }, (_, index) => `${this.blobs}/${index.toString(16).padStart(2, '0')}`);
  }
}

/** Makes the root, or judges the one that is there; returns its real path. The message is for the operator. */
export function prepareRoot(root: string): string {
  try {
    makeDurableDirectory(root);
    if (!fs.statSync(root).isDirectory()) throw notADirectory(root);
    return fs.realpathSync(root);
  } catch (error) {
    throw startFailure(root, error);
  }
}

/** Makes what is missing below the root, and refuses what is not a directory of ours: a link would lead out of the root. */
export function prepareDirectories(layout: RootLayout): void {
  try {
    const made = [layout.blobs, layout.staging, ...layout.shards()].filter(makeDirectory);
    if (made.length > 0) [layout.blobs, layout.root].forEach(syncDirectory);
  } catch (error) {
    throw startFailure(layout.root, error);
  }
}

/**
 * Removes what a process that died left half-written, and returns the keys whose blobs are complete but not settled.
 * A write links its blob only when all its bytes are there, so a staged file without a blob was never finished.
 */
export function recoverStaging(layout: RootLayout): StorageKey[] {
  const complete: StorageKey[] = [];
  for (const name of fs.readdirSync(layout.staging)) {
    const isKey = isStorageKey(name);
    if (isKey && fs.lstatSync(layout.blobOf(name), { throwIfNoEntry: false })) complete.push(name);
    else if (isKey || name.startsWith(PROBE_PREFIX)) fs.rmSync(`${layout.staging}/${name}`, { force: true });
  }
  return complete;
}

/** Whether the file system below the root has hard links (FAT and some network file systems have none). */
export function hasHardLinks(layout: RootLayout): boolean {
  const probe = join(layout.staging, `${PROBE_PREFIX}${process.pid}`);
  const second = `${probe}-link`;
  try {
    fs.writeFileSync(probe, '', { flag: 'wx', mode: 0o600 });
    fs.linkSync(probe, second);
    return true;
  } catch (error) {
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error) ?? '')) return false;
    throw startFailure(layout.root, error);
  } finally {
    fs.rmSync(second, { force: true });
    fs.rmSync(probe, { force: true });
  }
}

function validKey(key: StorageKey): StorageKey {
  if (isStorageKey(key)) return key;
  throw new CallfsError('INVALID_REQUEST', 'A storage key is 32 lower-case hexadecimal digits.');
}

function makeDirectory(path: string): boolean {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return false;
  if (found) throw new CallfsError('BACKEND_UNAVAILABLE', `${path} is not a directory. Remove it and start again.`);
  fs.mkdirSync(path, { mode: 0o700 });
  return true;
}
