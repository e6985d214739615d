import { CallfsError } from '@callfs/core';

/**
 * Refuses a Redis that would forget locks, or that takes none: `LOCKS_UNAVAILABLE` with a message for the operator. `info`
 * is what `INFO` says. Tells whether its memory is limited.
 */
export function assertFit(info: string, address: string): { readonly isLimited: boolean } {
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  const where = `Redis at ${address}`;
  const policy = field('maxmemory_policy') ?? 'noeviction';
  if (policy !== 'noeviction')
    throw unfit(
      `${where} evicts keys when its memory is full (maxmemory-policy ${policy}), locks among them. Set it: redis-cli config set maxmemory-policy noeviction`,
    );
  if (field('role') === 'slave') throw unfit(`${where} is a read-only replica. Name the primary.`);
  return { isLimited: (field('maxmemory') ?? '0') !== '0' };
}

function unfit(reason: string): CallfsError {
  return new CallfsError('LOCKS_UNAVAILABLE', `dlm.redis_addr: ${reason}`);
}
