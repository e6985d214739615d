/** Numbers set aside by one durable write. After a restart, those that were not given are lost, and nothing else. */
const RESERVED_AT_ONCE = 1_000_000;

/** Gives fences out of memory, each above all that were given or raised before, also before a restart. */
export class Fences {
  private last = 0;
  private end = 0;
  private reserving: Promise<void> | undefined;

  /** `reserve` sets numbers aside durably and resolves to the one before the first. */
  constructor(private readonly reserve: (count: number) => Promise<number>) {}

  async next(): Promise<number> {
    while (this.last >= this.end) await (this.reserving ??= this.refill());
    return ++this.last;
  }

  private async refill(): Promise<void> {
    try {
      this.last = await this.reserve(RESERVED_AT_ONCE);
      this.end = this.last + RESERVED_AT_ONCE;
    } finally {
      this.reserving = undefined;
    }
  }
}
