export { MemoryRateLimiter } from './memory/memory-rate-limiter';
export { RateLimiter, type Rate, type Ruling } from './rate-limiter';
