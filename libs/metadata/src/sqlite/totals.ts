import type { Statements } from './statement-cache';

export type TotalName = 'files' | 'directories' | 'inline_bytes' | 'blob_bytes';

/** Running totals: gathered while operations run, written once with the transaction that holds them. */
export class Totals {
  private readonly pending = new Map<TotalName, number>();

  constructor(private readonly sql: Statements) {}

  add(name: TotalName, amount: number): void {
    if (amount !== 0) this.pending.set(name, (this.pending.get(name) ?? 0) + amount);
  }

  /** For an operation that may be undone alone: call what comes back to undo its part. */
  mark(): () => void {
    const before = new Map(this.pending);
    return () => {
      this.pending.clear();
      for (const [name, amount] of before) this.pending.set(name, amount);
    };
  }

  /** Forgets what was gathered for a transaction that was undone. */
  reset(): void {
    this.pending.clear();
  }

  flush(): void {
    for (const [name, amount] of this.pending)
      this.sql.run('UPDATE statistic SET value = value + ? WHERE name = ?', amount, name);
    this.pending.clear();
  }
}
