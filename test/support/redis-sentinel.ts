import { setTimeout as delay } from 'node:timers/promises';
import { RedisServer, type RedisServerOptions } from './redis';

/** A sentinel that was kept waiting for the processor trusts nothing that it sees for half a minute (TILT). */
const SETTLE_TIMEOUT_MS = 90_000;

/** A master with a replica, and a sentinel that alone decides when the one takes over from the other: soon. */
export class RedisSentinel {
  private constructor(
    readonly master: RedisServer,
    readonly replica: RedisServer,
    readonly sentinel: RedisServer,
  ) {}

  static async start(options: RedisServerOptions = {}): Promise<RedisSentinel> {
    const { config = [], password } = options;
    const auth = password === undefined ? [] : [`masterauth ${password}`];
    const master = await RedisServer.start({ ...options, config: [...config, ...auth] });
    const replica = await RedisServer.start({
      ...options,
      config: [...config, ...auth, `replicaof 127.0.0.1 ${master.port}`, 'repl-diskless-sync-delay 0'],
    });
    const sentinel = await RedisServer.start({ watches: { port: master.port, password } });
    const all = new RedisSentinel(master, replica, sentinel);
    await all.until('the replica is in step', async () => {
      const text = String(await sentinel.client().call('SENTINEL', 'REPLICAS', 'mymaster'));
      return text.includes('master-link-status,ok');
    });
    return all;
  }

  /** Resolves when the sentinel has made `server` the master, and it takes writes. */
  async promoted(server: RedisServer): Promise<void> {
    await this.until('the failover', async () => {
      const [, port] = (await this.sentinel.client().call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster')) as string[];
      return Number(port) === server.port && String(await server.client().info('replication')).includes('role:master');
    });
  }

  async stop(): Promise<void> {
    for (const server of [this.sentinel, this.replica, this.master]) await server.stop();
  }

  private async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + SETTLE_TIMEOUT_MS;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`Waiting for Sentinel took too long: ${what}`);
      await delay(50);
    }
  }
}
