import type { StoredFields } from '../http/headers.ts';
import type { Chosen, Encodings } from './encodings.ts';

/** All of a stored response but its body. */
export interface StoredHead {
  /** The whole cache key, compared on a hit so that a hash collision is a miss. */
  readonly key: string;
  /** The selecting values of the variant (declared parts, nominated fields and their values), compared likewise. */
  readonly variant: string;
  readonly status: number;
  /** Reason phrase; empty for the status code's usual one. */
  readonly message: string;
  /** Case, order and repetition as the app set them. */
  readonly headers: StoredFields;
  /** Fields that middleware in front had set and the app took away; a replay takes them away too. */
  readonly removed: readonly string[];
  /** When its age was 0: milliseconds since 1970. */
  readonly bornAt: number;
  /** Freshness lifetime in milliseconds. */
  readonly lifetime: number;
  /** Not used without validation, however fresh. */
  readonly validateAlways: boolean;
  /** Never used stale. */
  readonly neverStale: boolean;
  /** How long past its lifetime it may stand in for an error, in milliseconds. */
  readonly staleIfError: number;
  /** How long past its lifetime it may be used while it is refreshed behind, in milliseconds. */
  readonly staleWhileRevalidate: number;
  /** How long the app took to make it, in milliseconds. */
  readonly took: number;
  /** What it may be purged by, with others. */
  readonly tags: readonly string[];
  /** Kept `res.locals` values, if any. */
  readonly locals: Readonly<Record<string, unknown>> | null;
  /** Of the cache that stored it; those further out do not use it. */
  readonly depth: number;
  /** What the body is stored in, where it was compressed; `headers` tell of it as the app sent it. */
  readonly encodings?: Encodings | undefined;
}

/** A response as it is stored and replayed. */
export interface StoredResponse extends StoredHead {
  /** As it was sent, or all of its `encodings`. */
  readonly body: Buffer;
  /** Which of its encodings answers the request at hand, as `represented` is to show it. */
  readonly chosen?: Chosen;
  /** Whether a soft purge has ended its freshness: `lifetime` says when. */
  readonly purged: boolean;
}
