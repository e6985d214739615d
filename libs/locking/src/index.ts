export { LeaseStore, type Busy, type Claim, type FenceRange, type Granted, type Lease } from './lease-store';
export { LocalLeaseStore } from './local/local-lease-store';
export { redisClient, type RedisConnection } from './redis/redis-connection';
export { assertFit } from './redis/redis-fitness';
export { RedisLeaseStore, type RedisLeaseStoreOptions } from './redis/redis-lease-store';
export { LockAdministration, type LockAdministrationOptions } from './lock-administration';
export type {
  ClearedLock,
  ClearOptions,
  ClearOutcome,
  FenceSource,
  HeldLock,
  LockGuard,
  LockCheck,
  LockFilter,
  LockObserver,
  LockOperationStatus,
  LockOptions,
  LockPurpose,
  LockRecord,
  NodeLiveness,
} from './lock-contract';
export { LockService, type LockServiceOptions } from './lock-service';
export { LockingModule, type LeaseStoreOptions, type LockingModuleOptions, type LockingOptions } from './locking.module';
