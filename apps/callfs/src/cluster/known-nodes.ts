import { ClusterNodes } from '../use-cases/replication/cluster-nodes';
import type { NodeRegistry } from './node-registry';

/** The nodes that have registered, and those that the configuration names. */
export class KnownNodes extends ClusterNodes {
  constructor(
    private readonly registry: NodeRegistry,
    private readonly peerEndpoints: Readonly<Record<string, string>>,
  ) {
    super();
  }

  get self(): string {
    return this.registry.self.instanceId;
  }

  async names(): Promise<string[]> {
    const registered = (await this.registry.list()).map(({ instanceId }) => instanceId);
    return [...new Set([this.self, ...Object.keys(this.peerEndpoints), ...registered])].sort();
  }
}
