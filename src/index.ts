export type { CacheHandle, CacheMiddleware } from './cache-middleware.ts';
export type { ErrorCode, WarningCode } from './codes.ts';
export type {
  Entries,
  Entry,
  EntryAudience,
  EntryChange,
  EntryFigure,
  EntryPage,
  EntryQuery,
  EntryRef,
  EntrySummary,
  StoreFigures,
  UnreadableEntry,
} from './entries/types.ts';
export {
  ArgumentError,
  CacheError,
  DependencyError,
  OptionError,
  PurgeError,
  SourceError,
  StoreError,
} from './errors.ts';
export type { ExplainRequest } from './exchange/probe-request.ts';
export type { Explanation } from './lifecycle/explain.ts';
export type { LatencyFigures } from './observe/histogram.ts';
export type {
  CacheDetail,
  CacheEvents,
  CacheOutcome,
  CacheResult,
  FaultEvent,
  FaultStep,
  ForwardReason,
  GuardEvent,
  PurgeEvent,
  RedisErrorCode,
  RefreshEvent,
  RequestEvent,
  RequestSteps,
  StoreEvent,
} from './observe/outcome.ts';
export type { CacheReason } from './observe/reasons.ts';
export type { ShadowFigures, ShadowStats } from './observe/shadow-stats.ts';
export type { CacheStats } from './observe/stats.ts';
export type { PurgeOptions, PurgeTarget, ValueStore, WrapOptions } from './options/operations.ts';
export type { GlideClient, NodeRedisClient, RedisClient, RedisOption } from './options/redis.ts';
export type {
  AppListener,
  CacheRequest,
  CacheResponse,
  NodeRequest,
  NodeResponse,
  OptionFunction,
  OptionValue,
} from './options/request.ts';
export type {
  CacheOptions,
  CollapseOptions,
  CompressOptions,
  EncryptOptions,
  InvalidationOptions,
  KeyPart,
  NearOptions,
  PolicyOptions,
  QueryRule,
  RefreshOptions,
  TtlByStatus,
  VaryOptions,
} from './options/types.ts';
export type { Duration, Size } from './options/units.ts';
export { redisCache } from './redis-cache.ts';
export { fromAccessLog, fromSitemap } from './warm/sources.ts';
export type { WarmOptions, WarmProgress, WarmResult, WarmTarget } from './warm/warm.ts';
export type { WarningEvent } from './warnings.ts';
