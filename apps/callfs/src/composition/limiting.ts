import { Logger } from '@nestjs/common';
import { MemoryRateLimiter, RedisRateLimiter, type RateLimiter } from '@callfs/limiting';
import { redisClient } from '@callfs/locking';
import type { CallfsConfig } from '../config/config';

/** Limits count in the Redis that has the locks, for all nodes, on a connection of their own; without one, on this node. */
export function openLimiter({ dlm }: CallfsConfig): RateLimiter {
  if (!dlm.redis) return new MemoryRateLimiter();
  const logger = new Logger('RateLimiter');
  return new RedisRateLimiter(redisClient(dlm.redis), {
    onChange: (common, cause) => {
      if (common) logger.log('rate limits count for all nodes together again');
      else logger.warn({ err: cause }, 'Redis does not answer: rate limits count on this node alone until it does');
    },
  });
}
