import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIRECTORY_PREFIX } from './server';

/** A file system of its own, in memory, that really runs out of space. */
export class SmallDisk {
  private constructor(readonly path: string) {}

  static mount(sizeBytes: number): SmallDisk {
    if (process.getuid?.() !== 0)
      throw new Error(
        'Tests of a full disk mount one of their own: run them as root, or under `unshare --user --map-root-user --mount`.',
      );
    const path = mkdtempSync(join(tmpdir(), `${DIRECTORY_PREFIX}disk-`));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path]);
    return new SmallDisk(path);
  }

  makeReadOnly(): void {
    execFileSync('mount', ['-o', 'remount,ro', this.path]);
  }

  unmount(): void {
    execFileSync('umount', ['--lazy', this.path]);
    rmdirSync(this.path);
  }
}
