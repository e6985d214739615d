export { LeaseStore, type Busy, type Claim, type FenceRange, type Granted, type Lease } from './lease-store';
export { LocalLeaseStore } from './local/local-lease-store';
export { LockAdministration, type LockAdministrationOptions } from './lock-administration';
export type {
  ClearedLock,
  ClearOptions,
  ClearOutcome,
  FenceSource,
  HeldLock,
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
export { LockingModule, type LockingModuleOptions, type LockingOptions } from './locking.module';
