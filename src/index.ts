export { OptionError, PurgeError, StoreError } from './errors.ts';
export { redisCache } from './redis-cache.ts';
export type {
  CacheEvents,
  CacheMiddleware,
  CacheOptions,
  Duration,
  FaultEvent,
  ForwardReason,
  GuardEvent,
  KeyPart,
  Next,
  Outcome,
  PolicyOptions,
  PurgeTarget,
  QueryRule,
  RedisClient,
  RedisOption,
  RequestEvent,
  Size,
  TtlByStatus,
  Value,
  VaryOptions,
} from './types.ts';
