import type { Identity } from '@callfs/auth';
import { CallfsError } from '@callfs/core';

/** A user as such, whatever key it comes with. */
export type Person = Omit<Identity, 'keyId' | 'scope'>;

/** `USER_NOT_FOUND`. */
export function noSuchUser(user: string): CallfsError {
  return new CallfsError('USER_NOT_FOUND', `There is no user ${user}. "callfs users list" tells who there is.`, {
    details: { user },
  });
}
