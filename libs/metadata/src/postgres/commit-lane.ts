import type { Inode, InodeId } from '@callfs/core';
import { inodeOf, type InodeRow } from '../inode-row';
import { NEEDS_EXCLUSIVE, refusal } from './postgres-errors';
import type { Changes } from './sessions';

/** A change on its way: what the functions of the tree take, and the inodes whose rows it reads or writes. */
export interface TreeChange {
  readonly op: string;
  readonly inodes: readonly InodeId[];
  readonly bytes?: Buffer | null;
  readonly [field: string]: unknown;
}

interface Pending {
  readonly change: TreeChange;
  exclusive: boolean;
  readonly resolve: (inode: Inode | null) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly inode: InodeRow | null } | { readonly state: string; readonly reason: string };

/** More subtransactions than this are slow for everybody (PostgreSQL keeps 64 of each connection in memory). */
const BATCH_MAX = 60;
const COMMIT = { name: 'callfs_commit', text: 'SELECT callfs_commit($1, $2, $3, $4) AS results' };

/**
 * Group commit: what comes while a commit is under way shares the next one, so that one round trip and one sync serve
 * many. Each change is a subtransaction of it and fails alone. Changes of directories go by themselves, under the
 * exclusive lock; which those are the database says.
 */
export class CommitLane {
  private readonly waiting: Pending[] = [];
  private running: Promise<void> | undefined;

  /** Told of each commit, for tests. */
  commits = 0;

  constructor(private readonly sessions: Changes) {}

  run(change: TreeChange): Promise<Inode | null> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ change, exclusive: false, resolve, reject });
      this.running ??= this.work();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  private async work(): Promise<void> {
    // What this turn of the event loop asks for goes together.
    await new Promise(setImmediate);
    for (let batch = this.take(); batch.length > 0; batch = this.take()) await this.commit(batch);
    this.running = undefined;
  }

  private take(): Pending[] {
    const [first] = this.waiting;
    if (first?.exclusive) return this.waiting.splice(0, 1);
    const end = this.waiting.findIndex(({ exclusive }) => exclusive);
    return this.waiting.splice(0, Math.min(BATCH_MAX, end === -1 ? this.waiting.length : end));
  }

  private async commit(batch: readonly Pending[]): Promise<void> {
    const exclusive = batch[0]?.exclusive ?? false;
    const ops = batch.map(({ change: { inodes: _inodes, bytes: _bytes, ...op } }) => ({ ...op, exclusive }));
    const bytes = batch.map(({ change }) => change.bytes ?? null);
    const inodes = [...new Set(batch.flatMap(({ change }) => change.inodes))];
    try {
      const [row] = await this.sessions.change<{ results: Outcome[] }>(COMMIT, [
        JSON.stringify(ops, plain),
        bytes,
        inodes,
        exclusive,
      ]);
      this.commits++;
      batch.forEach((pending, index) => this.settle(pending, row?.results[index]));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  private settle(pending: Pending, outcome: Outcome | undefined): void {
    if (outcome && 'inode' in outcome) return pending.resolve(outcome.inode && inodeOf(outcome.inode));
    const { state = '', reason = 'no outcome' } = outcome ?? {};
    if (state !== NEEDS_EXCLUSIVE || pending.exclusive) return pending.reject(refusal(state, reason));
    pending.exclusive = true;
    this.waiting.unshift(pending);
  }
}

/** Nanoseconds are wider than a number of JSON that is read as one. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
