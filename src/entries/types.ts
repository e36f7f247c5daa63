import type { Duration } from '../options/units.ts';

/** The public types of `cache.entries`. Names that end in `Ms` are milliseconds; instants are milliseconds since 1970. */

/** Names one stored response: the id of its cache key in the store, and the variant. `list` returns both. */
export interface EntryRef {
  readonly id: string;
  readonly variant: string;
}

/** A stored response, or a value of `cache.wrap` or `cache.store`, without its body. */
export interface EntrySummary extends EntryRef {
  readonly readable: true;
  readonly kind: 'response' | 'value';
  /** The whole cache key: by default `GET https://example.com/a?b=1`; with a `key` function, the method and the JSON. */
  readonly key: string;
  /** The request method in the cache key; `VALUE` for a value. */
  readonly method: string;
  /** The absolute URL in a default cache key; `undefined` with a `key` function. */
  readonly url: string | undefined;
  readonly status: number;
  readonly contentType: string | undefined;
  /** The content codings that the app applied to the body: `gzip`. */
  readonly contentEncoding: string | undefined;
  /** Bytes of the body as the app sent it. */
  readonly size: number;
  /** The content codings that the `compress` option stored, with the bytes of each; empty for a body stored as sent. */
  readonly encodings: Readonly<Record<string, number>>;
  /** The id of the key (option `encrypt`) that encrypted the entry; `undefined` when it is not encrypted. */
  readonly encryptedWith: string | undefined;
  /** Bytes of the whole stored value: head, metadata and body. */
  readonly storedBytes: number;
  /** When the age was 0 (RFC 9111 §4.2.3), in milliseconds since 1970. */
  readonly bornAt: number;
  /** Current age (RFC 9111 §4.2.3). */
  readonly ageMs: number;
  /** Freshness lifetime (RFC 9111 §4.2.1). */
  readonly lifetimeMs: number;
  /** What is left of the freshness lifetime; negative for a stale entry. */
  readonly ttlMs: number;
  readonly stale: boolean;
  /** Whether a soft purge made the entry stale. */
  readonly purged: boolean;
  /** Time until the store deletes the entry. A stale entry may be kept for hours, for validation or `staleIfError`. */
  readonly expiresInMs: number;
  /** The tags that purge the entry. A tag that is long or has unusual characters is shown as its hash: `#...`. */
  readonly tags: readonly string[];
  /**
   * What selected this variant: the request header fields that the response's `Vary` names or the app has read, with their
   * normalized values, and the values that middleware in front had placed (`res.locals.lang`), as JSON. `null`: the request
   * had none.
   */
  readonly variesOn: Readonly<Record<string, string | null>>;
  /** Which of the requests that select the entry may have it (option `guard`). A value is for everyone. */
  readonly audience: 'everyone' | EntryAudience;
  /** The parts of the request that the `vary` option declares, as JSON; empty when there are none. */
  readonly declaredParts: string;
  /** Time that the app took to make the response. */
  readonly originMs: number;
}

/** Who may have a stored response that is not for everyone: callers for whom the app was seen to give the same one. */
export interface EntryAudience {
  /** Whether they include requests without credentials, where middleware in front has placed nothing. */
  readonly strangers: boolean;
  /** How many kinds of other callers they include. A kind has the same names of credentials and of placed values. */
  readonly same: number;
  /** For how many kinds of callers the app gave another response within the last 10 minutes. */
  readonly different: number;
}

/** A stored value that this process cannot read. Requests treat it as a miss and replace it. Purge it by its `id`. */
export interface UnreadableEntry extends EntryRef {
  readonly readable: false;
  /**
   * `unknown-key`: encrypted with a key that is not in the `encrypt` option of this process.
   * `unencrypted`: not encrypted, although this process has the `encrypt` option.
   * `damaged`: no process can read it.
   * `too-large` (`get` only): its body as the app sent it is larger than 64 MB and than `maxBodySize`.
   */
  readonly reason: 'unknown-key' | 'unencrypted' | 'damaged' | 'too-large';
  /** The id of the key that encrypted the entry; `undefined` when it is not encrypted. */
  readonly encryptedWith: string | undefined;
  /** The cache key; `undefined` when this process cannot read it. */
  readonly key: string | undefined;
  /** Bytes of the whole stored value. */
  readonly storedBytes: number;
  /** Time until the store deletes the entry. */
  readonly expiresInMs: number;
}

/** An entry as lists have it. */
export type AnyEntry = EntrySummary | UnreadableEntry;

/** A stored response with header fields and body. */
export interface Entry extends EntrySummary {
  /** The reason phrase; empty for the default one of the status code. */
  readonly message: string;
  /** Field names and values in the order and case in which they are sent. A repeated field appears once per line. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body as the app sent it, in its content coding. */
  readonly body: Buffer;
  /** Identifies this stored response. Any later one for the same key and variant has another `version`. */
  readonly version: string;
}

