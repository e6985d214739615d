import type { Identity } from '@callfs/auth';

/** A user as such, whatever key it comes with. */
export type Person = Omit<Identity, 'keyId' | 'scope'>;
