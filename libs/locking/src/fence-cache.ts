import type { FenceSource } from './lock-contract';

/**
 * A fence need not be new for each lock, only given after every fence that was raised for its names: so one is kept
 * until the lease store knows of a higher floor. It is always one that was given before the lease was: whatever is
 * raised while the lease is held is above it.
 */
export class FenceCache {
  private latest: number | undefined;

  constructor(private readonly source: FenceSource) {}

  /** The one at hand, if there is any. */
  get current(): number | undefined {
    return this.latest;
  }

  async next(): Promise<number> {
    const fence = await this.source.nextFence();
    this.latest = Math.max(fence, this.latest ?? 0);
    return fence;
  }

  /** Somebody knows of a higher one. */
  forget(): void {
    this.latest = undefined;
  }

  raise(names: readonly string[]): Promise<void> {
    return this.source.raiseFence(names);
  }
}
