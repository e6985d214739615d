import type { MetadataTables } from '@callfs/metadata';

/** A node as it is registered, and since when it has been seen like this. */
export interface SeenNode {
  readonly instanceId: string;
  /** Which run of it. */
  readonly bootId: string;
  readonly endpoint: string;
  readonly version: string;
  readonly startedMs: number;
  /** By its own clock; 0: it has said goodbye. */
  readonly heartbeatMs: number;
  /** When the heartbeat was first seen like this, by this node's monotonic clock. */
  readonly sinceMs: number;
}

/** `alive`: its heartbeat changes; `silent`: it has not for a while; `stopped`: it said goodbye. */
export type NodeState = 'alive' | 'silent' | 'stopped';

export const HEARTBEAT_MS = 5_000;
/** Three heartbeats that did not come. */
const SILENT_AFTER_MS = 3 * HEARTBEAT_MS;
/** A node whose heartbeat does not change for so long is taken for dead; its leases have long ended by then. */
const DEAD_AFTER_MS = 60_000;
/** However many locks are looked at, the registry is asked no more often than this. */
const ASK_EVERY_MS = 1_000;

interface NodeRow {
  readonly instance_id: string;
  readonly boot_id: string;
  readonly endpoint: string;
  readonly version: string;
  readonly started_ms: number;
  readonly heartbeat_ms: number;
}

const NODES = 'SELECT instance_id, boot_id, endpoint, version, started_ms, heartbeat_ms FROM node ORDER BY instance_id';

/**
 * The nodes of the cluster as this one sees them in the registry of the metadata store. Each node writes heartbeats by its
 * own clock, and clocks differ: so what counts is whether a heartbeat changes, not what it says.
 */
export class NodeSightings {
  private nodes: ReadonlyMap<string, SeenNode> = new Map();
  private asked: { readonly atMs: number; readonly done: Promise<void> } | undefined;
  /** When the reading began that `nodes` is from. */
  private readAtMs = -Infinity;
  /** Boot ids of runs that were followed by others: they do not come back. */
  private readonly ended = new Set<string>();

  constructor(
    private readonly tables: Pick<MetadataTables, 'read'>,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** All that ever registered and were not forgotten, by name; what was read within the last `maxAgeMs` is used again. */
  async look(maxAgeMs = 0): Promise<ReadonlyMap<string, SeenNode>> {
    const atMs = this.nowMs();
    if (!this.asked || atMs - this.asked.atMs >= maxAgeMs) this.asked = { atMs, done: this.read(atMs) };
    await this.asked.done;
    return this.nodes;
  }

  /** The same as it was seen last, without asking. */
  get last(): ReadonlyMap<string, SeenNode> {
    return this.nodes;
  }

  stateOf({ heartbeatMs, sinceMs }: SeenNode): NodeState {
    if (heartbeatMs === 0) return 'stopped';
    return this.nowMs() - sinceMs < SILENT_AFTER_MS ? 'alive' : 'silent';
  }

  /**
   * Whether the leases of a run may still be held: not when the node is registered under another boot id, or its heart has
   * stopped for long. Nobody knows: alive.
   */
  async isRunAlive(instanceId: string, bootId: string): Promise<boolean> {
    if (this.ended.has(bootId)) return false;
    let seen = (await this.look(ASK_EVERY_MS)).get(instanceId);
    // The run may have begun after that was read; it registers before it takes its first lease.
    if (seen && seen.bootId !== bootId) seen = (await this.look()).get(instanceId);
    if (!seen) return true;
    if (seen.bootId !== bootId) this.ended.add(bootId);
    return seen.bootId === bootId && seen.heartbeatMs !== 0 && this.nowMs() - seen.sinceMs < DEAD_AFTER_MS;
  }

  private async read(atMs: number): Promise<void> {
    const rows = await this.tables.read<NodeRow>('node', NODES);
    // Of two that were under way at once the later one counts.
    if (atMs < this.readAtMs) return;
    this.readAtMs = atMs;
    this.nodes = new Map(rows.map((row) => [row.instance_id, this.seen(row, atMs)]));
  }

  private seen(row: NodeRow, atMs: number): SeenNode {
    const { instance_id: instanceId, boot_id: bootId, heartbeat_ms: heartbeatMs, started_ms: startedMs } = row;
    const before = this.nodes.get(instanceId);
    const isSame = before?.bootId === bootId && before.heartbeatMs === heartbeatMs;
    const { endpoint, version } = row;
    return { instanceId, bootId, endpoint, version, startedMs, heartbeatMs, sinceMs: isSame ? before.sinceMs : atMs };
  }
}
