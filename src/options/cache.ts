import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Entries } from '../entries/types.ts';
import type { ExplainRequest } from '../exchange/probe-request.ts';
import type { Explanation } from '../lifecycle/explain.ts';
import type { CacheEvents } from '../observe/outcome.ts';
import type { CacheStats } from '../observe/stats.ts';
import type { WarmOptions, WarmResult, WarmTarget } from '../warm/warm.ts';
import type { KeyPart, Next, PolicyOptions } from './types.ts';
import type { Duration } from './units.ts';

/** The public face of a cache beside its options. */

/** What to purge, and whether softly. */
export type PurgeTarget = (
  | /** The stored responses of one `key`, as your `key` function gives it, and what `wrap` and `store` keep by it. */
  { readonly key: KeyPart }
  /** The stored responses of one absolute URL, under the default key. */
  | { readonly url: string | URL }
  /** What is stored under a tag. */
  | { readonly tag: string }
  /** What is stored under any of these tags. */
  | { readonly tags: readonly string[] }
  /**
   * The stored responses under the default key whose URL begins so: an absolute URL, or a path (`/api/leads`, which
   * `/api/leads?page=2` and `/api/leadsheet` begin with) on every host.
   */
  | { readonly prefix: string }
  /** Everything under this cache's prefix. */
  | { readonly all: true }
) & {
  /**
   * Marks responses stale instead of deleting them: they may yet be confirmed by the app (`ETag`), or stand in for an
   * error. Requests under way are revoked all the same. @default false
   */
  readonly soft?: boolean;
};

/** How to purge. */
export interface PurgeOptions {
  /** Is told how many were purged so far, after each step of a purge by tag, by prefix or of everything. */
  readonly onProgress?: (purged: number) => void;
}

/** Small values of your own in the same store, each with a lifetime: a signed token, a lookup table. Plain JSON, or bytes. */
export interface ValueStore {
  /** The value, or `undefined` where there is none, or the store cannot be asked. Bytes come back as a `Buffer`. */
  get<T = unknown>(key: KeyPart): Promise<T | undefined>;
  /**
   * Keeps a value for `ttl`, in place of what is there, and revokes a `wrap` of the same key that is under way.
   * @returns whether the store confirmed it. @throws {TypeError} for what is neither JSON nor bytes, or too large.
   */
  set(key: KeyPart, value: unknown, options: { readonly ttl: Duration }): Promise<boolean>;
  /** Whether there is a value; `false` too where the store cannot be asked. */
  has(key: KeyPart): Promise<boolean>;
  /** @returns whether there was one. @throws {StoreError} when the store did not confirm it. */
  delete(key: KeyPart): Promise<boolean>;
  /** Every key that has a value, read in steps as you go. @throws {StoreError} when the store does not answer. */
  keys(): AsyncIterable<KeyPart>;
  /** Deletes all values, and no response. @returns how many. @throws {StoreError} when the store did not confirm it. */
  clear(): Promise<number>;
}

/** How `cache.wrap` keeps what a function gave. */
export interface WrapOptions {
  /** For how long it is kept. */
  readonly ttl: Duration;
  /** What it may be purged by. @default [] */
  readonly tags?: readonly string[];
}

/** The middleware. It fits Express, Connect and `node:http`: call it with what should run on a miss. */
export interface CacheMiddleware {
  (req: IncomingMessage, res: ServerResponse, next: Next): void;
  /**
   * Derives a middleware for some routes that shares the store, connections and statistics.
   * @throws {OptionError} for a bad option.
   */
  with(overrides: PolicyOptions): CacheMiddleware;
  /**
   * The same cache in front of an app as a whole: a listener for `http.createServer` that answers hits before the app is
   * entered, and gives it everything else. It goes by the app's own `trust proxy`, so give it the Express app itself.
   *
   * What it answers passes by every middleware of the app, sessions and authentication included. What the app makes after
   * it has read cookies or `Authorization` is not stored (the `guard` option), and what was stored further in is not used
   * here. Who is told apart by anything else (an address, a client certificate, a field such as `X-Api-Key`) must be told
   * apart by `key` or `vary`, or left out by `when`.
   * @throws {OptionError} for what is not a function.
   */
  before(
    app: (req: IncomingMessage, res: ServerResponse) => unknown,
  ): (req: IncomingMessage, res: ServerResponse) => void;
  /**
   * Deletes stored responses, or marks them stale, and revokes the right of requests under way to store what they began
   * before. Once it has resolved, no request that arrives at any process is answered from before it (after a soft one:
   * as if it were fresh). With `near`, other processes are told by Redis's message, a moment later.
   * @returns how many stored responses were purged. A `tag`, a `prefix` and `all` may count one twice if it was stored
   * again meanwhile.
   * @throws {StoreError} when the store did not confirm it. Requests are never affected.
   */
  purge(target: PurgeTarget, options?: PurgeOptions): Promise<number>;
  /** What is stored, to be looked at and operated: for a console, or a script. */
  readonly entries: Entries;
  /** Small values of your own, kept in the same store. */
  readonly store: ValueStore;
  /**
   * Runs a function and keeps what it gives, plain JSON or bytes, as the cache keeps responses: calls for the same key
   * share one run in all processes, `purge({ key })` and `purge({ tag })` end it, and with the store away each call
   * runs the function. Its errors are the caller's own. What is `undefined`, or too large, is given but not kept.
   * @throws {TypeError} for a bad key, `ttl` or tag.
   */
  wrap<T>(key: KeyPart, run: () => T | Promise<T>, options: WrapOptions): Promise<T>;
  /**
   * Asks for many URLs, a few at a time, so that the cache has what they answer before clients come: in this process
   * with the `app` option, over HTTP without. Each is a request like any other, so that what is fresh stays, and what
   * is missing is made once, however many processes warm up. A list is read no faster than there is room.
   * Resolves when what was answered in this process is stored too; after `close()`, with what was done by then.
   * @throws {TypeError} for a bad option, and for targets that are no list.
   */
  warm(targets: Iterable<WarmTarget> | AsyncIterable<WarmTarget>, options?: WarmOptions): Promise<WarmResult>;
  /**
   * Listens to an event; returns the cache. A listener runs in the asynchronous context of the request. What it throws,
   * or rejects with, becomes a process warning, once.
   */
  on<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): CacheMiddleware;
  /** Stops listening; returns the cache. */
  off<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): CacheMiddleware;
  /**
   * What this middleware would do with a request now, and why: with one that came, or with one for an absolute URL that
   * nobody sends. Functions among the options are asked and Redis is read; nothing is changed, leased or counted.
   * @throws {TypeError} for what is no absolute http or https URL.
   */
  explain(request: IncomingMessage | string | URL, init?: ExplainRequest): Promise<Explanation>;
  /** What this cache has done in this process so far: counts, hit ratio, latencies, time saved. */
  stats(): CacheStats;
  /** Resolves when no store operation is pending: for tests and for a graceful shutdown. */
  idle(): Promise<void>;
  /**
   * Ends warm-ups and waits for pending store operations, then closes the connections that the cache opened itself.
   * From then on the middleware forwards every request.
   */
  close(): Promise<void>;
}
