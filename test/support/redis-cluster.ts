import { setTimeout as delay } from 'node:timers/promises';
import { claimPort } from './ports';
import { RedisServer } from './redis';

const SLOTS = 16_384;
const SETTLE_TIMEOUT_MS = 90_000;

/** Masters of a Redis Cluster that share its slots equally; the last has a replica, which takes over when it dies. */
export class RedisCluster {
  private constructor(
    readonly masters: readonly RedisServer[],
    readonly replica: RedisServer,
  ) {}

  static async start(count = 3): Promise<RedisCluster> {
    const node = async () => {
      const busPort = await claimPort();
      const config = [
        'cluster-enabled yes',
        'cluster-announce-ip 127.0.0.1',
        `cluster-port ${busPort}`,
        'cluster-node-timeout 2000',
        'cluster-require-full-coverage no',
        'cluster-replica-validity-factor 0',
        'repl-diskless-sync-delay 0',
      ];
      return { server: await RedisServer.start({ config }), busPort };
    };
    const nodes = [];
    for (let i = 0; i <= count; i++) nodes.push(await node());
    const servers = nodes.map(({ server }) => server);
    const cluster = new RedisCluster(servers.slice(0, count), servers[count] as RedisServer);
    for (const [i, master] of cluster.masters.entries()) {
      const client = master.client();
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
      const [first, next] = [i, i + 1].map((part) => Math.floor((part * SLOTS) / count));
      await client.call('CLUSTER', 'ADDSLOTSRANGE', first as number, (next as number) - 1);
    }
    const [one] = servers as [RedisServer];
    for (const { server, busPort } of nodes.slice(1))
      await one.client().call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort);
    await cluster.settled(servers);
    const last = await (servers[count - 1] as RedisServer).client().call('CLUSTER', 'MYID');
    await cluster.replica.client().call('CLUSTER', 'REPLICATE', last as string);
    await cluster.until('the replica is in step', async () =>
      String(await cluster.replica.client().info('replication')).includes('master_link_status:up'),
    );
    return cluster;
  }

  /** As `dlm.redis_addr` has them. */
  get addresses(): string[] {
    return this.masters.map(({ address }) => address);
  }

  /** Which master has a slot, by its number from 0. */
  masterOf(slot: number): RedisServer {
    return this.masters[Math.floor((slot * this.masters.length) / SLOTS)] as RedisServer;
  }

  /** Resolves when the replica has taken over from its master. */
  async promoted(): Promise<void> {
    await this.until('the failover', async () => String(await this.replica.client().info('replication')).includes('role:master'));
  }

  async stop(): Promise<void> {
    for (const server of [...this.masters, this.replica]) await server.stop();
  }

  /** Everybody knows everybody, and all slots are served. */
  private async settled(servers: readonly RedisServer[]): Promise<void> {
    for (const server of servers)
      await this.until('the nodes know each other', async () => {
        const text = String(await server.client().call('CLUSTER', 'INFO'));
        return text.includes('cluster_state:ok') && text.includes(`cluster_known_nodes:${servers.length}`);
      });
  }

  private async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + SETTLE_TIMEOUT_MS;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`Waiting for the Redis Cluster took too long: ${what}`);
      await delay(50);
    }
  }
}
