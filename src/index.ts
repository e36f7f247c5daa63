export type { CompressOptions } from './compression.ts';
export type {
  DamagedEntry,
  Entries,
  Entry,
  EntryChange,
  EntryPage,
  EntryQuery,
  EntryRef,
  EntrySummary,
  Figure,
  StoreFigures,
} from './entry-face.ts';
export { OptionError, PurgeError, StoreError } from './errors.ts';
export type { Imagined } from './exchange/imagined.ts';
export type { Explanation } from './explain.ts';
export type { CacheMiddleware, PurgeOptions, PurgeTarget, ValueStore, WrapOptions } from './handle.ts';
export type { Latency } from './histogram.ts';
export type {
  CollapseOptions,
  InvalidationOptions,
  NearOptions,
  RefreshOptions,
} from './option-parts.ts';
export type {
  CacheEvents,
  FaultEvent,
  ForwardReason,
  GuardEvent,
  Outcome,
  PurgeEvent,
  RefreshEvent,
  RequestEvent,
  Result,
  Steps,
  StoreEvent,
} from './outcome.ts';
export { redisCache } from './redis-cache.ts';
export type { RedisClient, RedisOption } from './redis-client.ts';
export type { EncryptOptions } from './sealing-keys.ts';
export type { ShadowFigures, ShadowStats } from './shadows.ts';
export type { CacheStats } from './stats.ts';
export type {
  CacheOptions,
  KeyPart,
  Next,
  PolicyOptions,
  QueryRule,
  TtlByStatus,
  Value,
  VaryOptions,
} from './types.ts';
export type { Duration, Size } from './units.ts';
export type { WarmOptions, WarmProgress, WarmResult, WarmTarget } from './warm.ts';
export { fromAccessLog, fromSitemap } from './warm-sources.ts';
export type { Rule } from './words.ts';
