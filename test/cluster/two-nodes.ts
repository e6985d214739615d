import { FaultProxy } from '../support/fault-proxy';
import { claimPort } from '../support/ports';
import { PostgresServer } from '../support/postgres';
import { RedisServer } from '../support/redis';
import { prepareServer, type ConfigTree, type TestServer } from '../support/server';

/** Two node processes on one PostgreSQL and one Redis; each reaches the other through a proxy that does what networks do. */
export interface TwoNodes {
  readonly east: TestServer;
  readonly west: TestServer;
  /** On the way to west; to east there is none. */
  readonly toWest: FaultProxy;
  /** Straight to their database. */
  query(sql: string): Promise<object[]>;
  stop(): Promise<void>;
}

/** `config` is laid over the settings of both. */
export async function startTwoNodes(config: ConfigTree = {}): Promise<TwoNodes> {
  const [postgres, redis] = await Promise.all([PostgresServer.start(), RedisServer.start()]);
  const [eastPort, westPort] = [await claimPort(), await claimPort()];
  const toWest = await FaultProxy.start(westPort);
  const database = await postgres.createDatabase();
  const dsn = postgres.dsn(database);
  const peers = { east: `http://127.0.0.1:${eastPort}`, west: toWest.url };
  const node = (name: string, port: number): Promise<TestServer> =>
    prepareServer({
      dsn,
      config: {
        ...config,
        server: { listen_addr: `127.0.0.1:${port}`, protocol: 'http', ...config['server'] },
        dlm: { type: 'redis', redis_addr: [redis.address], ...config['dlm'] },
        instance_discovery: { instance_id: name, peer_endpoints: peers },
      },
    });
  const [east, west] = [await node('east', eastPort), await node('west', westPort)];
  const stop = async () => {
    for (const server of [east, west]) {
      if (server.running) await server.stop();
      await server.remove();
    }
    await Promise.all([toWest.stop(), postgres.stop(), redis.stop()]);
  };
  try {
    await east.start();
    await west.start();
  } catch (error) {
    await Promise.allSettled([stop()]);
    throw error;
  }
  return { east, west, toWest, query: (sql) => postgres.query(sql, database), stop };
}
