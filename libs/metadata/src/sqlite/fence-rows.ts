import { CallfsError } from '@callfs/core';
import type { CommitGuard } from '../metadata-store';
import type { Statements } from './statement-cache';

/** The fences that were raised: few, so the writer has them all at hand. */
export class FenceRows {
  private readonly raised = new Map<string, number>();

  constructor(private readonly sql: Statements) {
    for (const { name, token } of sql.all<{ name: string; token: number }>('SELECT name, token FROM fence'))
      this.raised.set(name, token);
  }

  /** `STALE_LOCK` when the holder was overtaken. */
  check({ lockNames, fence }: CommitGuard): void {
    if (this.raised.size === 0) return;
    const overtaken = lockNames.find((name) => (this.raised.get(name) ?? 0) > fence);
    if (overtaken === undefined) return;
    throw new CallfsError('STALE_LOCK', `The lock on ${overtaken} was lost before the commit; nothing has changed. Try again.`);
  }

  raise(lockNames: readonly string[], token: number): void {
    for (const name of lockNames) {
      this.sql.run(
        'INSERT INTO fence (name, token) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET token = max(token, excluded.token)',
        name,
        token,
      );
      this.raised.set(name, Math.max(token, this.raised.get(name) ?? 0));
    }
  }

  get highest(): number {
    return Math.max(0, ...this.raised.values());
  }
}
