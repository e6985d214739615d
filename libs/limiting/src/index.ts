export { LimitingModule, type LimitingModuleOptions } from './limiting.module';
export { MemoryRateLimiter } from './memory/memory-rate-limiter';
export { RateLimiter, type Rate, type Ruling } from './rate-limiter';
export { RedisRateLimiter, type RedisRateLimiterOptions } from './redis/redis-rate-limiter';
