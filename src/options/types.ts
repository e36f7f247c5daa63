import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CompressOptions } from './compress.ts';
import type { EncryptOptions } from './encrypt.ts';
import type { CollapseOptions, InvalidationOptions, NearOptions, RefreshOptions } from './option-parts.ts';
import type { RedisOption } from './redis.ts';
import type { Duration, Size } from './units.ts';

/** Connect's `next`: let the rest of the app answer, or hand it an error. */
export type Next = (error?: unknown) => void;

/** A value, or a function of the request and the response that gives it, possibly later. */
export type Value<T> = T | ((req: IncomingMessage, res: ServerResponse) => T | Promise<T>);

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
  /** Names of request header fields, in any case. Absent and empty are different values. @default [] */
  readonly headers?: readonly string[];
  /**
   * Query parameters that belong to the key, by their root name (`filter` covers `filter[a]`); a name may end
   * in `*`. `true` is all, `false` none, a list those named, `{ except }` all but those named.
   * @default true
   */
  readonly query?: QueryRule;
  /** Names of cookies. The `guard` lets the app read these. @default [] */
  readonly cookies?: readonly string[];
  /**
   * Anything else: plain JSON computed from the request (a tenant, a role). What is `undefined`, or no plain JSON, forwards
   * the request (`detail=vary-ambiguous`). @default none
   */
  readonly by?: (req: IncomingMessage, res: ServerResponse) => KeyPart | Promise<KeyPart>;
}

/** Options that `cache.with(overrides)` may set anew for some routes. */
export interface PolicyOptions {
  /**
   * `'shadow'`: nothing is served from the cache; the app answers every request, while everything is looked up, stored and
   * compared behind the answer. `cache.stats().shadow` says what would have come of it.
   * @default 'serve'
   */
  readonly mode?: 'serve' | 'shadow';
  /**
   * Is the cache in use? Asked at each request; while false the middleware is as if it were not there: no `Cache-Status`,
   * and an unsafe method invalidates nothing.
   * @default true
   */
  readonly enabled?: Value<boolean>;
  /** Does the cache apply to this request? One that it does not apply to is forwarded (`detail=when`). @default true */
  readonly when?: Value<boolean>;
  /**
   * May this response be stored? Asked once its head is known, of what the RFCs let a cache store; if not, `detail=store-when`.
   * @default true
   */
  readonly storeWhen?: Value<boolean>;
  /**
   * Request methods that are looked up and stored; any other is forwarded (`fwd=method`). A method other than
   * GET and HEAD needs a `key` that covers the request's body. HEAD shares what GET stored.
   * @default ['GET', 'HEAD']
   */
  readonly methods?: readonly string[];
  /**
   * Status codes, from 200 to 599 but 206 and 304, stored for `ttl` when the response states no freshness lifetime of its
   * own (RFC 9111 §3). With one of its own, any is.
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
   * that is `undefined` or not plain JSON, since such a key would be ambiguous (`detail=key-ambiguous`).
   * @default scheme, host, path and sorted query, as Express trusts them
   */
  readonly key?: (
    req: IncomingMessage,
    res: ServerResponse,
  ) => KeyPart | undefined | Promise<KeyPart | undefined>;
  /** Parts of the request that select a variant, beside the response's own `Vary` (RFC 9111 §4.1). @default none */
  readonly vary?: VaryOptions;
  /**
   * Hash every cache key in Redis: `true` is SHA-1, as gateways do. Left false, only keys that are long or have
   * characters with a meaning to Redis are hashed. The whole key is kept in the stored response and compared, so
   * that a collision is a miss.
   * @default false; with `encrypt`, 'sha256'
   */
  readonly hashKeys?: boolean | 'sha1' | 'sha256';
  /**
   * A larger body is passed through whole and is not stored (`detail=too-large`). So much of a body is held in memory at most
   * while it is sent. @default '1mb'
   */
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
   * RFC 9111 alone would allow (§7.3), which gives one client's cookie to the next.
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
   * others (RFC 9111 §4). `false`: each is forwarded.
   * @default { wait: '10s', lease: '5s' }
   */
  readonly collapse?: false | CollapseOptions;
  /**
   * What the response may be purged by, with others: `cache.purge({ tag })`. Strings of 1 to 256 characters. What the response says in `Cache-Tag`,
   * `Surrogate-Key` and `Cache-Groups` (RFC 9875) is added. With more than 128, or one of more than 256 characters, it is
   * not stored (`detail=tags`), since it could not be purged by them.
   * @default []
   */
  readonly tags?: Value<readonly string[]>;
  /**
   * How long past its freshness lifetime a response may yet be sent at once, while the app is asked again behind the
   * answer (RFC 5861 §3), where the response states no `stale-while-revalidate` of its own. Never for one that says
   * `must-revalidate`, `no-cache` or `s-maxage` (RFC 9111 §4.2.4).
   * @default 0
   */
  readonly staleWhileRevalidate?: Duration;
  /** How long past its freshness lifetime a response may stand in for a 500, 502, 503 or 504 (RFC 5861 §4). @default 0 */
  readonly staleIfError?: Duration;
  /**
   * An app that has not begun to answer after so long counts as failed where a stale response may stand in for it;
   * what it answers later is stored all the same. At most 1 hour. @default none
   */
  readonly originTimeout?: Duration;
  /**
   * Refreshes responses behind a hit before they are stale: one hit of many does, ever more likely the nearer the end and
   * the longer the app takes (XFetch). A number from 0 to 1000 makes it that many times as eager. @default false
   */
  readonly earlyRefresh?: boolean | number;
  /**
   * By how much of itself, at most, a lifetime that `ttl` gives is shortened at random, so that what was stored together
   * does not expire together: from 0 to 1, 0.1 for a tenth. @default 0
   */
  readonly jitter?: number;
  /**
   * Stores bodies in content codings, made once when they are stored and behind the answer, and sends each client the one
   * that it likes best (RFC 9110 §12.5.3): less memory in Redis, less to send, and nothing to compress on a hit. What says
   * `no-transform`, has a `Content-Encoding`, states a digest or is no text is stored as it is. `true` is br and gzip.
   * @default false
   */
  readonly compress?: boolean | CompressOptions;
  /** Names of `res.locals` values, plain JSON, kept with the response and put back on a hit. @default [] */
  readonly locals?: readonly string[];
}

