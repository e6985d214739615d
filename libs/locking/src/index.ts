export type { FenceSource, HeldLock, LockOptions, LockPurpose } from './lock-contract';
