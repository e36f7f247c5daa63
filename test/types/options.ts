/* Checked by the compiler, never run: every optional option accepts `undefined`, with `exactOptionalPropertyTypes`. */

import {
  type CacheOptions,
  fromAccessLog,
  fromSitemap,
  type PolicyOptions,
  redisCache,
} from 'redis-response-cache';
import { inspector } from 'redis-response-cache/inspector';

const { REDIS_URL, CACHE_TTL } = process.env;

/** Each option of `T`, and each option of those of its options that have some, as `undefined`. */
type Undefined<T> = { readonly [N in keyof T]-?: undefined };

const policy: Undefined<PolicyOptions> = {
  mode: undefined,
  enabled: undefined,
  when: undefined,
  storeWhen: undefined,
  methods: undefined,
  statuses: undefined,
  ttl: undefined,
  key: undefined,
  vary: undefined,
  hashKeys: undefined,
  maxBodySize: undefined,
  directives: undefined,
  targeted: undefined,
  setCookie: undefined,
  guard: undefined,
  credentials: undefined,
  collapse: undefined,
  tags: undefined,
  staleWhileRevalidate: undefined,
  staleIfError: undefined,
  originTimeout: undefined,
  earlyRefresh: undefined,
  jitter: undefined,
  compress: undefined,
  locals: undefined,
};
const all: Undefined<CacheOptions> = {
  ...policy,
  redis: undefined,
  prefix: undefined,
  name: undefined,
  timeout: undefined,
  maxEntries: undefined,
  refresh: undefined,
  near: undefined,
  encrypt: undefined,
  invalidation: undefined,
  showKey: undefined,
  warnings: undefined,
  clock: undefined,
};
const cache = redisCache(all);
cache.with(policy);
redisCache({ redis: REDIS_URL });
redisCache({ redis: { cluster: [{ host: '127.0.0.1' }], options: undefined } });
redisCache({
  vary: {
    headers: undefined,
    query: undefined,
    cookies: undefined,
    by: undefined,
    caller: undefined,
    ignore: undefined,
  },
  collapse: { wait: undefined, lease: undefined },
  near: { maxSize: undefined, ttl: undefined },
  refresh: { concurrency: undefined, timeout: undefined },
  compress: { br: undefined, gzip: { level: undefined }, zstd: undefined, threshold: undefined },
});
void cache.purge({ all: true }, { soft: undefined, onProgress: undefined });
void cache.wrap('rates', () => 1, { ttl: 1000, tags: undefined });
void cache.warm(fromSitemap('https://example.com/sitemap.xml', { signal: undefined }), {
  app: undefined,
  concurrency: undefined,
  timeout: undefined,
  onProgress: undefined,
  signal: undefined,
});
void cache.warm(fromAccessLog('access.log', { origin: 'https://example.com', top: undefined }));
void cache.explain('https://example.com', { method: undefined, headers: undefined });
void cache.entries.list({ search: undefined, status: undefined, tag: undefined, limit: undefined });
void cache.entries.measure({ onProgress: undefined, signal: undefined });
inspector(cache, { authorize: 'development', readOnly: undefined, warm: undefined });

// @ts-expect-error: a string without a unit is no duration.
redisCache({ ttl: '60' });
// @ts-expect-error: any string may be without a unit.
redisCache({ ttl: CACHE_TTL });
// @ts-expect-error: a misspelt option.
redisCache({ tttl: '1h' });
// @ts-expect-error: a key that encrypts is no option.
redisCache({ encrypt: { keys: [{ id: 'a', key: undefined }] } });
// @ts-expect-error: the inspector needs to know who may see it.
inspector(cache, {});
