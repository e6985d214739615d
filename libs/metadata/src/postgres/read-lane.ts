import type { Inode, InodeId } from '@callfs/core';
import { LRUCache } from 'lru-cache';
import type { Client } from 'pg';
import { inodeOf, type InodeRow } from '../inode-row';
import type { Resolution } from '../metadata-store';
import { metadataError } from './postgres-errors';
import { RESOLVE_MANY, SNAPSHOT } from './read-statements';
import { isConnectionLost, type Prepared } from './sessions';

interface Asked {
  readonly key: string;
  readonly names: readonly string[];
  readonly data: boolean;
  readonly resolve: (found: Resolution) => void;
  readonly reject: (error: unknown) => void;
}

/** A row is one of three: the snapshot alone, the inodes that a path led to, or one of these inodes. */
type Row = Partial<InodeRow> & {
  readonly at: string | null;
  readonly path: number | null;
  readonly ids: string | null;
  readonly data: Buffer | null;
};

const BATCH_MAX = 64;
const PATHS_BYTES = 32 * 2 ** 20;
const INODE_BYTES = 400;

/**
 * Resolves paths on a connection of its own. What is asked for while a statement is under way goes with the next one, so
 * that many readers share a round trip; none is answered by a statement that was sent before it came.
 *
 * What was found is kept, and is as good as read anew while PostgreSQL tells the same snapshot: which transactions are
 * over and which are not. As long as none has ended in between, every statement sees the same rows, so that a path which
 * is known costs a comparison of two texts, on every node, for as long as nobody writes. The snapshots of a server that
 * was started again mean something else; then the connection is another, and nothing is known.
 */
export class ReadLane {
  private waiting: Asked[] = [];
  private running: Promise<void> | undefined;
  private client: Client | undefined;
  /** What everything in `known` was read in. */
  private snapshot = '';
  /** Bounded by its size alone: with a number of entries besides, emptying it would take 90 µs, before each read while others write. */
  private readonly known = new LRUCache<string, Resolution>({
    maxSize: PATHS_BYTES,
    sizeCalculation: ({ inodes, data }) => inodes.length * INODE_BYTES + (data?.length ?? 0),
  });

  constructor(private readonly connect: () => Promise<Client>) {}

  resolve(names: readonly string[], data: boolean): Promise<Resolution> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ key: `${data ? 1 : 0}/${names.join('/')}`, names, data, resolve, reject });
      this.running ??= this.work();
    });
  }

  /** Lets what is under way come to its end, and the connection go. */
  async close(): Promise<void> {
    while (this.running) await this.running;
    await this.client?.end().catch(() => undefined);
    this.client = undefined;
  }

  private async work(): Promise<void> {
    // What this turn of the event loop asks for goes together.
    await new Promise(setImmediate);
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, BATCH_MAX);
      try {
        await this.answerTwice(batch);
      } catch (error) {
        this.letGo();
        // Those that came meanwhile have waited for the same server.
        for (const { reject } of [...batch, ...this.waiting.splice(0)]) reject(metadataError(error));
      }
    }
    this.running = undefined;
  }

  /** A connection that was found dead is replaced by another, once. */
  private async answerTwice(batch: readonly Asked[]): Promise<void> {
    try {
      await this.answer(batch);
    } catch (error) {
      if (!this.client || !isConnectionLost(error)) throw error;
      this.letGo();
      await this.answer(batch);
    }
  }

  private async answer(batch: readonly Asked[]): Promise<void> {
    const found = batch.map(({ key }) => this.known.get(key));
    const asked = batch.filter((_, index) => !found[index]);
    if (await (asked.length === 0 ? this.look() : this.read(asked))) {
      batch.forEach(({ resolve }, index) => found[index] && resolve(found[index]));
      return;
    }
    const known = batch.filter((_, index) => found[index]);
    if (known.length > 0) await this.read(known);
  }

  /** Whether what is known is as it was; if not, nothing is known any more. */
  private async look(): Promise<boolean> {
    const [row] = await this.query<{ at: string }>(SNAPSHOT, []);
    return this.isStill(row?.at ?? '');
  }

  /** Answers from the rows themselves. Whether what else is known is as it was. */
  private async read(asked: readonly Asked[]): Promise<boolean> {
    let start = 0;
    const starts = asked.map(({ names }) => (start += names.length) - names.length);
    const lengths = asked.map(({ names }) => names.length);
    const rows = await this.query<Row>(RESOLVE_MANY, [
      asked.flatMap(({ names }) => names),
      starts,
      lengths,
      asked.map(({ data }) => data),
    ]);
    const inodes = new Map<InodeId, Inode>();
    const contents = new Map<InodeId, Buffer>();
    const ways: InodeId[][] = [];
    let snapshot = '';
    for (const row of rows) {
      if (row.at !== null) snapshot = row.at;
      else if (row.path !== null) ways[row.path - 1] = (row.ids ?? '').split(',').map(Number);
      else {
        const inode = inodeOf(row as InodeRow);
        inodes.set(inode.id, inode);
        if (row.data) contents.set(inode.id, row.data);
      }
    }
    const isStill = this.isStill(snapshot);
    asked.forEach(({ key, names, data, resolve }, index) => {
      const met = (ways[index] ?? []).map((id) => inodes.get(id)).filter((inode) => inode !== undefined);
      const last = met[names.length];
      const found = { inodes: met, data: (data && last && contents.get(last.id)) || null };
      this.known.set(key, found);
      resolve(found);
    });
    return isStill;
  }

  private isStill(snapshot: string): boolean {
    if (snapshot === this.snapshot) return true;
    this.known.clear();
    this.snapshot = snapshot;
    return false;
  }

  private letGo(): void {
    this.client?.end().catch(() => undefined);
    this.client = undefined;
    this.isStill('');
  }

  private async query<R>(statement: Prepared, values: readonly unknown[]): Promise<R[]> {
    const client = (this.client ??= await this.opened());
    return (await client.query<R & object>({ ...statement, values: [...values] })).rows;
  }

  private async opened(): Promise<Client> {
    const client = await this.connect();
    client.once('end', () => {
      if (this.client === client) this.letGo();
    });
    return client;
  }
}
