import { ClusterNodes, type ClusterNode } from '../use-cases/replication/cluster-nodes';
import type { NodeRegistry } from './node-registry';
import type { NodeSightings } from './node-sightings';
import type { Peers } from './peers';

/** The nodes that have registered, and those that the configuration names. */
export class KnownNodes extends ClusterNodes {
  constructor(
    private readonly registry: NodeRegistry,
    private readonly sightings: NodeSightings,
    private readonly peers: Pick<Peers, 'isAway'>,
    private readonly peerEndpoints: Readonly<Record<string, string>>,
  ) {
    super();
  }

  get self(): string {
    return this.registry.self.instanceId;
  }

  async names(): Promise<string[]> {
    const registered = [...(await this.sightings.look()).keys()];
    return [...new Set([this.self, ...Object.keys(this.peerEndpoints), ...registered])].sort();
  }

  async look(): Promise<ClusterNode[]> {
    const now = performance.now();
    const others = [...(await this.sightings.look()).values()].filter(({ instanceId }) => instanceId !== this.self);
    const seen = others.map((node) => {
      const lives = this.sightings.stateOf(node) === 'alive';
      const answers = lives && !this.peers.isAway(node.instanceId);
      return { name: node.instanceId, answers, awayMs: lives ? 0 : now - node.sinceMs };
    });
    return [{ name: this.self, answers: true, awayMs: 0 }, ...seen];
  }

  answering(): string[] {
    return [...this.sightings.last.keys()].filter((name) => name !== this.self && !this.peers.isAway(name));
  }
}
