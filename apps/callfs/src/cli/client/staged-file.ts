import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What a signal takes away. */
const unfinished = new Set<StagedFile>();

/**
 * The name of a file while it is written, until it is complete. A signal that ends the program takes the file away
 * first; only SIGKILL leaves it.
 */
export class StagedFile {
  private constructor(readonly path: string) {}

  /** `prefix` and what makes it a name that nobody has: `PREFIX<16 digits>.part`. */
  static beginningWith(prefix: string): StagedFile {
    const staged = new StagedFile(`${prefix}${randomBytes(8).toString('hex')}.part`);
    if (unfinished.size === 0) for (const signal of SIGNALS) process.on(signal, endBy);
    unfinished.add(staged);
    return staged;
  }

  /** It gets the name that it was meant for, in place of what may have that. */
  async becomes(path: string): Promise<void> {
    await rename(this.path, path);
    this.forget();
  }

  /** Whatever was written of it goes. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true });
    this.forget();
  }

  private forget(): void {
    unfinished.delete(this);
    if (unfinished.size === 0) for (const signal of SIGNALS) process.off(signal, endBy);
  }
}

function endBy(signal: NodeJS.Signals): void {
  for (const { path } of unfinished) rmSync(path, { force: true });
  for (const each of SIGNALS) process.off(each, endBy);
  process.kill(process.pid, signal);
}
