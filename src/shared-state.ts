import type { IncomingMessage } from 'node:http';

/**
 * What all copies of this package in a process share. A process can load several: an ES module and a CommonJS module, or
 * two versions, and the caches of one can be in front of those of another.
 *
 * Each collection is a property of `globalThis` under a symbol of the global registry, and the first copy creates it. The
 * symbol stands for the form of the contents, because another version reads them: a version that needs another form
 * takes another symbol, and a version that needs more adds a collection.
 *
 * Everything else is a copy's own. It is about objects that only that copy creates (stored responses, policies, faults),
 * or it does no harm twice (a listener for each client of Redis, two compressions at a time, a warning).
 */
function shared<T extends object>(name: string, create: () => T): T {
  const key = Symbol.for(`redis-response-cache.${name}`);
  const existing = Reflect.get(globalThis, key) as T | undefined;
  if (existing) return existing;
  const value = create();
  Reflect.defineProperty(globalThis, key, { value });
  return value;
}

/** Requests for which a cache leads a fill. */
export const leaderRequests: WeakSet<IncomingMessage> = shared('leader-requests', () => new WeakSet());

/** How many caches have forwarded a request: the next cache that it reaches is behind them. */
export const cachesPassed: WeakMap<IncomingMessage, number> = shared('caches-passed', () => new WeakMap());

/** The sockets of the requests that caches send themselves. */
export const internalSockets: WeakSet<object> = shared('internal-sockets', () => new WeakSet());

/**
 * The requests by which caches refresh responses. Until a request has reached the cache that sent it, the caches in front
 * of that cache forward it: their answer would not be refreshed.
 */
export const refreshRequests: WeakMap<IncomingMessage, 'on-its-way' | 'arrived'> = shared(
  'refresh-requests',
  () => new WeakMap(),
);

/** By which a view of a request's parts tells what it shows. No client can name a symbol. */
export const VIEWED: unique symbol = Symbol.for('redis-response-cache.viewed') as never;

/** The value of a property in whose place an accessor watches, by the accessor's getter. */
export const viewedValues: WeakMap<object, () => unknown> = shared('viewed-values', () => new WeakMap());

/** The fields as they were received, where a watch may tell who reads them. */
export function rawHeadersOf(req: IncomingMessage): string[] {
  const { get, value } = Object.getOwnPropertyDescriptor(req, 'rawHeaders') ?? {};
  const unwatched = get && viewedValues.get(get);
  const raw = (unwatched ? unwatched() : (value ?? req.rawHeaders)) as string[] | undefined;
  // Adapters that make requests without a socket may have none.
  return raw ? unviewed(raw) : [];
}

/** What a view shows: a cache behind another looks at the request without that being the app's reading. */
export function unviewed<T extends object>(value: T): T {
  let shown = value as T & { readonly [VIEWED]?: T };
  for (let under = shown[VIEWED]; under; under = shown[VIEWED]) shown = under;
  return shown;
}

/** The caches that each registry of prom-client reports, by name; `stats` returns a `CacheStats`. */
export const reportedCaches: WeakMap<object, Map<string, { stats(): unknown }>> = shared(
  'reported-caches',
  () => new WeakMap(),
);
