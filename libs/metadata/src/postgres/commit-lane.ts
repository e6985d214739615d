import type { Inode, InodeId } from '@callfs/core';
import { inodeOf, type InodeRow } from '../inode-row';
import { NEEDS_EXCLUSIVE, refusal } from './postgres-errors';
import type { Changes } from './sessions';
import { smallWritesOf, type SmallWrite } from './small-writes';

/** A change on its way: what the functions of the tree take, and the inodes whose rows it reads or writes. */
export interface TreeChange {
  readonly op: string;
  readonly inodes: readonly InodeId[];
  readonly bytes?: Buffer | null;
  /** The same for the statements that make many of them at once. */
  readonly small?: SmallWrite | undefined;
  readonly [field: string]: unknown;
}

/** `together`: with all other small writes of the batch; `each`: in a subtransaction; `exclusive`: alone, under the exclusive lock. */
type Way = 'together' | 'each' | 'exclusive';

interface Pending {
  readonly change: TreeChange;
  way: Way;
  readonly resolve: (inode: Inode | null) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly inode: InodeRow | null } | { readonly state: string; readonly reason: string };

interface Outcomes {
  /** Of the small writes, those that replaced and those that created, each with its place; null when each is to be made by itself. */
  readonly small: readonly (readonly (InodeRow & { readonly n: number })[])[] | null;
  readonly results: Outcome[];
}

/** More subtransactions than this are slow for everybody (PostgreSQL keeps 64 of each connection in memory). */
const SUBTRANSACTIONS_MAX = 60;
const BATCH_MAX = 240;
/** Contents of up to 1 MiB may be kept inline; those of a batch are in memory twice, here and there. */
const BATCH_BYTES = 4 * 2 ** 20;
const COMMIT = { name: 'callfs_commit', text: 'SELECT callfs_commit($1, $2, $3, $4) AS results' };
const COMMIT_SMALL = { name: 'callfs_commit_small', text: 'SELECT callfs_commit_small($1, $2, $3, $4, $5) AS outcomes' };

/**
 * Group commit: what comes while a commit is under way shares the next one, so that one round trip and one sync serve
 * many. Small writes are made by the same few statements, all or none; if there is one among them that must be refused,
 * they are made again, each by itself. Each other change is a subtransaction and fails alone. Changes of directories go by
 * themselves, under the exclusive lock; which those are the database says.
 */
export class CommitLane {
  private readonly waiting: Pending[] = [];
  private running: Promise<void> | undefined;

  /** Told of each commit, for tests. */
  commits = 0;

  constructor(private readonly sessions: Changes) {}

  run(change: TreeChange): Promise<Inode | null> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ change, way: change.small ? 'together' : 'each', resolve, reject });
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
    if (this.waiting[0]?.way === 'exclusive') return this.waiting.splice(0, 1);
    let subtransactions = 0;
    let bytes = 0;
    const end = this.waiting.findIndex(({ way, change }, index) => {
      if (way === 'each') subtransactions++;
      bytes += change.bytes?.length ?? 0;
      const isFull = index === BATCH_MAX || subtransactions > SUBTRANSACTIONS_MAX || (index > 0 && bytes > BATCH_BYTES);
      return way === 'exclusive' || isFull;
    });
    return this.waiting.splice(0, end === -1 ? this.waiting.length : end);
  }

  private async commit(batch: readonly Pending[]): Promise<void> {
    const together = batch.filter(({ way }) => way === 'together');
    const others = batch.filter(({ way }) => way !== 'together');
    try {
      const { small, results } = await this.send(together, others);
      this.commits++;
      others.forEach((pending, index) => this.settle(pending, results[index]));
      if (!small) return this.again(together, 'each');
      const made = new Map(small.flat().map((inode) => [inode.n, { inode }]));
      together.forEach((pending, n) => this.settle(pending, made.get(n)));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  private async send(together: readonly Pending[], others: readonly Pending[]): Promise<Outcomes> {
    const exclusive = others[0]?.way === 'exclusive';
    const ops = others.map(({ change: { inodes: _inodes, bytes: _bytes, small: _small, ...op } }) => ({ ...op, exclusive }));
    const bytes = others.map(({ change }) => change.bytes ?? null);
    const inodes = [...new Set([...together, ...others].flatMap(({ change }) => change.inodes))];
    if (together.length === 0) {
      const values = [JSON.stringify(ops, plain), bytes, inodes, exclusive];
      const [row] = await this.sessions.change<{ results: Outcome[] }>(COMMIT, values);
      return { small: [], results: row?.results ?? [] };
    }
    const { rows, data } = smallWritesOf(together.map(({ change }) => change));
    const values = [JSON.stringify(ops, plain), bytes, inodes, JSON.stringify(rows, plain), data];
    const [row] = await this.sessions.change<{ outcomes: Outcomes }>(COMMIT_SMALL, values);
    return row?.outcomes ?? { small: null, results: [] };
  }

  private settle(pending: Pending, outcome: Outcome | undefined): void {
    if (outcome && 'inode' in outcome) return pending.resolve(outcome.inode && inodeOf(outcome.inode));
    const { state = '', reason = 'no outcome' } = outcome ?? {};
    if (state !== NEEDS_EXCLUSIVE || pending.way === 'exclusive') return pending.reject(refusal(state, reason));
    this.again([pending], 'exclusive');
  }

  private again(refused: readonly Pending[], way: Way): void {
    for (const pending of refused) pending.way = way;
    this.waiting.unshift(...refused);
  }
}

/** Nanoseconds are wider than a number of JSON that is read as one. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
