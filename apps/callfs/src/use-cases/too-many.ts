import { CallfsError } from '@callfs/core';
import type { Ruling } from '@callfs/limiting';

/** `RATE_LIMIT_EXCEEDED`: too many of `what`, and when there may be more. */
export function tooMany(what: string, { limit, remaining, waitMs, resetMs }: Ruling): CallfsError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new CallfsError('RATE_LIMIT_EXCEEDED', `Too many ${what}; try again in ${seconds} s.`, {
    details: { limit, remaining, reset: Math.ceil(resetMs / 1000), retry_after: seconds },
  });
}
