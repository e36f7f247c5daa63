import type { KeyPart } from './types.ts';
import type { Duration } from './units.ts';

/** Arguments and results of `cache.purge`, `cache.wrap` and `cache.store`. */

/** What `cache.purge` purges. */
export type PurgeTarget =
  | /** The stored responses of one `key`, as your `key` function returns it, and the value of `wrap` and `store` under it. */
  { readonly key: KeyPart }
  /**
   * The stored responses of one absolute URL, under the default key; under a `key` of your own also those of other queries, and
   * of URLs that differ in the case of the path or in a slash at its end.
   */
  | { readonly url: string | URL }
  /** Everything with this tag. */
  | { readonly tag: string }
  /** Everything with any of these tags. */
  | { readonly tags: readonly string[] }
  /**
   * The stored responses, under the default key, whose URL begins with this: an absolute URL, or a path on every host.
   * `/api/leads` also matches `/api/leads?page=2` and `/api/leadsheet`.
   */
  | { readonly prefix: string }
  /** Everything under the cache's own prefix in Redis. */
  | { readonly all: true };

/** Options of `cache.purge`. */
export interface PurgeOptions {
  /**
   * Marks responses stale instead of deleting them: the app can confirm them by a 304, and they can be served while stale
   * (`staleWhileRevalidate`, `staleIfError`). A soft purge also revokes fills in progress. @default false
   */
  readonly soft?: boolean | undefined;
  /**
   * Called with the number of responses purged so far, after each step of a purge by tag, by prefix or of everything.
   */
  readonly onProgress?: ((purged: number) => void) | undefined;
  /**
   * Purges nothing: `cache.purge` resolves to the number of stored responses that it would purge, and emits no event. By
   * `prefix` and for `all` this takes a scan of all keys. @default false
   */
  readonly dryRun?: boolean | undefined;
}

/** Small values of your own in the same store, each with a lifetime, such as tokens or lookup tables: plain JSON, or bytes. */
export interface ValueStore {
  /** The value; `undefined` if there is none, or if Redis does not answer. Bytes are returned as a `Buffer`. */
  get<T = unknown>(key: KeyPart): Promise<T | undefined>;
  /**
   * Stores a value for `ttl`, replaces the former one, and revokes a `wrap` of the same key that is in progress.
   * @returns whether Redis confirmed it.
   * @throws {ArgumentError} if the value is neither JSON nor bytes, or is larger than `maxBodySize`.
   */
  set(key: KeyPart, value: unknown, options: { readonly ttl: Duration }): Promise<boolean>;
  /** Whether there is a value; `false` too if Redis does not answer. */
  has(key: KeyPart): Promise<boolean>;
  /** @returns whether there was a value. @throws {StoreError} if Redis did not confirm it. */
  delete(key: KeyPart): Promise<boolean>;
  /** The keys of all values, read from Redis in steps. @throws {StoreError} if Redis does not answer. */
  keys(): AsyncIterable<KeyPart>;
  /** Deletes all values, but no responses. @returns how many. @throws {StoreError} if Redis did not confirm it. */
  clear(): Promise<number>;
}

/** Options of `cache.wrap`. */
export interface WrapOptions {
  /** How long the value is stored. */
  readonly ttl: Duration;
  /** The tags by which the value can be purged. @default [] */
  readonly tags?: readonly string[] | undefined;
}
