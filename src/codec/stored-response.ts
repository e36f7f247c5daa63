import type { StoredFields } from '../http/headers.ts';
import type { Encodings, SelectedRepresentation } from './encodings.ts';

/** The requests that may have a stored response which was made for a request without credentials. */
export interface Audience {
  /** Shapes of requests for which the app was seen to give the same answer. */
  readonly same: readonly string[];
  /** Shapes for which it gave another one, each with the instant (milliseconds since 1970) until which that counts. */
  readonly different: readonly (readonly [shape: string, until: number])[];
}

/** A stored response without its body. */
export interface StoredHead {
  /** The whole cache key. It is compared on a hit, so that a hash collision is a miss. */
  readonly key: string;
  /** The text of the variant (declared parts, nominated fields and their values). It is compared on a hit as well. */
  readonly variant: string;
  readonly status: number;
  /** Reason phrase; empty for the status code's usual one. */
  readonly message: string;
  /** Case, order and repetition as the app set them. */
  readonly headers: StoredFields;
  /** Lower-case names of fields that middleware in front had set and the app removed. A replay removes them as well. */
  readonly removedFields: readonly string[];
  /** When the age was 0, in milliseconds since 1970. */
  readonly bornAt: number;
  /** Freshness lifetime in milliseconds. */
  readonly lifetime: number;
  /** Never reused without validation, however fresh. */
  readonly validateAlways: boolean;
  /** Never reused stale. */
  readonly neverStale: boolean;
  /** How long past its lifetime the response may replace an error, in milliseconds. */
  readonly staleIfError: number;
  /** How long past its lifetime the response may be reused while it is refreshed, in milliseconds. */
  readonly staleWhileRevalidate: number;
  /** How long the app took to produce the response, in milliseconds. */
  readonly originMs: number;
  /** Every tag by which the response can be purged, as its id in the store. */
  readonly tags: readonly string[];
  /** The `res.locals` values stored with the response, if any. */
  readonly locals: Readonly<Record<string, unknown>> | null;
  /**
   * The level of the cache that stored the response: 0 in front of the app, 1 in the app, 2 and more behind other
   * caches. A cache of a lower level does not reuse it.
   */
  readonly cacheLevel: number;
  /**
   * The names that select the response: header fields, nominated by `Vary` or read by the app, and values that middleware
   * in front has placed on the request. Sorted, as `variant` has them.
   */
  readonly selectors: readonly string[];
  /** `undefined`: everyone who selects the response. */
  readonly audience: Audience | undefined;
  /** The encodings of a compressed body. `headers` still describe the identity body. */
  readonly encodings?: Encodings | undefined;
}

/** A stored response (RFC 9111 §3). */
export interface StoredResponse extends StoredHead {
  /** The body as the app sent it, or its `encodings` one after the other. */
  readonly body: Buffer;
  /** The representation that answers the current request, where the response has `encodings`. */
  readonly selected?: SelectedRepresentation;
  /** Whether a soft purge has ended the freshness; `lifetime` is cut to that moment. */
  readonly purged: boolean;
}
