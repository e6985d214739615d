import { Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { CallfsError } from '@callfs/core';
import type { MetadataTables } from '@callfs/metadata';
import type { OwnName } from '../use-cases/own-name';
import { HEARTBEAT_MS, type NodeSightings, type NodeState, type SeenNode } from './node-sightings';

/** This node, as the others get to know it. */
export interface ThisNode {
  readonly instanceId: string;
  /** Which run of it. */
  readonly bootId: string;
  readonly version: string;
}

export interface RegisteredNode extends SeenNode {
  readonly state: NodeState;
}

/** What a node that is forgotten leaves behind. */
export interface Forgotten {
  readonly instanceId: string;
  /** Blobs that only its own disk has: their files cannot be read any more. */
  readonly blobsLost: number;
}

const REGISTER = `INSERT INTO node (instance_id, boot_id, endpoint, version, started_ms, heartbeat_ms) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (instance_id) DO UPDATE SET boot_id = excluded.boot_id, endpoint = excluded.endpoint, version = excluded.version,
  started_ms = excluded.started_ms, heartbeat_ms = excluded.heartbeat_ms`;
const REGISTERED = 'SELECT boot_id FROM node WHERE instance_id = ?';
/** Where there is no entry, or that of the run before this one: the registry has forgotten what it was told. */
const REGISTER_AGAIN = `${REGISTER} WHERE node.boot_id = ? RETURNING boot_id`;
const BEAT = 'UPDATE node SET heartbeat_ms = ? WHERE instance_id = ? AND boot_id = ? RETURNING boot_id';
/** A copy on a node that was forgotten is none. */
const ONLY_THERE = `SELECT count(*) AS count FROM replica r WHERE r.instance_id = ? AND NOT EXISTS
  (SELECT 1 FROM replica o WHERE o.content_id = r.content_id AND o.instance_id <> r.instance_id
    AND (o.instance_id = '' OR EXISTS (SELECT 1 FROM node n WHERE n.instance_id = o.instance_id)))`;

/**
 * This node's place among those of the cluster, in the metadata that they share, and its heartbeat. A name belongs to
 * whoever registered under it last: a run that finds its name taken says so in its readiness and its log, and writes nothing
 * any more, since two nodes with one name would look for blobs on each other's disk. An entry that is gone (`callfs nodes forget` while the
 * node stood still), or that of the run before (PostgreSQL went back to a copy of a moment ago), is made again.
 */
export class NodeRegistry implements BeforeApplicationShutdown {
  private readonly logger = new Logger(NodeRegistry.name);
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();
  private endpoint = '';
  private startedMs = 0;
  /** The run that had this name before, if any. */
  private predecessor = '';

  constructor(
    private readonly tables: MetadataTables,
    private readonly sightings: NodeSightings,
    readonly self: ThisNode,
    private readonly name: OwnName,
    /** A node that shares its metadata with nobody needs no heartbeat. */
    readonly isAlone: boolean,
  ) {}

  /** From now on the others know this node, and where it is. */
  async register(endpoint: string): Promise<void> {
    const { instanceId, bootId, version } = this.self;
    const now = Date.now();
    const [before] = await this.tables.read<{ boot_id: string }>('node', REGISTERED, instanceId);
    await this.tables.write('node', REGISTER, instanceId, bootId, endpoint, version, now, now);
    [this.predecessor, this.endpoint, this.startedMs] = [before?.boot_id ?? '', endpoint, now];
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
    this.endpoint = endpoint;
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
    this.name.refuseTaken();
  }

  /** All that ever registered and were not forgotten, by name. */
  async list(): Promise<RegisteredNode[]> {
    const nodes = await this.sightings.look();
    return [...nodes.values()].map((node) => ({
      ...node,
      state: node.bootId === this.self.bootId ? 'alive' : this.sightings.stateOf(node),
    }));
  }

  /**
   * Takes a node that is gone for good out of the list. `INVALID_REQUEST` for one that lives, and, unless `force`, for one
   * whose disk has blobs that nobody else has; `NODE_NOT_FOUND` for one that is not known.
   */
  async forget(instanceId: string, force: boolean): Promise<Forgotten> {
    const node = (await this.list()).find((candidate) => candidate.instanceId === instanceId);
    if (!node)
      throw new CallfsError('NODE_NOT_FOUND', `There is no node "${instanceId}"; callfs nodes list shows those there are.`);
    if (node.state === 'alive') throw new CallfsError('INVALID_REQUEST', `The node "${instanceId}" is alive. Stop it first.`);
    const [row] = await this.tables.read<{ count: number }>('node', ONLY_THERE, instanceId);
    const blobsLost = row?.count ?? 0;
    if (blobsLost > 0 && !force) {
      const message = `Only the disk of "${instanceId}" has ${blobsLost} blobs. Bring it back and move them (PATCH {"instance": …}), or force it and lose them.`;
      throw new CallfsError('INVALID_REQUEST', message, { details: { blobs: blobsLost } });
    }
    await this.tables.write('node', 'DELETE FROM node WHERE instance_id = ? AND boot_id = ?', instanceId, node.bootId);
    return { instanceId, blobsLost };
  }

  private async beat(): Promise<void> {
    const { instanceId, bootId } = this.self;
    try {
      const rows = await this.tables.write<{ boot_id: string }>('node', BEAT, Date.now(), instanceId, bootId);
      if (rows.length === 0 && !this.name.taken) await this.registerAgain();
      await this.sightings.look();
    } catch (error) {
      if (!CallfsError.is(error)) throw error;
      this.logger.warn({ err: error }, 'the heartbeat of this node could not be written; it is tried again');
    }
  }

  private async registerAgain(): Promise<void> {
    const { instanceId, bootId, version } = this.self;
    const values = [instanceId, bootId, this.endpoint, version, this.startedMs, Date.now(), this.predecessor];
    const rows = await this.tables.write<{ boot_id: string }>('node', REGISTER_AGAIN, ...values);
    if (rows.length > 0)
      return void this.logger.warn(`the registry had no entry of "${instanceId}" any more; this node has registered again`);
    this.name.takenByAnother();
    this.logger.error(
      `another node has registered as "${instanceId}": this one accepts no writes any more. Give each a name of its own and start this one again`,
    );
  }
}
