import { FaultProxy } from './fault-proxy';
import { claimPort } from './ports';
import { PostgresServer } from './postgres';
import { RedisServer } from './redis';
import { prepareServer, type ConfigTree, type TestServer } from './server';

export interface ClusterOptions {
  readonly nodes?: number;
  /** Laid over the settings of each node. */
  readonly config?: ConfigTree;
  /** The nodes reach each other through proxies that do what networks do (`way`). */
  readonly proxied?: boolean;
}

/** Nodes as processes of their own, on a PostgreSQL and a Redis of their own. */
export class TestCluster {
  private constructor(
    readonly postgres: PostgresServer,
    readonly database: string,
    readonly redis: RedisServer,
    readonly nodes: readonly TestServer[],
    private readonly ways: readonly FaultProxy[],
  ) {}

  static async start({ nodes: count = 2, config = {}, proxied = false }: ClusterOptions = {}): Promise<TestCluster> {
    const [postgres, redis] = await Promise.all([PostgresServer.start(), RedisServer.start()]);
    const database = await postgres.createDatabase();
    const dsn = postgres.dsn(database);
    const ports = await Promise.all(Array.from({ length: count }, () => claimPort()));
    const ways = proxied ? await Promise.all(ports.map((port) => FaultProxy.start(port))) : [];
    const peers = Object.fromEntries(ports.map((port, i) => [`node-${i + 1}`, ways[i]?.url ?? `http://127.0.0.1:${port}`]));
    const nodes: TestServer[] = [];
    const cluster = new TestCluster(postgres, database, redis, nodes, ways);
    try {
      for (const [i, port] of ports.entries()) {
        const settings: ConfigTree = {
          server: { listen_addr: `127.0.0.1:${port}`, protocol: 'http' },
          dlm: { type: 'redis', redis_addr: [redis.address] },
          instance_discovery: { instance_id: `node-${i + 1}`, peer_endpoints: peers },
        };
        for (const [section, keys] of Object.entries(config)) settings[section] = { ...settings[section], ...keys };
        nodes.push(await prepareServer({ dsn, config: settings }));
      }
      await Promise.all(nodes.map((node) => node.start()));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** The node of this number, from 1. */
  node(number: number): TestServer {
    const node = this.nodes[number - 1];
    if (!node) throw new Error(`There is no node ${number}.`);
    return node;
  }

  /** What the other nodes reach it through, where there is something. */
  way(number: number): FaultProxy {
    const way = this.ways[number - 1];
    if (!way) throw new Error('The nodes of this cluster reach each other without proxies.');
    return way;
  }

  /** Straight to the metadata of the nodes. */
  query<R extends object>(sql: string): Promise<R[]> {
    return this.postgres.query(sql, this.database);
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) await node.remove();
    await Promise.all(this.ways.map((way) => way.stop()));
    await this.redis.stop();
    await this.postgres.stop();
  }
}
