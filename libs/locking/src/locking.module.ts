import { ClusterModule, ClusterService, RedisModule, RedisService } from '@liaoliaots/nestjs-redis';
import {
  Module,
  type DynamicModule,
  type FactoryProvider,
  type InjectionToken,
  type ModuleMetadata,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { LeaseStore } from './lease-store';
import { LocalLeaseStore } from './local/local-lease-store';
import type { FenceSource } from './lock-contract';
import { LockService, type LockServiceOptions } from './lock-service';
import { clusterOptions, nodesOf, redisOptions, type RedisConnection } from './redis/redis-connection';
import { RedisLeaseStore } from './redis/redis-lease-store';

/** Where leases are kept, chosen from the configuration. */
export type LeaseStoreOptions =
  { readonly type: 'local' } | { readonly type: 'redis'; readonly ttlMs: number; readonly connection: RedisConnection };

/** What locks are made of beside that. */
export type LockingOptions = LockServiceOptions & { readonly fences: FenceSource };

interface Factory<T> {
  readonly inject?: InjectionToken[];
  readonly useFactory: FactoryProvider<T>['useFactory'];
}

export interface LockingModuleOptions extends Factory<LockingOptions> {
  readonly imports?: ModuleMetadata['imports'];
  readonly leases: Factory<LeaseStoreOptions>;
}

const LOCKING_OPTIONS = Symbol('LockingOptions');
const LEASE_STORE_OPTIONS = Symbol('LeaseStoreOptions');

/** Provides `LockService` everywhere and closes it when the application shuts down. */
@Module({})
export class LockingModule implements OnApplicationShutdown {
  constructor(private readonly locks: LockService) {}

  static registerAsync({ imports = [], leases, inject = [], useFactory }: LockingModuleOptions): DynamicModule {
    return {
      module: LockingModule,
      global: true,
      imports: [...imports, ...redisModules(imports, leases)],
      providers: [
        { provide: LEASE_STORE_OPTIONS, ...leases },
        { provide: LOCKING_OPTIONS, inject, useFactory },
        {
          provide: LockService,
          inject: [LEASE_STORE_OPTIONS, LOCKING_OPTIONS, RedisService, ClusterService],
          useFactory: openLocks,
        },
      ],
      exports: [LockService],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.locks.close();
  }
}

/** One of them has a client when the leases are in Redis. Its end is the lease store's business, as is its log. */
function redisModules(imports: ModuleMetadata['imports'], { inject, useFactory }: Factory<LeaseStoreOptions>): DynamicModule[] {
  const quiet = { readyLog: false, errorLog: false, closeClient: false };
  const connectionOf = async (...args: unknown[]): Promise<RedisConnection | undefined> => {
    const options = await useFactory(...args);
    return options.type === 'redis' ? options.connection : undefined;
  };
  return [
    RedisModule.forRootAsync({
      imports,
      inject,
      useFactory: async (...args: unknown[]) => {
        const connection = await connectionOf(...args);
        return { ...quiet, config: connection && !connection.cluster ? [redisOptions(connection)] : [] };
      },
    }),
    ClusterModule.forRootAsync({
      imports,
      inject,
      useFactory: async (...args: unknown[]) => {
        const connection = await connectionOf(...args);
        return {
          ...quiet,
          config: connection?.cluster ? [{ nodes: nodesOf(connection), ...clusterOptions(connection) }] : [],
        };
      },
    }),
  ];
}

async function openLocks(
  leases: LeaseStoreOptions,
  options: LockingOptions,
  redis: RedisService,
  cluster: ClusterService,
): Promise<LockService> {
  const store = leaseStore(leases, redis, cluster);
  const locks = new LockService(store, options.fences, options);
  try {
    if (store instanceof RedisLeaseStore) await store.open();
    await locks.start();
    return locks;
  } catch (error) {
    await locks.close();
    throw error;
  }
}

function leaseStore(leases: LeaseStoreOptions, redis: RedisService, cluster: ClusterService): LeaseStore {
  if (leases.type === 'local') return new LocalLeaseStore();
  const client = leases.connection.cluster ? cluster.getOrThrow() : redis.getOrThrow();
  return new RedisLeaseStore(client, leases);
}
