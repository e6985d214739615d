import { Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { CallfsError } from '@callfs/core';
import type { MetadataTables } from '@callfs/metadata';

/** This node, as the others get to know it. */
export interface ThisNode {
  readonly instanceId: string;
  /** Which run of it. */
  readonly bootId: string;
  readonly version: string;
}

export interface RegisteredNode {
  readonly instanceId: string;
  readonly bootId: string;
  readonly endpoint: string;
  readonly version: string;
  readonly startedMs: number;
  /** By its own clock; 0: it has said goodbye. */
  readonly heartbeatMs: number;
  /** `alive`: its heartbeat changes; `silent`: it has not for a while; `stopped`: it said goodbye. */
  readonly state: 'alive' | 'silent' | 'stopped';
}

/** What a node that is forgotten leaves behind. */
export interface Forgotten {
  readonly instanceId: string;
  /** Blobs that only its own disk has: their files cannot be read any more. */
  readonly blobsLost: number;
}

interface NodeRow {
  readonly instance_id: string;
  readonly boot_id: string;
  readonly endpoint: string;
  readonly version: string;
  readonly started_ms: number;
  readonly heartbeat_ms: number;
}

const HEARTBEAT_MS = 5_000;
/** Three heartbeats that did not come. */
const SILENT_AFTER_MS = 3 * HEARTBEAT_MS;

const REGISTER = `INSERT INTO node (instance_id, boot_id, endpoint, version, started_ms, heartbeat_ms) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (instance_id) DO UPDATE SET boot_id = excluded.boot_id, endpoint = excluded.endpoint, version = excluded.version,
  started_ms = excluded.started_ms, heartbeat_ms = excluded.heartbeat_ms`;
const BEAT = 'UPDATE node SET heartbeat_ms = ? WHERE instance_id = ? AND boot_id = ? RETURNING boot_id';
const ONLY_THERE = `SELECT count(*) AS count FROM replica r WHERE r.instance_id = ? AND NOT EXISTS
  (SELECT 1 FROM replica o WHERE o.content_id = r.content_id AND o.instance_id <> r.instance_id)`;

/**
 * The nodes of the cluster, in the metadata that they share. Each writes heartbeats; nobody compares clocks: a node lives
 * while its heartbeat changes, as seen from here. A name belongs to whoever registered under it last: a run that finds
 * its name taken says so in its readiness and its log, since two nodes with one name would look for blobs on each
 * other's disk.
 */
export class NodeRegistry implements BeforeApplicationShutdown {
  private readonly logger = new Logger(NodeRegistry.name);
  /** Per node: the heartbeat that was seen last, and since when by our monotonic clock. */
  private readonly seen = new Map<string, { bootId: string; heartbeatMs: number; sinceMs: number }>();
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();
  private isReplaced = false;

  constructor(
    private readonly tables: MetadataTables,
    readonly self: ThisNode,
    /** A node that shares its metadata with nobody needs no heartbeat. */
    private readonly isAlone: boolean,
  ) {}

  /** From now on the others know this node, and where it is. */
  async register(endpoint: string): Promise<void> {
    const { instanceId, bootId, version } = this.self;
    const now = Date.now();
    await this.tables.write('node', REGISTER, instanceId, bootId, endpoint, version, now, now);
    if (this.isAlone) return;
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      this.beating = this.beat();
    }, HEARTBEAT_MS).unref();
  }

  /** Once it listens it knows where, if nobody has told it before. */
  async registerAt(endpoint: string): Promise<void> {
    const { instanceId, bootId } = this.self;
    const sql = 'UPDATE node SET endpoint = ? WHERE instance_id = ? AND boot_id = ? AND endpoint <> ? RETURNING boot_id';
    await this.tables.write('node', sql, endpoint, instanceId, bootId, endpoint);
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (!this.timer) return;
    clearInterval(this.timer);
    await this.beating;
    const { instanceId, bootId } = this.self;
    await this.tables.write('node', BEAT, 0, instanceId, bootId).catch(() => undefined);
  }

  /** Rejects while another run goes by this node's name. */
  async check(): Promise<void> {
    if (!this.isReplaced) return;
    const message = `Another node has registered as "${this.self.instanceId}". Give each node an instance_discovery.instance_id of its own.`;
    throw new CallfsError('METADATA_UNAVAILABLE', message);
  }

  /** All that ever registered and were not forgotten, by name. */
  async list(): Promise<RegisteredNode[]> {
    return (await this.look()).map((row) => ({
      instanceId: row.instance_id,
      bootId: row.boot_id,
      endpoint: row.endpoint,
      version: row.version,
      startedMs: row.started_ms,
      heartbeatMs: row.heartbeat_ms,
      state: this.stateOf(row),
    }));
  }

  /**
   * Takes a node that is gone for good out of the list. `INVALID_REQUEST` for one that lives, and, unless `force`, for one
   * whose disk has blobs that nobody else has; `FILE_NOT_FOUND` for one that is not known.
   */
  async forget(instanceId: string, force: boolean): Promise<Forgotten> {
    const node = (await this.list()).find((candidate) => candidate.instanceId === instanceId);
    if (!node)
      throw new CallfsError('FILE_NOT_FOUND', `There is no node "${instanceId}"; callfs nodes list shows those there are.`);
    if (node.state === 'alive') throw new CallfsError('INVALID_REQUEST', `The node "${instanceId}" is alive. Stop it first.`);
    const [row] = await this.tables.read<{ count: number }>('node', ONLY_THERE, instanceId);
    const blobsLost = row?.count ?? 0;
    if (blobsLost > 0 && !force) {
      const message = `Only the disk of "${instanceId}" has ${blobsLost} blobs. Bring it back and move them (PATCH {"instance": …}), or force it and lose them.`;
      throw new CallfsError('INVALID_REQUEST', message, { details: { blobs: blobsLost } });
    }
    await this.tables.write('node', 'DELETE FROM node WHERE instance_id = ? AND boot_id = ?', instanceId, node.bootId);
    this.seen.delete(instanceId);
    return { instanceId, blobsLost };
  }

  private async beat(): Promise<void> {
    const { instanceId, bootId } = this.self;
    try {
      const rows = await this.tables.write<{ boot_id: string }>('node', BEAT, Date.now(), instanceId, bootId);
      if (rows.length === 0 && !this.isReplaced)
        this.logger.error(`another node has registered as "${instanceId}": give each a name of its own`);
      this.isReplaced = rows.length === 0;
      await this.look();
    } catch (error) {
      if (!CallfsError.is(error)) throw error;
      this.logger.warn({ err: error }, 'the heartbeat of this node could not be written; it is tried again');
    }
  }

  private async look(): Promise<NodeRow[]> {
    const sql = 'SELECT instance_id, boot_id, endpoint, version, started_ms, heartbeat_ms FROM node ORDER BY instance_id';
    const rows = await this.tables.read<NodeRow>('node', sql);
    const now = performance.now();
    for (const { instance_id, boot_id: bootId, heartbeat_ms: heartbeatMs } of rows) {
      const known = this.seen.get(instance_id);
      if (known?.bootId !== bootId || known.heartbeatMs !== heartbeatMs)
        this.seen.set(instance_id, { bootId, heartbeatMs, sinceMs: now });
    }
    return rows;
  }

  private stateOf({ instance_id: instanceId, boot_id: bootId, heartbeat_ms: heartbeatMs }: NodeRow): RegisteredNode['state'] {
    if (bootId === this.self.bootId) return 'alive';
    if (heartbeatMs === 0) return 'stopped';
    const since = this.seen.get(instanceId)?.sinceMs ?? performance.now();
    return performance.now() - since < SILENT_AFTER_MS ? 'alive' : 'silent';
  }
}
