import Redis, { Cluster, type RedisOptions } from 'ioredis';
import { CallfsError } from '@callfs/core';
import type { DlmConfig } from '../../../config/config';
import { parseAddress } from '../../../config/value-types';
import type { Seen } from './check';

const CONNECT_TIMEOUT_MS = 3_000;

export async function checkLocks({ type, redis }: DlmConfig): Promise<Seen> {
  if (type === 'local' || redis === undefined) return { saw: 'local, in this process' };
  const client = connect(redis);
  try {
    // Without a listener ioredis prints its errors.
    const failure = new Promise<never>((_, reject) => client.once('error', reject));
    client.on('error', () => undefined);
    const memory = await Promise.race([client.connect().then(() => client.info('memory')), failure]);
    return judgeMemory(memory, redis);
  } catch (cause) {
    if (CallfsError.is(cause)) throw cause;
    throw new CallfsError('LOCKS_UNAVAILABLE', 'Redis cannot be used', { cause });
  } finally {
    client.disconnect();
  }
}

/** Redis under an evicting policy forgets locks when its memory is full. */
function judgeMemory(memory: string, redis: NonNullable<DlmConfig['redis']>): Seen {
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? 'noeviction';
  const limited = !/^maxmemory:0\b/m.test(memory);
  const where = `Redis at ${(redis.sentinels.length > 0 ? redis.sentinels : redis.addresses).join(', ')}`;
  if (policy !== 'noeviction')
    throw new CallfsError(
      'LOCKS_UNAVAILABLE',
      `dlm.redis_addr: ${where} evicts keys when its memory is full (maxmemory-policy ${policy}), locks among them. Set it: redis-cli config set maxmemory-policy noeviction`,
    );
  return { saw: `${where} answers${limited ? ', memory limited without eviction' : ''}` };
}

function connect(redis: NonNullable<DlmConfig['redis']>): Redis | Cluster {
  const common: RedisOptions = {
    username: redis.username,
    password: redis.password,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    ...(redis.tls ? { tls: {} } : {}),
  };
  const addresses = (list: readonly string[]) =>
    list.map((address) => parseAddress(address, { bare: false }) ?? { host: address, port: 0 });
  if (redis.sentinels.length > 0)
    return new Redis({
      ...common,
      db: redis.db,
      lazyConnect: true,
      sentinels: addresses(redis.sentinels),
      name: redis.sentinelMaster ?? 'mymaster',
      sentinelRetryStrategy: () => null,
    });
  if (redis.cluster)
    return new Cluster(addresses(redis.addresses), { lazyConnect: true, redisOptions: common, clusterRetryStrategy: () => null });
  return new Redis({ ...common, ...addresses(redis.addresses)[0], db: redis.db, lazyConnect: true });
}
