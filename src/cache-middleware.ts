import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Entries } from './entries/types.ts';
import type { ExplainRequest } from './exchange/probe-request.ts';
import type { Explanation } from './lifecycle/explain.ts';
import type { CacheEvents } from './observe/outcome.ts';
import type { CacheStats } from './observe/stats.ts';
import type { PurgeOptions, PurgeTarget, ValueStore, WrapOptions } from './options/operations.ts';
import type { CacheRequest, CacheResponse, Next, NodeRequest, NodeResponse } from './options/request.ts';
import type { KeyPart, PolicyOptions } from './options/types.ts';
import type { WarmOptions, WarmResult, WarmTarget } from './warm/warm.ts';

/** The handle of a cache: what it has besides the middleware, whatever the type arguments of `CacheMiddleware` are. */
export interface CacheHandle {
  /**
   * Deletes stored responses, or marks them stale (`soft`), and revokes fills in progress, whose responses are not stored.
   * Once it has resolved, no process answers a new request with a response from before the purge (after a soft purge: not
   * as fresh). With `near`, other processes follow when the message of Redis arrives.
   * @returns how many stored responses were purged. A purge by `tag`, by `prefix` or of `all` may count a response twice
   * if it was stored again meanwhile.
   * @throws {PurgeError} for a bad target. @throws {StoreError} if Redis did not confirm it; requests are not affected.
   */
  purge(target: PurgeTarget, options?: PurgeOptions): Promise<number>;
  /** Lists, reads, edits and counts the stored entries, for consoles and scripts. */
  readonly entries: Entries;
  /** Small values of your own in the same store. */
  readonly store: ValueStore;
  /**
   * Runs a function and stores what it returns, plain JSON or bytes, as the cache stores responses: concurrent calls for
   * the same key share one run in all processes, and `purge({ key })` and `purge({ tag })` delete the value. If Redis does not
   * answer, each call runs the function. A value that is `undefined` or larger than `maxBodySize` is returned but not
   * stored. The promise rejects with what the function throws.
   * @throws {ArgumentError} for a bad key or function. @throws {OptionError} for a bad `ttl` or tag.
   */
  wrap<T>(key: KeyPart, run: () => T | Promise<T>, options: WrapOptions): Promise<T>;
  /**
   * Requests many URLs, a few at a time, so that their responses are stored before clients come: in this process with the
   * `app` option, else over HTTP. A fresh stored response is kept. A missing one is filled once, even if several processes warm up. An
   * iterable is read only as fast as requests finish.
   * Resolves when this process has stored its responses. `close()` ends it early: it resolves with the counts so far.
   * @throws {OptionError} for a bad option. @throws {ArgumentError} if the targets are not iterable.
   */
  warm(targets: Iterable<WarmTarget> | AsyncIterable<WarmTarget>, options?: WarmOptions): Promise<WarmResult>;
  /**
   * Adds a listener of an event; returns the cache. The listener runs in the asynchronous context of the request. The first
   * error that it throws, or rejects with, becomes the warning `WRN_RRC_LISTENER`.
   */
  on<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): this;
  /** Removes a listener; returns the cache. */
  off<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): this;
  /**
   * Explains what this middleware would do with a request now: one that it received, or one for an absolute URL.
   * It calls the functions among the options and reads Redis; it changes, leases and counts nothing.
   * @throws {ArgumentError} if the URL is not an absolute http or https URL.
   */
  explain(request: NodeRequest | string | URL, init?: ExplainRequest): Promise<Explanation>;
  /** What the cache has done in this process so far: counts, hit ratio, latencies, time saved. */
  stats(): CacheStats;
  /** Resolves when no store operation and no refresh is pending: for tests, and before a shutdown. */
  idle(): Promise<void>;
  /**
   * Stops warm-ups, waits for pending store operations, and closes the connections that the cache opened itself. From then
   * on the middleware forwards every request.
   */
  close(): Promise<void>;
}

/**
 * The middleware, for Express, Connect, `node:http` and `node:http2`, and the handle of the cache. `next` runs on a miss.
 * The type arguments are what the functions among the options of `with` get.
 */
export interface CacheMiddleware<
  Req extends NodeRequest = CacheRequest,
  Res extends NodeResponse = CacheResponse,
> extends CacheHandle {
  (req: NodeRequest, res: NodeResponse, next: Next): void;
  /**
   * Derives a middleware for some routes. It shares the store, the connections and the statistics.
   * @throws {OptionError} for a bad option, or one that is cache-wide.
   */
  with(overrides: PolicyOptions<Req, Res>): CacheMiddleware<Req, Res>;
  /**
   * Puts the cache in front of a whole app: returns a listener for `http.createServer` that answers hits before the app
   * runs, and passes every other request to the app. It uses the app's `trust proxy`, so pass the Express app itself.
   *
   * A hit skips all middleware of the app, sessions and authentication included. If the app reads cookies or `Authorization`
   * to make a response, that response is not stored (see the `guard` option); what caches inside the app have stored is not
   * served here. If you identify users in any other way (IP address, client certificate, a field such as `X-Api-Key`), add
   * that to `key` or `vary`, or exclude such requests by `when`: the cache cannot detect it.
   * @throws {ArgumentError} if the app is not a function.
   */
  before<AppReq extends NodeRequest = IncomingMessage, AppRes extends NodeResponse = ServerResponse>(
    app: (req: AppReq, res: AppRes) => unknown,
  ): (req: NodeRequest, res: NodeResponse) => void;
}
