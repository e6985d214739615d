import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalfsOptions, type LocalfsProvider, openLocalfs } from '@callfs/storage';
import { afterEach } from 'vitest';

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A directory that is gone after the test. */
export function freshRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'callfs-localfs-'));
  cleanUps.push(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

/** A provider that is closed after the test. */
export async function openAt(rootPath: string, options: Partial<LocalfsOptions> = {}): Promise<LocalfsProvider> {
  const provider = await openLocalfs({ rootPath, durability: 'full', fileOpTimeoutMs: 10_000, ...options });
  cleanUps.push(() => provider.close());
  return provider;
}

export function onCleanUp(cleanUp: () => void): void {
  cleanUps.push(cleanUp);
}

export function blobPath(root: string, key: string): string {
  return join(root, 'blobs', key.slice(0, 2), key);
}

/** Every file below the root but those of the claim. */
export function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('lock'))
    .map((entry) => join(entry.parentPath, entry.name));
}
