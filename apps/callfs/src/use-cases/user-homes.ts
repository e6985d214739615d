import { CallfsError, nowNs } from '@callfs/core';
import type { MetadataStore } from '@callfs/metadata';

export interface HomeOwner {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const ROOT = { uid: 0, gid: 0 };

/** Gives each of `owners` a `/home/<name>` (0750, its own) unless something is there; what was removed since is made again. */
export async function ensureHomes(store: MetadataStore, owners: readonly HomeOwner[]): Promise<void> {
  for (const { name, uid, gid } of owners) {
    const { inodes } = await store.resolve(['home', name]);
    const [root, home, own] = inodes;
    if (!root || own || (home && home.type !== 'directory')) continue;
    const steps = inodes.map((inode) => ({ id: inode.id, mode: inode.mode, uid: inode.uid, gid: inode.gid }));
    const missing = home ? [] : [{ name: 'home', mode: 0o755, ...ROOT }];
    const directory = { names: home ? ['home'] : [], steps };
    const attributes = { mode: 0o750, uid, gid, mtimeNs: nowNs() };
    try {
      await store.createDirectory({ directory, missing, name }, attributes);
    } catch (error) {
      // Another node starts at the same moment and has just made it.
      if (!CallfsError.is(error, 'CONFLICT')) throw error;
    }
  }
}
