export type { CompressOptions } from './compression.ts';
export { OptionError, PurgeError, StoreError } from './errors.ts';
export type { CacheMiddleware, PurgeTarget, ValueStore, WrapOptions } from './handle.ts';
export type { CacheEvents, FaultEvent, ForwardReason, GuardEvent, Outcome, RequestEvent } from './outcome.ts';
export { redisCache } from './redis-cache.ts';
export type {
  CacheOptions,
  InvalidationOptions,
  KeyPart,
  Next,
  PolicyOptions,
  QueryRule,
  RedisClient,
  RedisOption,
  TtlByStatus,
  Value,
  VaryOptions,
} from './types.ts';
export type { Duration, Size } from './units.ts';
export type { WarmOptions, WarmProgress, WarmResult, WarmTarget } from './warm.ts';
export { fromAccessLog, fromSitemap } from './warm-sources.ts';
