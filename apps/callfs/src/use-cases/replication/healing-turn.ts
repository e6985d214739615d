import type { MetadataTables } from '@callfs/metadata';

/** A turn that is not kept ends after this. */
const LENGTH_MS = 30_000;
const KEEP_EVERY_MS = 5_000;

/** The row of the sweeps that says until when somebody heals; no backend has this name. */
const FIRST = "INSERT INTO sweep (backend, instance_id, due_ms) VALUES ('replicas', '', 0) ON CONFLICT DO NOTHING";

/**
 * Whose turn it is to heal: a row with the time until which somebody does, moved on by whoever wrote it for as long as the
 * work goes on, by the one clock that all nodes share. It saves work and guarantees nothing.
 */
export class HealingTurn {
  private until = 0;
  private sinceMs = -Infinity;

  constructor(private readonly tables: MetadataTables) {}

  /** Whether this node has it, or has just taken it; to be asked again and again during long work. */
  async has(): Promise<boolean> {
    if (performance.now() - this.sinceMs < KEEP_EVERY_MS) return true;
    const { now } = this.tables;
    const take = `UPDATE sweep SET due_ms = ${now} + ? WHERE backend = 'replicas' AND instance_id = ''
      AND (due_ms < ${now} OR due_ms = ?) RETURNING due_ms`;
    const [, taken = []] = await this.tables.transaction('healing', [
      { sql: FIRST },
      { sql: take, parameters: [LENGTH_MS, this.until] },
    ]);
    const [row] = taken as { due_ms: number }[];
    if (!row) return false;
    this.until = row.due_ms;
    this.sinceMs = performance.now();
    return true;
  }
  /** Lets another have it, now that the work is done. */
  async release(): Promise<void> {
    if (this.until === 0) return;
    const sql = "UPDATE sweep SET due_ms = 0 WHERE backend = 'replicas' AND instance_id = '' AND due_ms = ?";
    await this.tables.write('healing', sql, this.until);
    this.until = 0;
    this.sinceMs = -Infinity;
  }
}
