/** Maps option names of other packages to ours. */
const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  ...sameFor(
    'ttl',
    'expire expires expiration maxAge duration cacheDuration defaultDuration stdTTL lifetime',
  ),
  ...sameFor('redis', 'client redisClient redisUrl redisOptions connection url'),
  ...sameFor("redis, such as redis: { host: 'localhost', port: 6379 }", 'host port'),
  ...sameFor('statuses', 'statusCode statusCodes'),
  ...sameFor('key', 'keyGenerator generateKey getKey cacheKey'),
  ...sameFor('prefix', 'keyPrefix namespace'),
  ...sameFor('when, which returns the opposite', 'skip bypass exclude'),
  ...sameFor('when', 'toggle filter'),
  ...sameFor('storeWhen', 'isCacheable shouldCache'),
  ...sameFor('staleWhileRevalidate', 'swr staleTtl'),
  ...sameFor('compress', 'gzip brotli compression'),
  ...sameFor('encrypt', 'encryption secret'),
  ...sameFor('directives', 'respectCacheControl ignoreCacheControl'),
  ...sameFor('vary.headers', 'headers'),
  ...sameFor('vary.query', 'query ignoreQuery queryParams'),
  ...sameFor('vary.cookies', 'cookies'),
  ...sameFor('vary.by', 'by appendKey'),
  ...sameFor('vary.caller', 'caller user'),
  ...sameFor('methods', 'method'),
  ...sameFor('maxBodySize', 'maxSize maxContentLength'),
};

function sameFor(name: string, others: string): Record<string, string> {
  return Object.fromEntries(others.split(' ').map((other) => [other, name]));
}

/** What an option of another package is called here; `undefined` for any other name. */
export function counterpartOf(name: string): string | undefined {
  return Object.hasOwn(FOREIGN_NAMES, name) ? FOREIGN_NAMES[name] : undefined;
}
