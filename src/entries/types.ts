import type { Duration } from '../options/units.ts';

/** The public face of what is stored, entry by entry. Instants are milliseconds since 1970, lengths milliseconds. */

/** Names one stored response, as `list` gives it: where the cache key is in the store, and which variant of it. */
export interface EntryRef {
  readonly id: string;
  readonly variant: string;
}

/** What is known of a stored response, or of a value of `wrap` and `store`, without its body. */
export interface EntrySummary extends EntryRef {
  readonly damaged: false;
  readonly kind: 'response' | 'value';
  /** The whole cache key: `GET https://example.com/a?b=1` by default, the method and JSON where it is your own. */
  readonly key: string;
  /** The request method of the key; `VALUE` for a value. */
  readonly method: string;
  /** The absolute URL, of a default key. */
  readonly url: string | undefined;
  readonly status: number;
  readonly contentType: string | undefined;
  /** The codings that the app sent the body in: `gzip`. */
  readonly contentEncoding: string | undefined;
  /** Bytes of the body, as the app sent it. */
  readonly size: number;
  /** The codings that it is stored in (the `compress` option), with the bytes of each; none where it is as it was sent. */
  readonly encodings: Readonly<Record<string, number>>;
  /** The id of the key that it is sealed with (the `encrypt` option). */
  readonly sealedBy: string | undefined;
  /** Bytes of all that is stored for it. */
  readonly storedBytes: number;
  /** When its age was 0 (RFC 9111 §4.2.3). */
  readonly bornAt: number;
  readonly age: number;
  /** Freshness lifetime (RFC 9111 §4.2.1). */
  readonly lifetime: number;
  /** What is left of its lifetime; negative when it is stale. */
  readonly ttl: number;
  readonly stale: boolean;
  /** Whether a soft purge made it stale. */
  readonly purged: boolean;
  /** How long until the store forgets it, which may be long after it has become stale. */
  readonly expiresIn: number;
  /** What it can be purged by. One that is long, or has odd characters, stands as its hash: `#...`. */
  readonly tags: readonly string[];
  /**
   * What selected this variant: the request header fields that its `Vary` nominates with their values (`null`: absent),
   * in a normal form.
   */
  readonly variesOn: Readonly<Record<string, string | null>>;
  /** The parts of the request that the `vary` option declares, as JSON; empty when there are none. */
  readonly declared: string;
  /** How long the app took to make it. */
  readonly took: number;
}

/** A value that cannot be read here: a request takes it for a miss and stores anew. It can be purged by its `id`. */
export interface DamagedEntry extends EntryRef {
  readonly damaged: true;
  /**
   * `sealed` with a key that this process does not have, or `unsealed` where the `encrypt` option has it sealed: others may
   * be able to read it. Or `damaged`: nobody is.
   */
  readonly reason: 'sealed' | 'unsealed' | 'damaged';
  /** The id of the key that it is sealed with. */
  readonly sealedBy: string | undefined;
  /** The cache key, where it is known. */
  readonly key: string | undefined;
  readonly storedBytes: number;
  readonly expiresIn: number;
}

/** One stored response, whole. */
export interface Entry extends EntrySummary {
  /** The reason phrase; empty for the status code's usual one. */
  readonly message: string;
  /** Names and values in the order and case they are sent in; a repeated field stands here as often. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body as the app sent it, in its content coding. */
  readonly body: Buffer;
  /** What tells this from everything that may come in its place, for `update`. */
  readonly seen: string;
}

/** What to list. Everything that is given has to match. */
export interface EntryQuery {
  /** A part of the cache key, upper or lower case; `*` stands for any characters. */
  readonly search?: string;
  readonly status?: number;
  readonly tag?: string;
  /** All variants of this cache key, on one page: `limit` and `cursor` are not for it. */
  readonly id?: string;
  /** How many entries at most, from 1 to 1000. @default 50 */
  readonly limit?: number;
  /** Where the page before has ended. */
  readonly cursor?: string;
}

