import type { WarningCode } from '../codes.ts';
import type { RedisOption } from './redis.ts';
import type {
  CacheRequest,
  CacheResponse,
  NodeRequest,
  NodeResponse,
  OptionFunction,
  OptionValue,
} from './request.ts';
import type { Duration, Size } from './units.ts';

/*
 * What a user may write: the options of `redisCache` and of `cache.with`, and the objects among them. An option that is
 * `undefined` has its default. The docstrings are the source of docs/options.md (`node scripts/options.mjs`) and of the API
 * reference.
 */

/** One freshness lifetime for each status code; `default` is that of all other status codes. */
export type TtlByStatus = { readonly default?: Duration } & { readonly [status: number]: Duration };

/**
 * Plain JSON, which cache keys are made of. A member that is `undefined` is accepted by the compiler, as in Express's
 * `req.query`; a key with one forwards the request (`detail=key-ambiguous`).
 */
export type KeyPart =
  | string
  | number
  | boolean
  | null
  | readonly KeyPart[]
  | { readonly [name: string]: KeyPart | undefined };

/** The query parameters that belong to the cache key: all (`true`), none, those named, or all except those named. */
export type QueryRule = boolean | readonly string[] | { readonly except: readonly string[] };

/** Parts of a request that select a variant of the stored response, in addition to the response's own `Vary`. */
export interface VaryOptions<
  Req extends NodeRequest = CacheRequest,
  Res extends NodeResponse = CacheResponse,
> {
  /** Names of request header fields, in any case. An absent field and an empty one are different values. @default [] */
  readonly headers?: readonly string[] | undefined;
  /**
   * The query parameters that belong to the cache key: `true` for all, `false` for none, a list for those named,
   * `{ except: [...] }` for all except those named. A name is the root name of a parameter (`filter` covers `filter[a]`),
   * and may end in `*`. @default true
   */
  readonly query?: QueryRule | undefined;
  /** Names of cookies. A cookie that is named here and that a request has is covered (see `guard`). @default [] */
  readonly cookies?: readonly string[] | undefined;
  /**
   * A function that computes any other part, such as a tenant or a language, as plain JSON. If it returns `undefined` or
   * something else, the request is forwarded (`detail=vary-ambiguous`). It never covers the caller, even if it contains the
   * caller's id: declare the caller with `caller`. @default none
   */
  readonly by?: OptionFunction<KeyPart, Req, Res> | undefined;
  /**
   * A function that names the caller, such as `(req) => req.user?.id ?? null`; `null` for a request without credentials.
   * The name is part of the key, and declares that the key covers the caller (see `guard`): callers with different names
   * share no stored response. Mount the cache behind the middleware that identifies the caller. @default none
   */
  readonly caller?: OptionFunction<KeyPart, Req, Res> | undefined;
  /**
   * Names that say nothing about the response, as `Cache-Status` writes them: header fields in lower case (`x-device-id`),
   * cookies (`cookie theme`), values that middleware in front has set (`req.flowId`, `res.locals.requestId`). They select
   * nothing and are no credentials, even if the app reads them. Fields of logs, traces and conditions, and cookies of
   * analytics and consent, are ignored by default (docs/security.md#header-fields-that-are-ignored). A field named in
   * `headers` selects all the same. @default []
   */
  readonly ignore?: readonly string[] | undefined;
}

/** How requests wait for a response that another request is filling (option `collapse`). */
export interface CollapseOptions {
  /** The longest time that a request waits. Past it, the request is forwarded. @default '10s' */
  readonly wait?: Duration | undefined;
  /**
   * The length of a lease, the right of one fill to store its response: from 100 milliseconds to 30 seconds. It is renewed
   * while the app works, so it bounds how long requests wait for a process that died. @default '5s'
   */
  readonly lease?: Duration | undefined;
}

