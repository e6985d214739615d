import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLocalfs } from '@callfs/storage';
import { storageProviderSuite } from '../src/testing/storage-provider-suite';

for (const durability of ['full', 'relaxed'] as const) {
  const root = mkdtempSync(join(tmpdir(), 'callfs-localfs-'));
  storageProviderSuite(`localfs, durability ${durability}`, {
    open: () => openLocalfs({ rootPath: root, durability, fileOpTimeoutMs: 10_000 }),
    leftovers: async () => {
      const complete = new Set(readdirSync(join(root, 'blobs'), { recursive: true }).map((name) => String(name).slice(3)));
      return readdirSync(join(root, 'staging')).filter((name) => !complete.has(name));
    },
    close: async () => rmSync(root, { recursive: true }),
    root,
    finishesDeletedReads: true,
    isClaimable: true,
  });
}
