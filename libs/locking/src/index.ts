export type { FenceSource, HeldLock, LockOptions, LockPurpose } from './lock-contract';
export { LockService } from './lock-service';
export { LockingModule, type LockingModuleOptions } from './locking.module';