/** The limits of the near cache, in this process (option `near`). */
export interface NearOptions {
  /**
   * The memory for stored responses as Redis has them, in bytes. What is decoded of them takes more; with `encrypt`, as
   * much again. Responses that were not used lately are evicted first. @default '64mb'
   */
  readonly maxSize?: Size | undefined;
  /** How long a response is used before Redis is asked for it again: from 1 millisecond to 1 hour. @default '10s' */
  readonly ttl?: Duration | undefined;
}

/** The limits of background requests, which the cache itself makes (option `refresh`). */
export interface RefreshOptions {
  /** The most background requests that this process runs at a time. @default 8 */
  readonly concurrency?: number | undefined;
  /** How long a background request may take before it is aborted: from 1 millisecond to 1 hour. @default '30s' */
  readonly timeout?: Duration | undefined;
}

/** The content codings in which bodies are stored (option `compress`). */
export interface CompressOptions {
  /** Brotli. `quality` is from 0 to 11: a higher one is slower and makes smaller bodies. @default true: quality 6 */
  readonly br?: boolean | { readonly quality?: number | undefined } | undefined;
  /** Gzip. `level` is from 1 to 9: a higher one is slower and makes smaller bodies. @default true: level 6 */
  readonly gzip?: boolean | { readonly level?: number | undefined } | undefined;
  /** Zstandard. It needs Node 22.15, 23.8 or newer. @default false */
  readonly zstd?: boolean | undefined;
  /** Smaller bodies are stored without a coding. @default '1kb' */
  readonly threshold?: Size | undefined;
}

/** The keys that encrypt stored responses by AES-256-GCM (option `encrypt`). */
export interface EncryptOptions {
  /**
   * The first key encrypts, all keys decrypt. To rotate without a miss: add the new key at the end in all processes, then
   * move it to the front, and drop the old key when every response that it encrypted has expired.
   */
  readonly keys: readonly {
    /** The name of the key, stored with what it encrypted: 1 to 32 printable characters. It is not secret. */
    readonly id: string;
    /** 32 random bytes: a buffer, or a string in hex, base64 or base64url. */
    readonly key: Uint8Array | string;
  }[];
}

/**
 * Requests that purge by a header field (option `invalidation`). The value `invalidate` purges the stored responses for the
 * request's own key, `invalidate-all` purges everything; the answer is `{"purged": N}`. The field, and the one with the secret, are
 * removed from every request, but `Authorization` and `Cookie` only where they hold the secret. A request that is not
 * authorized is handled like any other.
 */
export interface InvalidationOptions<
  Req extends NodeRequest = CacheRequest,
  Res extends NodeResponse = CacheResponse,
> {
  /** The name of the header field, such as `X-Cache-Invalidate`. */
  readonly header: string;
  /**
   * Whether a request may purge: a function that decides, or a secret of at least 16 characters and the name of the header
   * field that carries it.
   */
  readonly authorize:
    | OptionFunction<boolean, Req, Res>
    | { readonly header: string; readonly secret: string };
}

/** Options that `cache.with(overrides)` may override for some routes. */
export interface PolicyOptions<
  Req extends NodeRequest = CacheRequest,
  Res extends NodeResponse = CacheResponse,
