import { CallfsError } from '@callfs/core';
import type { CommitGuard } from '../metadata-store';
import type { Statements } from './statement-cache';

/** The row that says up to which number fences may have been given. No lock has an empty name. */
const RESERVED = '';

/** The fences that were raised: few, so the writer has them all at hand. */
export class FenceRows {
  private readonly raised = new Map<string, number>();

  constructor(private readonly sql: Statements) {
    for (const { name, token } of sql.all<{ name: string; token: number }>(
      'SELECT name, token FROM fence WHERE name <> ?',
      RESERVED,
    ))
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
      this.write(name, token);
      this.raised.set(name, Math.max(token, this.raised.get(name) ?? 0));
    }
  }

  /** Sets `count` numbers aside, above all that were given or raised; the one before the first of them. */
  reserve(count: number): number {
    const last = this.sql.get<{ token: number }>('SELECT coalesce(max(token), 0) AS token FROM fence')?.token ?? 0;
    this.write(RESERVED, last + count);
    return last;
  }

  private write(name: string, token: number): void {
    const upsert =
      'INSERT INTO fence (name, token) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET token = max(token, excluded.token)';
    this.sql.run(upsert, name, token);
  }
}
