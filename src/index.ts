export { OptionError, PurgeError, StoreError } from './errors.ts';
export type { CacheEvents, FaultEvent, ForwardReason, GuardEvent, Outcome, RequestEvent } from './outcome.ts';
export { redisCache } from './redis-cache.ts';
export type {
  CacheMiddleware,
  CacheOptions,
  Duration,
  KeyPart,
  Next,
  PolicyOptions,
  PurgeTarget,
  QueryRule,
  RedisClient,
  RedisOption,
  Size,
  TtlByStatus,
  Value,
  VaryOptions,
} from './types.ts';
