import { assertFit, redisClient } from '@callfs/locking';
import { CallfsError } from '@callfs/core';
import type { DlmConfig } from '../../../config/config';
import type { Seen } from './check';

export async function checkLocks({ type, redis }: DlmConfig): Promise<Seen> {
  if (type === 'local' || redis === undefined) return { saw: 'local, in this process' };
  const client = redisClient(redis);
  try {
    // Without a listener ioredis prints its errors.
    const failure = new Promise<never>((_, reject) => client.once('error', reject));
    client.on('error', () => undefined);
    const info = await Promise.race([client.connect().then(() => client.info()), failure]);
    const where = (redis.sentinels.length > 0 ? redis.sentinels : redis.addresses).join(', ');
    const { isLimited } = assertFit(info, where);
    return { saw: `Redis at ${where} answers${isLimited ? ', memory limited without eviction' : ''}` };
  } catch (cause) {
    if (CallfsError.is(cause)) throw cause;
    throw new CallfsError('LOCKS_UNAVAILABLE', 'Redis cannot be used', { cause });
  } finally {
    client.disconnect();
  }
}