> {
  /**
   * Whether stored responses are served (`'serve'`), or only measured (`'shadow'`). In shadow mode the app answers every
   * request, and the cache looks up, stores and compares in the background. `cache.stats().shadow` reports what it would have
   * served (docs/observability.md#shadow-mode).
   * @default 'serve'
   */
  readonly mode?: 'serve' | 'shadow' | undefined;
  /**
   * Whether the cache is in use, evaluated for each request. While it is false, requests pass as if there were no cache:
   * without `Cache-Status`, and unsafe methods invalidate nothing.
   * @default true
   */
  readonly enabled?: OptionValue<boolean, Req, Res> | undefined;
  /** Whether the cache applies to a request. If not, the request is forwarded (`detail=when`). @default true */
  readonly when?: OptionValue<boolean, Req, Res> | undefined;
  /**
   * Whether a response may be stored (if not, `detail=store-when`). It is evaluated when the header fields of the response are
   * known, and only if RFC 9111 §3 allows storing it.
   * @default true
   */
  readonly storeWhen?: OptionValue<boolean, Req, Res> | undefined;
  /**
   * The request methods that the cache looks up and stores. A request with another method is forwarded (`fwd=method`).
   * HEAD requests are answered by stored responses to GET.
   *
   * A method other than GET and HEAD needs a `key` that covers the request body (docs/keys.md#post-with-a-body). If `key` and
   * `vary.by` did not read the body, or the body parser runs behind the cache, the request is forwarded
   * (`detail=body-unread`).
   * @default ['GET', 'HEAD']
   */
  readonly methods?: readonly string[] | undefined;
  /**
   * The status codes that are stored for `ttl` when a response states no freshness lifetime (RFC 9111 §3): from 200 to 599,
   * except 206 and 304. A response that states its own lifetime is stored whatever its status code.
   * @default [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501], those of RFC 9110 §15.1 without 206
   */
  readonly statuses?: readonly number[] | undefined;
  /**
   * The freshness lifetime of a response that states none (RFC 9111 §4.2). Plain numbers are **milliseconds**.
   *
   * - A duration: `'5m'`. Errors (status 400 and above) are fresh for at most one minute.
   * - A duration for each status code: `{ default: '1h', 404: '10s' }`. A status that is named has no limit of one minute.
   * - A function of request and response that returns one of these, also without that limit.
   * - `false`: only responses that state a lifetime are stored, or have a `Last-Modified` to estimate one from (§4.2.2).
   * @default '1h'
   */
  readonly ttl?: OptionValue<Duration | TtlByStatus | false, Req, Res> | undefined;
  /**
   * A function that returns the cache key as plain JSON, instead of scheme, host, path and query (docs/keys.md). Objects with
   * the same members in another order are the same key.
   *
   * - `null` forwards the request (`detail=key`).
   * - A value that is or contains `undefined`, or is not plain JSON, forwards the request (`detail=key-ambiguous`): two
   *   different requests could have the same key.
   * @default scheme, host, path and sorted query, as Express trusts them
   */
  readonly key?: OptionFunction<KeyPart | undefined, Req, Res> | undefined;
  /**
   * Parts of the request that select a variant of the stored response, in addition to the response's own `Vary`
   * (RFC 9111 §4.1).
   * @default none
   */
  readonly vary?: VaryOptions<Req, Res> | undefined;
  /**
   * Hashes every cache key in Redis, by SHA-1, or by SHA-256 with `encrypt`. If false, only keys are hashed that are long or
   * have characters with a meaning to Redis. The stored response contains the whole key, which is compared on each hit: a
   * hash collision is a miss. The keys of values (`cache.wrap`, `cache.store`) follow the option of `redisCache()`, not that of
   * `cache.with`.
   * @default false; `true` with `encrypt`
   */
  readonly hashKeys?: boolean | undefined;
  /**
   * The largest body that is stored, in bytes. A larger body is sent whole and not stored (`detail=too-large`). The cache
   * holds at most this many bytes of a body in memory while the app sends it.
   * @default '1mb'
   */
  readonly maxBodySize?: Size | undefined;
  /**
   * Whose `Cache-Control` the cache obeys.
   *
   * - `'follow'`: that of the request and of the response (RFC 9111 §5.2).
   * - `'ignore'`: only that of the response.
   * - `'override'`: neither. A response with a status code in `statuses` is stored for `ttl`, unless it says `private` or
   *   `no-store` or is unsafe to store.
   * @default 'follow'
   */
  readonly directives?: 'follow' | 'ignore' | 'override' | undefined;
  /**
   * The names of targeted header fields (RFC 9213) that the cache obeys, such as `['CDN-Cache-Control']`, in the order of
   * precedence. The first valid one in a response replaces `Cache-Control` and `Expires`.
   * @default []
   */
  readonly targeted?: readonly string[] | undefined;
  /**
   * What to do with a response that has `Set-Cookie`.
   *
   * - `'refuse'`: do not store it (`detail=set-cookie`).
   * - `'strip'`: store it without the field.
   * - `'store'`: store it whole, as RFC 9111 alone allows (§7.3). Clients then receive the cookies of other clients.
   * @default 'refuse'
   */
  readonly setCookie?: 'refuse' | 'strip' | 'store' | undefined;
  /**
   * Who may get a response that was made for a request with credentials (a session cookie, `Authorization`, an API key, a
   * client certificate). It applies if the response does not say `public` or `s-maxage`, and the key does not cover the
   * caller: by `vary.caller`, or by `vary.headers`, `vary.cookies` or `Vary` for a credential that the request has.
   *
   * - `'verify'`: only its caller. After the response was sent, the cache makes the same request without the credentials, and
   *   stores that response. Requests without credentials get it, and requests with credentials of a kind for which the app was
   *   seen to give the same response. This costs one more run of the app for a cold key that a request with credentials asks
   *   for.
   * - `'reads'`: everyone, unless the app was seen to read a credential or a value of the caller.
   * - `'off'`: everyone. Nothing that the app reads selects a response.
   *
   * With `'reads'` and `'off'`, one caller may get what was made for another: docs/security.md#the-options says when they are
   * right.
   * @default 'verify'
   */
  readonly guard?: 'verify' | 'reads' | 'off' | undefined;
  /**
   * Names of further header fields that identify a caller, such as `['x-license']`. The cache knows `Authorization`, `Cookie`
   * (without cookies of analytics and consent), the fields of identity-aware proxies and gateways, and every field whose name
   * contains a word for a user, a session, a tenant, a token or a key (docs/security.md#credentials).
   * @default []
   */
  readonly credentials?: readonly string[] | undefined;
  /**
   * While one request fills a key, other requests for it wait for its response, in this process and in all others (RFC 9111
   * §4), instead of running the app again. `false` forwards each request.
   * @default { wait: '10s', lease: '5s' }
   */
  readonly collapse?: false | CollapseOptions | undefined;
  /**
   * The tags of a response, by which it can be purged: `cache.purge({ tag })`. A tag has 1 to 256 characters. The tags that
   * a response states in `Cache-Tag`, `Surrogate-Key` and `Cache-Groups` (RFC 9875) are added. A response with more than
   * 128 tags, or with a longer one, is not stored (`detail=tags`), because a purge by tag could miss it.
   * @default []
   */
  readonly tags?: OptionValue<readonly string[], Req, Res> | undefined;
  /**
   * How long after its freshness lifetime a response is still served at once, while the cache refreshes it in the background
   * (RFC 5861 §3, docs/freshness.md). It applies if the response states no `stale-while-revalidate` of its own, and never to a
   * response that says `must-revalidate`, `no-cache` or `s-maxage` (RFC 9111 §4.2.4).
   * @default 0
   */
  readonly staleWhileRevalidate?: Duration | undefined;
  /**
   * How long after its freshness lifetime a response is served in place of a 500, 502, 503 or 504 of the app (RFC 5861 §4).
   * It applies if the response states no `stale-if-error` of its own. @default 0
   */
  readonly staleIfError?: Duration | undefined;
  /**
   * How long the app may take to begin its response: at most 1 hour. After that the app counts as failed, and a stale response
   * is served if `staleIfError` allows it. The app's response is still stored when it arrives. @default none
   */
  readonly originTimeout?: Duration | undefined;
  /**
   * Refreshes hot responses in the background before they are stale. Some hit starts the refresh, with a probability that
   * grows toward the end of the lifetime and with the time that the app takes (XFetch). @default false
   */
  readonly earlyRefresh?: boolean | undefined;
  /**
   * Randomly shortens each lifetime that `ttl` gives by up to this fraction (from 0 to 1), so that responses that were
   * stored together do not expire together. @default 0
   */
  readonly jitter?: number | undefined;
  /**
   * Compresses each body once, in the background when it is stored, and sends each client the content coding that it
   * prefers (RFC 9110 §12.5.3, docs/compression.md). A response that says `no-transform`, has a `Content-Encoding`, states a
   * digest or is not text is stored as it is. `true` is Brotli and gzip.
   * @default false
   */
  readonly compress?: boolean | CompressOptions | undefined;
  /** The names of `res.locals` values, plain JSON, that are stored with the response and restored on a hit. @default [] */
  readonly locals?: readonly string[] | undefined;
}

