import type { MetadataStore, TableValue } from '@callfs/metadata';
import type { BlobFinding } from './blob-audit';

/** How far the check of a place has come, as it is remembered across restarts. */
export interface ScrubState {
  readonly dueMs: number;
  readonly startedMs: number;
  /** 0 while a pass is under way, and before the first. */
  readonly finishedMs: number;
  /** The number of the content that was checked last. */
  readonly position: number;
  readonly blobs: number;
  readonly bytes: number;
}

/** A blob that was found to be other than it should be and could not be replaced. */
export interface RecordedDamage {
  readonly key: string;
  readonly content_id: number;
  readonly problem: string;
  readonly found_ms: number;
}

interface Place {
  readonly backend: string;
  readonly instanceId: string;
}

const STATE = `SELECT due_ms AS "dueMs", started_ms AS "startedMs", finished_ms AS "finishedMs", position, blobs, bytes
  FROM scrub WHERE backend = ? AND instance_id = ?`;
const SAVE = `INSERT INTO scrub (backend, instance_id, due_ms, started_ms, finished_ms, position, blobs, bytes)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (backend, instance_id) DO UPDATE SET
  due_ms = excluded.due_ms, started_ms = excluded.started_ms, finished_ms = excluded.finished_ms,
  position = excluded.position, blobs = excluded.blobs, bytes = excluded.bytes`;
/** What has been replaced, moved or removed since is no damage any more. */
const DAMAGE = `SELECT d.key, d.content_id, d.problem, d.found_ms FROM damage d
  JOIN replica r ON r.backend = d.backend AND r.instance_id = d.instance_id AND r.key = d.key
  WHERE d.backend = ? AND d.instance_id = ? ORDER BY d.found_ms, d.key LIMIT 1000`;
const RECORD = `INSERT INTO damage (backend, instance_id, key, content_id, problem, found_ms) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (backend, instance_id, key) DO UPDATE SET problem = excluded.problem, found_ms = excluded.found_ms`;
const FORGET = 'DELETE FROM damage WHERE backend = ? AND instance_id = ? AND found_ms < ?';

/** The rows in the metadata that say how far a scrub has come and what it found. */
export class ScrubStates {
  constructor(private readonly store: MetadataStore) {}

  async load({ backend, instanceId }: Place): Promise<ScrubState | undefined> {
    const [state] = await this.store.tables.read<ScrubState>('scrub', STATE, backend, instanceId);
    return state;
  }

  async save({ backend, instanceId }: Place, state: ScrubState): Promise<void> {
    const { dueMs, startedMs, finishedMs, position, blobs, bytes } = state;
    const values: TableValue[] = [dueMs, startedMs, finishedMs, position, blobs, bytes];
    await this.store.tables.write('scrub', SAVE, backend, instanceId, ...values);
  }

  damage({ backend, instanceId }: Place): Promise<RecordedDamage[]> {
    return this.store.tables.read('scrub', DAMAGE, backend, instanceId);
  }

  async record({ problem, detail, content, replica }: BlobFinding): Promise<void> {
    const { backend, instanceId, key } = replica;
    await this.store.tables.write('scrub', RECORD, backend, instanceId, key, content.id, `${problem}: ${detail}`, Date.now());
  }

  /** What a pass that began then did not find again. */
  async forgetBefore({ backend, instanceId }: Place, timeMs: number): Promise<void> {
    await this.store.tables.write('scrub', FORGET, backend, instanceId, timeMs);
  }
}
