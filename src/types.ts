import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';
import type { CacheEvents } from './outcome.ts';

/** Connect's `next`: let the rest of the app answer, or hand it an error. */
export type Next = (error?: unknown) => void;

/** A value, or a function of the request and the response that gives it, possibly later. */
export type Value<T> = T | ((req: IncomingMessage, res: ServerResponse) => T | Promise<T>);

type Unit =
  | 'ms'
  | 's'
  | 'sec'
  | 'second'
  | 'seconds'
  | 'm'
  | 'min'
  | 'minute'
  | 'minutes'
  | 'h'
  | 'hour'
  | 'hours'
  | 'd'
  | 'day'
  | 'days'
  | 'w'
  | 'week'
  | 'weeks';

/** A length of time: a number of **milliseconds**, or a number with its unit such as `'30s'` or `'1 hour'`. */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`;

/** An amount of memory: a number of **bytes**, or a number with its unit such as `'1mb'` (1,048,576 bytes). */
export type Size = number | `${number}${'b' | 'kb' | 'mb' | 'gb' | 'B' | 'KB' | 'MB' | 'GB'}`;

/** One freshness lifetime for each status code; `default` serves the others. */
export type TtlByStatus = { readonly default?: Duration } & { readonly [status: number]: Duration };

/** What a cache key may be made of: plain JSON. */
export type KeyPart =
  | string
  | number
  | boolean
  | null
  | readonly KeyPart[]
  | { readonly [name: string]: KeyPart };

/** Which query parameters belong to the cache key: all, the named ones, or all but the named ones. */
export type QueryRule = boolean | readonly string[] | { readonly except: readonly string[] };

/** Parts of a request that select a variant, beside the cache key (and beside the response's own `Vary`). */
export interface VaryOptions {
  /** Names of request header fields. Absent and empty are different values. */
  readonly headers?: readonly string[];
  /**
   * Query parameters that belong to the key, by their root name (`filter` covers `filter[a]`); a name may end
   * in `*`. Default: all of them.
   */
  readonly query?: QueryRule;
  /** Names of cookies. */
  readonly cookies?: readonly string[];
  /** Anything else: plain JSON computed from the request (a tenant, a role). */
  readonly by?: (req: IncomingMessage, res: ServerResponse) => KeyPart | Promise<KeyPart>;
}

/**
 * A client of your own: ioredis's `Redis` or `Cluster`, version 5 or 6. Only these members are used, so that it
 * need not come from the same copy of ioredis.
 */
export interface RedisClient {
  readonly status: string;
  readonly isCluster?: boolean;
  readonly options: object;
  getBuffer(key: string): Promise<Buffer | null>;
  mgetBuffer(...keys: string[]): Promise<(Buffer | null)[]>;
  evalsha(sha: string, keys: number, ...args: (string | number | Buffer)[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: (string | number | Buffer)[]): Promise<unknown>;
  unlink(...keys: string[]): Promise<number>;
  ping(): Promise<string>;
}

/** Where the cache lives: a client you own, a URL, ioredis options, or the nodes of a Redis Cluster. */
export type RedisOption =
  | RedisClient
  | string
  | RedisOptions
  | { readonly cluster: readonly ClusterNode[]; readonly options?: ClusterOptions };

/** Options that `cache.with(overrides)` may set anew for some routes. */
export interface PolicyOptions {
  /**
   * Is the cache in use? Read at each request; while false the middleware is as if it were not there.
   * @default true
   */
  readonly enabled?: Value<boolean>;
  /** Does the cache apply to this request? A request it does not apply to is forwarded. @default all requests */
  readonly when?: Value<boolean>;
  /** May this response be stored? Asked once its head is known. @default all responses */
  readonly storeWhen?: Value<boolean>;
  /**
   * Request methods that are looked up and stored; any other is forwarded (`fwd=method`). A method other than
   * GET and HEAD needs a `key` that covers the request's body. HEAD shares what GET stored.
   * @default ['GET', 'HEAD']
   */
  readonly methods?: readonly string[];
  /**
   * Status codes stored for `ttl` when the response states no freshness lifetime of its own.
   * @default [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501], those of RFC 9110 §15.1 without 206
   */
  readonly statuses?: readonly number[];
  /**
   * Freshness lifetime of a response that states none (RFC 9111 §4.2): a duration, a duration for each status, or
   * a function. Plain numbers are **milliseconds**. A lifetime for all statuses is cut to one minute on an error
   * status (400 and above) unless the map or the function names it. `false`: only what states its own lifetime,
   * or has a `Last-Modified` to estimate one from (§4.2.2), is stored.
   * @default '1h'
   */
  readonly ttl?: Value<Duration | TtlByStatus | false>;
  /**
   * The cache key: plain JSON of your own, in place of scheme, host, path and sorted query. Objects are compared
   * without regard to the order of their names. `null` forwards the request (`fwd=bypass`), and so does a part
   * that is `undefined` or not plain JSON, since such a key would be ambiguous.
   */
  readonly key?: (
    req: IncomingMessage,
    res: ServerResponse,
  ) => KeyPart | undefined | Promise<KeyPart | undefined>;
  /** Parts of the request that select a variant. */
  readonly vary?: VaryOptions;
  /**
   * Hash every cache key in Redis: `true` is SHA-1, as gateways do. Left false, only keys that are long or have
   * characters with a meaning to Redis are hashed. The whole key is kept in the stored response and compared, so
   * that a collision is a miss.
   * @default false
   */
  readonly hashKeys?: boolean | 'sha1' | 'sha256';
  /** A larger body is passed through whole and is not stored. @default '1mb' */
  readonly maxBodySize?: Size;
  /**
   * Whose `Cache-Control` counts: `'follow'`, request's and response's (RFC 9111 §5.2); `'ignore'`, the response's
   * only; `'override'`, neither: what has a status in `statuses` is stored for `ttl`, except for `private`,
   * `no-store` and what is never stored for safety.
   * @default 'follow'
   */
  readonly directives?: 'follow' | 'ignore' | 'override';
  /**
   * Names of targeted fields (RFC 9213) that this cache obeys, the most specific first, such as
   * `['CDN-Cache-Control']`. The first that is valid takes the place of `Cache-Control` and `Expires`.
   * @default []
   */
  readonly targeted?: readonly string[];
  /**
   * A response with `Set-Cookie`: `'refuse'` to store it, `'strip'` the field and store the rest, or `'store'` it as
   * RFC 9111 alone would allow, which gives one client's cookie to the next.
   * @default 'refuse'
   */
  readonly setCookie?: 'refuse' | 'strip' | 'store';
  /**
   * When the app, behind the cache, reads who is asking (`req.user`, `req.session`, cookies, `Authorization`) and the
   * key does not cover it: `'refuse'` to store what it answers, `'warn'` by a `guard` event only, or `'off'`. A
   * response that says `public` or `s-maxage` is shared by its own word.
   * @default 'refuse'
   */
  readonly guard?: 'refuse' | 'warn' | 'off';
  /**
   * Requests for a response that is being made wait for it rather than have it made again, in this process and in all
   * others: `wait` is how long at most. `false`: each is forwarded.
   * @default { wait: '10s' }
   */
  readonly collapse?: false | { readonly wait?: Duration };
  /** Names of `res.locals` values, plain JSON, kept with the response and put back on a hit. @default [] */
  readonly locals?: readonly string[];
}

/** Options of `redisCache`. */
export interface CacheOptions extends PolicyOptions {
  /**
   * Redis, in any of its forms. A client of your own is used as it is: never reconfigured, never closed.
   * Left out: an in-process store with the same semantics, for development and single processes.
   */
  readonly redis?: RedisOption;
  /** Namespace of every Redis key; it may hold no braces and no glob characters. @default 'rrc:' */
  readonly prefix?: string;
  /** The cache's name in `Cache-Status` (RFC 9211 §2), a token. @default 'redis-response-cache' */
  readonly name?: string;
  /**
   * How long a Redis call may delay a request. Past it the request is forwarded; after a few such calls Redis is
   * left alone and probed behind the requests until it answers again.
   * @default 100 (milliseconds)
   */
  readonly timeout?: Duration;
  /** Adds the cache key to `Cache-Status` (RFC 9211 §2.7): for finding out, since it shows how keys are made. @default false */
  readonly showKey?: boolean;
  /** The current time in milliseconds since 1970, for tests. @default Date.now */
  readonly clock?: () => number;
}

/** What to purge. */
export type PurgeTarget =
  /** The stored responses of one `key`, as your `key` function gives it. */
  | { readonly key: KeyPart }
  /** The stored responses of one absolute URL, under the default key. */
  | { readonly url: string | URL }
  /** Every stored response under this cache's prefix. */
  | { readonly all: true };

/** The middleware. It fits Express, Connect and `node:http`: call it with what should run on a miss. */
export interface CacheMiddleware {
  (req: IncomingMessage, res: ServerResponse, next: Next): void;
  /**
   * Derives a middleware for some routes that shares the store, connections and statistics.
   * @throws {OptionError} for a bad option.
   */
  with(overrides: PolicyOptions): CacheMiddleware;
  /**
   * Deletes stored responses, and revokes the right of requests under way to store what they began before.
   * @returns how many stored responses were deleted.
   * @throws {StoreError} when the store did not confirm it. Requests are never affected.
   */
  purge(target: PurgeTarget): Promise<number>;
  /** Listens to an event; returns the cache. */
  on<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): CacheMiddleware;
  /** Stops listening; returns the cache. */
  off<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): CacheMiddleware;
  /** Resolves when no store operation is pending: for tests and for a graceful shutdown. */
  idle(): Promise<void>;
  /**
   * Waits for pending store operations, then closes the connections that the cache opened itself. From then on
   * the middleware forwards every request.
   */
  close(): Promise<void>;
}