/** Which entries to list. An entry must match every property that is given. */
export interface EntryQuery {
  /** A part of the cache key, in upper or lower case. `*` matches any characters. */
  readonly search?: string | undefined;
  readonly status?: number | undefined;
  readonly tag?: string | undefined;
  /** The id of one cache key: lists all its variants on one page and ignores `limit` and `cursor`. */
  readonly id?: string | undefined;
  /** The largest number of entries on a page, from 1 to 1000. @default 50 */
  readonly limit?: number | undefined;
  /** The `cursor` of the previous page. */
  readonly cursor?: string | undefined;
}

/** One page of a list. */
export interface EntryPage {
  readonly entries: readonly (EntrySummary | UnreadableEntry)[];
  /** Where the next page begins; `undefined` on the last page. A page with few entries, or none, can have a next one. */
  readonly cursor: string | undefined;
  /** About how many keys were looked at for this page. */
  readonly scanned: number;
}

/** What to change in a stored response. Give `ttl`, `body`, or both. */
export interface EntryChange {
  /** The new time to live, from now: milliseconds, or a string with a unit such as `'10m'`. */
  readonly ttl?: Duration | undefined;
  /** The new body. A string is stored as UTF-8 without a content coding; bytes must be in the entry's content coding. */
  readonly body?: string | Uint8Array | undefined;
}

/** A number of entries and the bytes that they take in the store. */
export interface EntryFigure {
  readonly count: number;
  readonly bytes: number;
}

/** What the store holds. During `measure`, what was counted so far. */
export interface StoreFigures {
  /** About how many keys were looked at. */
  readonly scanned: number;
  /** About how many keys there are. */
  readonly total: number;
  readonly responses: EntryFigure;
  /** Values of `cache.wrap` and `cache.store`. */
  readonly values: EntryFigure;
  readonly fresh: EntryFigure;
  readonly stale: EntryFigure;
  /** Entries that no process can read. */
  readonly damaged: EntryFigure;
  /** Entries encrypted with a key that this process does not have. */
  readonly unknownKey: EntryFigure;
  /** Entries that are not encrypted, although this process has the `encrypt` option. */
  readonly unencrypted: EntryFigure;
  /** Responses and values by status code, by bytes in descending order. */
  readonly byStatus: Readonly<Record<string, EntryFigure>>;
  /** Responses and values by media type, by bytes in descending order. Empty name: no type. After 100 types, `other`. */
  readonly byType: Readonly<Record<string, EntryFigure>>;
  /** Responses and values by age: under a `minute`, an `hour`, a `day`, a `week`, or `older`. */
  readonly byAge: Readonly<Record<'minute' | 'hour' | 'day' | 'week' | 'older', EntryFigure>>;
}

/**
 * The stored responses and values, for a console or a script. Redis is read in small steps by SCAN, never by KEYS, so
 * no call blocks it. Every method rejects with a `StoreError` when Redis does not reply, with an `OptionError` for a bad
 * option, and with an `ArgumentError` for a bad reference.
 */
export interface Entries {
  /**
   * One page of the stored entries, in no order. An entry that exists from the first page to the last is listed at
   * least once, unless a replica takes over from a master of a Cluster meanwhile. An entry that is stored or deleted
   * meanwhile may or may not be listed. A page ends after about 5000 keys, so that a rare match among a million keys
   * does not take long: continue with its `cursor`.
   */
  list(query?: EntryQuery): Promise<EntryPage>;
  /** One entry with header fields and body; `undefined` when it is not stored (any more). */
  get(ref: EntryRef): Promise<Entry | UnreadableEntry | undefined>;
  /**
   * Purges all variants of a cache key, and revokes the fills in progress, as `cache.purge` does. `soft` marks them
   * stale instead of deleting them.
   * @returns the number of stored responses purged.
   */
  purge(ref: Pick<EntryRef, 'id'>, options?: { readonly soft?: boolean | undefined }): Promise<number>;
  /**
   * Changes one stored response. Resolves to false, and changes nothing, if it is not stored any more in the `version`
   * given.
   * A new `ttl` ends a soft purge. `Age` and `Cache-Control` stay the same, so other caches see what the app said.
   * A new body gets its own `Content-Length` and, if the response had a validator, its own `ETag`. `Last-Modified`,
   * digests and signatures are removed.
   * @throws {ArgumentError} for a body larger than `maxBodySize`, for a body of a 206 or 204 response, and for a body that is not
   * JSON where the stored value is.
   */
  update(ref: EntryRef & { readonly version: string }, change: EntryChange): Promise<boolean>;
  /**
   * Counts everything that is stored by a scan of all keys, in steps.
   * @param options.onProgress is called after each step with the counts so far.
   * @param options.signal aborts the scan: `measure` rejects with the signal's reason.
   */
  measure(options?: {
    readonly onProgress?: ((figures: StoreFigures) => void) | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<StoreFigures>;
}
