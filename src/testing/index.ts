export type { FastifyApp, KoaApp, TestedApp } from './app-server.ts';
export { type AnyResponse, type CacheName, type CacheStatus, cacheStatus } from './cache-status.ts';
export { type AuditOptions, asCallers, type Caller, type CallerReport, expectNoLeaks } from './callers.ts';
export type { Difference } from './compare.ts';
export {
  type DetailWord,
  expectCollapsed,
  expectForwarded,
  expectHit,
  expectMiss,
  expectNotStored,
  expectStale,
  expectStored,
} from './expectations.ts';
export type { CallerAnswer, Leak, UrlReport } from './report.ts';
export { type TestCache, type TestCacheOptions, testCache } from './test-cache.ts';
export type { Outage, OutageKind } from './test-store.ts';