/** A page of what is stored. */
export interface EntryPage {
  readonly entries: readonly (EntrySummary | DamagedEntry)[];
  /** Where the next page begins; `undefined` at the end. A page may have few entries, or none, and still a next one. */
  readonly cursor: string | undefined;
  /** About how many keys were looked at for this page. */
  readonly scanned: number;
}

/** What to change of a stored response. */
export interface EntryChange {
  /** It is fresh for so long from now. */
  readonly ttl?: Duration;
  /** A text is stored as UTF-8 in no content coding; bytes are in the coding that the entry has. Neither is compressed. */
  readonly body?: string | Uint8Array;
}

/** So many entries, and the bytes that the store has of them. */
export interface Figure {
  readonly count: number;
  readonly bytes: number;
}

/** What the store holds, so far while it is being walked. */
export interface StoreFigures {
  /** About how many keys were looked at, and how many there are to look at. */
  readonly scanned: number;
  readonly total: number;
  readonly responses: Figure;
  /** Values of `wrap` and `store`. */
  readonly values: Figure;
  readonly damaged: Figure;
  /** What is sealed with a key that is not known here, or not sealed where it should be. */
  readonly unreadable: Figure;
  readonly fresh: Figure;
  readonly stale: Figure;
  /** Of responses and values together, as the following: by status code; the largest first. */
  readonly byStatus: Readonly<Record<string, Figure>>;
  /** By media type, empty where there is none; beyond 100 types `other`. The largest first. */
  readonly byType: Readonly<Record<string, Figure>>;
  /** By age: under a `minute`, an `hour`, a `day`, a `week`, and `older`. */
  readonly byAge: Readonly<Record<'minute' | 'hour' | 'day' | 'week' | 'older', Figure>>;
}

/**
 * What is stored, to be looked at and operated. Nothing here blocks Redis: it is walked in small steps, by SCAN and never
 * by KEYS, no faster than asked.
 * Every method rejects with a `StoreError` when the store does not answer, and with a `TypeError` for a bad argument.
 */
export interface Entries {
  /**
   * A page of what is stored, in no order. What is there from the first page to the last is listed at least once, as
   * long as no master of a Cluster takes over from another; what comes or goes meanwhile may be listed. A page ends
   * after 5000 keys, so that a rare match among a million does not keep anybody waiting: go on with its `cursor`.
   */
  list(query?: EntryQuery): Promise<EntryPage>;
  /** One with its header fields and body; `undefined` when it is not there (any more). */
  get(ref: EntryRef): Promise<Entry | DamagedEntry | undefined>;
  /**
   * Deletes all variants of a cache key, or marks them stale, and revokes fills under way, as `cache.purge` does.
   * @returns how many stored responses there were.
   */
  purge(ref: Pick<EntryRef, 'id'>, options?: { readonly soft?: boolean }): Promise<number>;
  /**
   * Changes what is stored for a variant, if it is still what was `seen`; otherwise resolves to false. A new `ttl` ends
   * a soft purge; its `Age` goes on, and its `Cache-Control` still tells other caches what the app said. A new body has
   * a `Content-Length` and an `ETag` of its own, and no `Last-Modified`, digest or signature.
   * @throws {TypeError} for a body larger than `maxBodySize`, of a part (206) or a 204, or one that is not JSON where
   * a value of `wrap` and `store` is.
   */
  update(ref: EntryRef & { readonly seen: string }, change: EntryChange): Promise<boolean>;
  /**
   * Counts what is stored by a walk over all keys, in steps.
   * @param options.onProgress is called after each step with what was counted so far.
   * @param options.signal ends it: it rejects with the signal's reason.
   */
  measure(options?: {
    readonly onProgress?: (figures: StoreFigures) => void;
    readonly signal?: AbortSignal;
  }): Promise<StoreFigures>;
}