/** Options of `redisCache`. */
export interface CacheOptions<
  Req extends NodeRequest = CacheRequest,
  Res extends NodeResponse = CacheResponse,
> extends PolicyOptions<Req, Res> {
  /**
   * Redis or Valkey: a client of yours (ioredis, node-redis, iovalkey or Valkey GLIDE: docs/clients.md), a URL, ioredis options, or
   * `{ cluster: [nodes], options }`. The cache never reconfigures or closes a client of yours; it opens a connection of its own for the other forms, which `close()` closes.
   * If left out, responses are stored in this process with the same semantics, for development and single processes.
   * @default in process
   */
  readonly redis?: RedisOption | undefined;
  /** The prefix of every Redis key: up to 100 printable characters without space, braces and `* ? [ ] ^ \`. @default 'rrc:' */
  readonly prefix?: string | undefined;
  /** The cache's name in `Cache-Status` (RFC 9211 §2): a token. @default 'redis-response-cache' */
  readonly name?: string | undefined;
  /**
   * How long Redis may delay a request, in sum: from 1 millisecond to 1 hour. After that the request is forwarded. After five
   * such delays in a row the circuit breaker opens: requests do not wait for Redis until it replies to a ping, or its
   * connection is ready again (docs/redis-failures.md).
   *
   * A miss makes two calls, so if Redis takes more than half of this time to reply, nothing is stored. Each call may take at
   * least a tenth of it, whatever those before it took.
   * @default 100 (milliseconds)
   */
  readonly timeout?: Duration | undefined;
  /**
   * The most responses, and values of `wrap`, that all processes together store. The one stored first is evicted first.
   * On a Redis Cluster it throws an `OptionError`: limit the memory there, by `maxmemory` and `volatile-ttl`.
   * @default no limit
   */
  readonly maxEntries?: number | undefined;
  /**
   * The limits of the background requests that refresh stored responses.
   * @default { concurrency: 8, timeout: '30s' }
   */
  readonly refresh?: RefreshOptions | undefined;
  /**
   * Keeps responses that were read recently in this process too, and serves them without asking Redis (docs/near-cache.md).
   * Redis reports changes by client tracking, on two connections to each server; while that does not work,
   * this process keeps nothing. `true` is `{ maxSize: '64mb', ttl: '10s' }`. Without `redis` it has no effect.
   * @default false
   */
  readonly near?: boolean | NearOptions | undefined;
  /**
   * Encrypts stored responses and values by AES-256-GCM, and hashes cache keys (docs/encryption.md). A stored response that
   * none of the keys decrypts is a miss.
   * @default off
   */
  readonly encrypt?: EncryptOptions | undefined;
  /** Lets authorized requests purge by a header field (docs/purging.md#by-a-request-header). @default off */
  readonly invalidation?: InvalidationOptions<Req, Res> | undefined;
  /**
   * Adds the cache key to `Cache-Status` (RFC 9211 §2.7), for debugging: clients see how keys are made. A key longer than 512
   * characters is cut, and ends in its length: `... (12034 characters)`. Diagnostics channels and `DEBUG` logs get whole keys,
   * tags and error messages too. Without it they get the path of a URL, but not its query. @default false
   */
  readonly showKey?: boolean | undefined;
  /**
   * Warnings about mistakes in how the cache is set up and mounted, once each: as `warning` events where there is a listener
   * (`cache.on('warning')`), else as process warnings. `false` turns all off, `{ WRN_RRC_TRUST_PROXY: false }` one of them.
   * docs/errors.md lists them. @default true
   */
  readonly warnings?: boolean | { readonly [C in WarningCode]?: boolean | undefined } | undefined;
  /** A function that returns the current time in milliseconds since 1970, for tests. @default Date.now */
  readonly clock?: (() => number) | undefined;
}
