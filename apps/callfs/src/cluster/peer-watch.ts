import type { BeforeApplicationShutdown } from '@nestjs/common';
import { CallfsError } from '@callfs/core';
import { HEARTBEAT_MS, type NodeSightings, type SeenNode } from './node-sightings';
import type { Peers } from './peers';

/** How another node does, as the health shows it. */
export interface PeerHealth {
  readonly status: 'up' | 'down';
  readonly latency_ms?: number;
  readonly message?: string;
}

/**
 * Asks the other nodes, as often as they write heartbeats, whether they answer this one: a node can be alive and out of
 * reach. The health is told from what was found last, so that a dead peer slows down nobody who asks for it.
 */
export class PeerWatch implements BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();

  constructor(
    private readonly sightings: NodeSightings,
    private readonly peers: Pick<Peers, 'ping' | 'heardOf'>,
    /** This node. */
    private readonly instanceId: string,
  ) {}

  begin(): void {
    clearInterval(this.timer);
    const ask = () => {
      this.round = this.askAll();
    };
    this.timer = setInterval(ask, HEARTBEAT_MS).unref();
    ask();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.round;
  }

  /** Resolves to how each peer does, by name; rejects, with the same, when not all answer. */
  async check(): Promise<{ nodes: Record<string, PeerHealth> }> {
    const found = this.others(this.sightings.last).map((node): [string, PeerHealth] => [node.instanceId, this.healthOf(node)]);
    const nodes = Object.fromEntries(found);
    const away = found.filter(([, { status }]) => status === 'down').map(([name]) => name);
    if (away.length === 0) return { nodes };
    const message = `Of the other nodes these do not answer: ${away.join(', ')}. What only their disks have cannot be read.`;
    throw new CallfsError('PEER_UNAVAILABLE', message, { details: { nodes } });
  }

  private async askAll(): Promise<void> {
    // Without the registry, those are asked that it named before.
    const nodes = await this.sightings.look(HEARTBEAT_MS / 2).catch(() => this.sightings.last);
    const asked = this.others(nodes).filter((node) => this.sightings.stateOf(node) !== 'stopped');
    await Promise.all(asked.map(({ instanceId }) => this.peers.ping(instanceId).catch(() => undefined)));
  }

  private others(nodes: ReadonlyMap<string, SeenNode>): SeenNode[] {
    return [...nodes.values()].filter(({ instanceId }) => instanceId !== this.instanceId);
  }

  private healthOf(node: SeenNode): PeerHealth {
    if (this.sightings.stateOf(node) === 'stopped') return { status: 'down', message: 'It has stopped.' };
    const heard = this.peers.heardOf(node.instanceId);
    if (!heard) return { status: 'up' };
    const { answers, latencyMs, message } = heard;
    return answers ? { status: 'up', latency_ms: Math.round(latencyMs * 1000) / 1000 } : { status: 'down', message };
  }
}
