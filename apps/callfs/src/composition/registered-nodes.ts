import type { MetadataTables } from '@callfs/metadata';

interface NodeRow {
  readonly instance_id: string;
  readonly boot_id: string;
  readonly heartbeat_ms: number;
}

/** A run of a node, as it was seen last. */
interface Sighting {
  readonly bootId: string;
  readonly heartbeatMs: number;
  /** When the heartbeat was first seen like this, by this node's monotonic clock. */
  readonly sinceMs: number;
}

/** A node whose heartbeat does not change for so long is taken for dead; its leases have long ended by then. */
const DEAD_AFTER_MS = 60_000;
/** The registry is asked no more often than this, however many locks are looked at. */
const ASK_EVERY_MS = 1_000;

/**
 * Which runs of the nodes are alive, as far as the registry of the metadata store knows. Each node writes heartbeats by
 * its own clock, and clocks differ: so what counts is whether a heartbeat changes, not what it says.
 */
export class RegisteredNodes {
  private sightings = new Map<string, Sighting>();
  private asked: { readonly atMs: number; readonly done: Promise<void> } | undefined;

  constructor(
    private readonly tables: Pick<MetadataTables, 'read'>,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Dead when the node is registered under another boot id, or its heart has stopped. Nobody knows: alive. */
  async isAlive(instanceId: string, bootId: string): Promise<boolean> {
    await this.look();
    const seen = this.sightings.get(instanceId);
    if (!seen) return true;
    // 0: it has said goodbye.
    return seen.bootId === bootId && seen.heartbeatMs !== 0 && this.nowMs() - seen.sinceMs < DEAD_AFTER_MS;
  }

  private look(): Promise<void> {
    const atMs = this.nowMs();
    if (!this.asked || atMs - this.asked.atMs >= ASK_EVERY_MS) this.asked = { atMs, done: this.read(atMs) };
    return this.asked.done;
  }

  private async read(atMs: number): Promise<void> {
    const rows = await this.tables.read<NodeRow>('nodes', 'SELECT instance_id, boot_id, heartbeat_ms FROM node');
    const next = new Map<string, Sighting>();
    for (const { instance_id, boot_id: bootId, heartbeat_ms: heartbeatMs } of rows) {
      const before = this.sightings.get(instance_id);
      const isSame = before?.bootId === bootId && before.heartbeatMs === heartbeatMs;
      next.set(instance_id, isSame ? before : { bootId, heartbeatMs, sinceMs: atMs });
    }
    this.sightings = next;
  }
}
