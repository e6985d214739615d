import { CallfsError } from '@callfs/core';
import type { FenceSource, LockGuard } from '../lock-contract';

/** A file's worth of metadata: it has fences, and takes a commit from whoever was not overtaken. */
export class FencedCell implements FenceSource {
  readonly commits: string[] = [];
  raises = 0;
  private fence = 0;
  private readonly raised = new Map<string, number>();

  async nextFence(): Promise<number> {
    return ++this.fence;
  }

  async raiseFence(lockNames: readonly string[]): Promise<void> {
    this.raises++;
    const token = ++this.fence;
    for (const name of lockNames) this.raised.set(name, token);
  }

  /** `STALE_LOCK` as the metadata stores have it. */
  commit(value: string, { guard }: { readonly guard: LockGuard }): void {
    const overtaken = guard.lockNames.find((name) => (this.raised.get(name) ?? 0) > guard.fence);
    if (overtaken !== undefined) throw new CallfsError('STALE_LOCK', `The lock on ${overtaken} was lost before the commit.`);
    this.commits.push(value);
  }
}
