import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import type { RedisClient } from './redis-link';

/** Where Redis is and how to be let in. */
export interface RedisConnection {
  /** `host:port`; several are nodes of a Redis Cluster. */
  readonly addresses: readonly string[];
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls: boolean;
  /** `host:port` of those who know the master; then `addresses` are not used. */
  readonly sentinels: readonly string[];
  readonly sentinelMaster?: string;
  readonly cluster: boolean;
}

const CONNECT_TIMEOUT_MS = 1_500;
/** On a connection that answers nothing for so long, nothing will come any more. */
const SILENCE_MS = 5_000;
const LONGEST_PAUSE_MS = 1_000;

/** As `RedisLink` wants it: nothing is queued or sent again behind its back, and a lost connection comes back soon. */
const BEHAVIOUR: RedisOptions = {
  lazyConnect: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  socketTimeout: SILENCE_MS,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  retryStrategy: (attempt) => Math.min(50 * attempt, LONGEST_PAUSE_MS),
  // A master that became a replica: the next connection finds the new one.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
};

/** Of one Redis, found by its address or through sentinels. */
export function redisOptions(connection: RedisConnection): RedisOptions {
  const { username, password, db, tls, sentinels, sentinelMaster } = connection;
  const common = { ...BEHAVIOUR, username, password, db, enableAutoPipelining: true, ...(tls && { tls: {} }) };
  if (sentinels.length === 0) return { ...common, ...parted(connection.addresses[0] ?? '') };
  return {
    ...common,
    sentinels: sentinels.map(parted),
    name: sentinelMaster ?? 'mymaster',
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
    sentinelRetryStrategy: (attempt) => Math.min(50 * attempt, LONGEST_PAUSE_MS),
  };
}

const { enableOfflineQueue: _, retryStrategy: __, ...nodeBehaviour } = BEHAVIOUR;

/** Of a Redis Cluster. Its commands are not gathered: those of several slots must not be. */
export function clusterOptions({ username, password, tls }: RedisConnection): ClusterOptions {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    clusterRetryStrategy: (attempt) => Math.min(50 * attempt, LONGEST_PAUSE_MS),
    redisOptions: { ...nodeBehaviour, username, password, ...(tls && { tls: {} }) },
    // Certificates name hosts, not the addresses that the nodes know each other by.
    ...(tls && { dnsLookup: (address, callback) => callback(null, address) }),
  };
}

export function nodesOf({ addresses }: RedisConnection): { host: string; port: number }[] {
  return addresses.map(parted);
}

/** A client that is not connected yet. */
export function redisClient(connection: RedisConnection): RedisClient {
  return connection.cluster ? new Cluster(nodesOf(connection), clusterOptions(connection)) : new Redis(redisOptions(connection));
}

function parted(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}