/** Options of `redisCache`. */
export interface CacheOptions extends PolicyOptions {
  /**
   * Redis, in any of its forms. A client of your own is used as it is: never reconfigured, never closed.
   * A URL, options and nodes make one of the cache's own, which `close()` closes. Left out: an in-process store with the
   * same semantics, for development and single processes.
   * @default in process
   */
  readonly redis?: RedisOption;
  /** Namespace of every Redis key: up to 100 printable characters without space, braces and `* ? [ ] ^ \`. @default 'rrc:' */
  readonly prefix?: string;
  /**
   * The prefix of the deployment before: what it has stored is used until this one has made its own, behind the answers,
   * and is purged with it. @default none
   */
  readonly previous?: string;
  /** The cache's name in `Cache-Status` (RFC 9211 §2), a token. @default 'redis-response-cache' */
  readonly name?: string;
  /**
   * How long a Redis call may delay a request. Past it the request is forwarded; after a few such calls Redis is
   * left alone and probed behind the requests until it answers again. From 1 millisecond to 1 hour.
   * @default 100 (milliseconds)
   */
  readonly timeout?: Duration;
  /**
   * The most responses, and values of `wrap`, to be stored at a time, by all processes together: what was stored first
   * goes first. One Redis server only: on a Cluster it throws an `OptionError`; set `maxmemory` there.
   * @default no bound
   */
  readonly maxEntries?: number;
  /**
   * Bounds of the requests that the cache itself makes to refresh responses.
   * @default { concurrency: 8, timeout: '30s' }
   */
  readonly refresh?: RefreshOptions;
  /**
   * Keeps what was read lately in this process too, up to so many bytes, and answers with it without asking Redis. Redis
   * says when it changes (client tracking, on two connections of its own to each server, Redis 6 or newer); while it is
   * not known to do so, nothing is kept.
   * `true` is `{ maxSize: '64mb', ttl: '10s' }`. The in-process store is near by nature. @default false
   */
  readonly near?: boolean | NearOptions;
  /**
   * Seals what is stored with AES-256-GCM, and hashes the names that it is stored under (`hashKeys: 'sha256'`, unless
   * told otherwise). What was not sealed with one of the keys counts as not there. @default off
   */
  readonly encrypt?: EncryptOptions;
  /** Lets an authorized request purge by a header field. @default off */
  readonly invalidation?: InvalidationOptions;
  /** Adds the cache key to `Cache-Status` (RFC 9211 §2.7): for finding out, since it shows how keys are made. @default false */
  readonly showKey?: boolean;
  /** The current time in milliseconds since 1970, for tests. @default Date.now */
  readonly clock?: () => number;
}
