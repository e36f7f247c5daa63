import type { WarningEvent } from '../warnings.ts';
import type { DETAILS, FORWARDED } from './reasons.ts';

/** Why a request was forwarded: the values of `fwd` (RFC 9211 §2.2). */
export type ForwardReason = keyof typeof FORWARDED;

/** The first letter of an error code. It also lets the compiler reject a comparison with an unknown word. */
type Letter =
  | ('A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M')
  | ('N' | 'O' | 'P' | 'Q' | 'R' | 'S' | 'T' | 'U' | 'V' | 'W' | 'X' | 'Y' | 'Z');

/** The code of an error that Redis replied with: `OOM`, `READONLY`, `NOPERM`, ... */
export type RedisErrorCode = `${Letter}${Uppercase<string>}`;

/**
 * A value of `detail` in `Cache-Status` (RFC 9211 §2.8): a word of docs/cache-status.md, a word with particulars after a
 * colon, or the code of an error that Redis replied with.
 */
export type CacheDetail =
  | Exclude<keyof typeof DETAILS, 'shadow' | 'redis-error'>
  | `depends-on-credentials: ${string}`
  | `varies: ${string}`
  | `shadow: ${string}`
  | RedisErrorCode;

/** What happened to one request. `Cache-Status` and the `request` event are derived from it. */
export interface CacheOutcome {
  /**
   * `hit`: answered from the cache. `forward`: forwarded to the app. `unsatisfied`: answered with 504, because the client
   * allows a stored response only (`only-if-cached`). `invalidated`: the request was a purge (option `invalidation`).
   * `abandoned`: the client disconnected while the cache looked up or waited, so the app was not called.
   */
  readonly kind: 'hit' | 'forward' | 'unsatisfied' | 'invalidated' | 'abandoned';
  /** Why the request was forwarded. */
  readonly fwd?: ForwardReason;
  /** The reason for the decision: why a request bypassed the cache, why a response was not stored. */
  readonly detail?: CacheDetail;
  /** Whether the response to the forwarded request was stored. */
  readonly stored?: boolean;
  /** Whether the request was answered with the response to another request for the same key (RFC 9211 §2.6). */
  readonly collapsed?: boolean;
  /** Whether the cache itself made the request, to refresh a stored response in the background. */
  readonly refresh?: boolean;
  /** Remaining freshness lifetime in milliseconds; negative if the stored response is stale. */
  readonly ttlMs?: number;
  /** Status code of the app's response, where it differs from the one sent to the client (RFC 9211 §2.3). */
  readonly fwdStatus?: number;
}

/** The outcome of a request that is forwarded without a lookup, and why. */
export function bypass(detail: CacheDetail): CacheOutcome {
  return { kind: 'forward', fwd: 'bypass', detail };
}

/** The outcome of a request whose client has disconnected before the app was called. */
export const ABANDONED: CacheOutcome = { kind: 'abandoned' };

/**
 * An outcome in one word.
 *
 * - `hit`: a fresh stored response was sent.
 * - `stale`: a stale stored response was sent.
 * - `collapsed`: the response to another request for the same key was sent.
 * - `revalidated`: a stored response was sent after the app confirmed it (304).
 * - `miss`: the app answered, because no stored response could be used.
 * - `bypass`: the app answered, and the cache did not look for a stored response, or could not.
 * - `unsatisfied`: the cache answered with 504 (`only-if-cached`).
 * - `invalidated`: the request was a purge (option `invalidation`).
 * - `abandoned`: the client disconnected while the cache looked up or waited, so the app was not called.
 */
export type CacheResult =
  | 'hit'
  | 'stale'
  | 'collapsed'
  | 'revalidated'
  | 'miss'
  | 'bypass'
  | 'unsatisfied'
  | 'invalidated'
  | 'abandoned';

/** What has happened, by result: a sentence without its first capital and its full stop. */
export const RESULTS: Readonly<Record<CacheResult, string>> = {
  hit: 'a fresh stored response was sent',
  stale: 'a stale stored response was sent',
  collapsed: 'the response to another request for the same key was sent',
  revalidated: 'a stored response was sent after the app confirmed it',
  miss: 'the app answered, because no stored response could be used',
  bypass: 'the app answered; the cache did not look for a stored response, or could not',
  unsatisfied: 'the cache answered with 504 (only-if-cached)',
  invalidated: 'the request was a purge',
  abandoned: 'the client disconnected before the app was called',
};

/** With these details a forwarded request was answered with a stale stored response. */
const STALE: ReadonlySet<CacheDetail> = new Set<CacheDetail>([
  'stale-if-error',
  'origin-timeout',
  'refresh-under-way',
  'refresh-queue-full',
]);

/** The outcome in one word. */
export function resultOf({ kind, fwd, detail, collapsed, ttlMs, fwdStatus }: CacheOutcome): CacheResult {
  if (kind === 'hit') return ttlMs !== undefined && ttlMs < 0 ? 'stale' : 'hit';
  if (kind !== 'forward') return kind;
  if (detail !== undefined && STALE.has(detail)) return 'stale';
  if (collapsed) return 'collapsed';
  if (fwd === 'bypass' || fwd === 'method') return 'bypass';
  return fwdStatus === 304 ? 'revalidated' : 'miss';
}

/** A request that the cache decided about. It holds the cache key, which may hold user data: take care where you log it. */
export interface RequestEvent extends CacheOutcome {
  /** The outcome in one word. */
  readonly result: CacheResult;
  readonly method: string;
  /** The path of the URL as the client sent it, without the query. Channels and logs have it too, without `showKey`. */
  readonly path: string;
  /** The cache key; absent where none was computed. */
  readonly key?: string;
  /** Status code sent to the client. */
  readonly status: number;
  /** When the request reached the cache: milliseconds since 1970, with fractions. */
  readonly startedAt: number;
  /** When each step began, in milliseconds after `startedAt`. A step that did not run is absent. */
  readonly startsMs: RequestSteps;
  /** How long each step took, in milliseconds; `total` is the time from `startedAt` to this event. */
  readonly durationsMs: RequestSteps & { readonly total: number };
  /** Bytes of body sent from a stored response. */
  readonly bytes: number;
  /** Milliseconds that the app took to make the stored response that was sent; 0 if the app was called for this request. */
  readonly savedMs: number;
}

/** The steps of a request that take time: the lookup in the store, the app's answer, storing the response. */
export interface RequestSteps {
  readonly lookup?: number;
  readonly origin?: number;
  readonly store?: number;
}

/**
 * A step that can fail: a call to the store (`lookup` to `ids`), the connection, the near cache, a codec, a function among
 * the options, or (`request`, `store`) the cache itself.
 */
export type FaultStep =
  | 'lookup'
  | 'acquire'
  | 'renew'
  | 'release'
  | 'commit'
  | 'put'
  | 'replace'
  | 'discard'
  | 'purge'
  | 'scan'
  | 'describe'
  | 'read'
  | 'count'
  | 'keys'
  | 'ids'
  | 'connection'
  | 'near'
  | 'compress'
  | 'decode'
  | 'decrypt'
  | 'option'
  | 'request'
  | 'store';

/** An error that the cache handled. The cache never throws into the app. */
export interface FaultEvent {
  readonly step: FaultStep;
  /**
   * `timeout`, `unavailable`, `corrupt`, or the code of the error (`OOM`, `READONLY`, `ECONNREFUSED`, ...); for the step
   * `decrypt` one of `unknown-key`, `unencrypted`, `tampered`.
   */
  readonly code: string;
  readonly message: string;
  /** For the step `option`: the name of the option whose function failed. */
  readonly option?: string;
  /** For a damaged value: its key in Redis. */
  readonly key?: string;
}

/** A response is not shared, or no longer, because it depends on its caller (option `guard`). */
export interface GuardEvent {
  /** What the app read of the caller: `cookie`, `req.user`, ... Empty if it only gave another answer. */
  readonly read: readonly string[];
  readonly key: string;
  /** The word of `Cache-Status`. */
  readonly detail: CacheDetail;
  /** What to write, if that is known. */
  readonly advice?: string;
}

/** The store confirmed that it stored a response. */
export interface StoreEvent {
  readonly key: string;
  /** Size of the stored value, head and body, in bytes. */
  readonly bytes: number;
  /** Milliseconds until the store deletes the response. It includes the time that a stale response is kept. */
  readonly expiresInMs: number;
  readonly tags: readonly string[];
  /** Milliseconds that storing the response took. */
  readonly durationMs: number;
}

/** A purge ended. */
export interface PurgeEvent {
  /** Who purged: `cache.purge`, a request with the `invalidation` field, or an unsafe request that succeeded. */
  readonly by: 'call' | 'field' | 'unsafe-method';
  /** What the purge names: `key`, `url`, `tag`, `tags`, `prefix`, `all`. */
  readonly target: string;
  /** Whether the responses were marked stale instead of deleted. */
  readonly soft: boolean;
  /** How many stored responses were purged; `undefined` if the store did not confirm the purge. */
  readonly purged: number | undefined;
  /** Milliseconds that the purge took. */
  readonly durationMs: number;
}

/** A refresh in the background ended. */
export interface RefreshEvent {
  readonly key: string;
  /**
   * - `stored`: the new response is stored.
   * - `not-needed`: another request had refreshed the response already.
   * - `in-progress`: another request is filling the key, or Redis cannot be asked.
   * - `refused`: the app's response must not be stored.
   * - `failed`: the app failed.
   * - `another-key`: the cache's own request has another cache key than the client's request.
   * - `bypass`: the cache's own request bypassed the cache: `when` returned false, or it has no key.
   * - `unseen`: the cache's own request never reached the cache.
   */
  readonly result:
    | 'stored'
    | 'not-needed'
    | 'in-progress'
    | 'refused'
    | 'failed'
    | 'another-key'
    | 'bypass'
    | 'unseen';
  /** Milliseconds that the refresh took. */
  readonly durationMs: number;
}

/** The events of a cache and their payloads. */
export interface CacheEvents {
  request: [RequestEvent];
  fault: [FaultEvent];
  guard: [GuardEvent];
  store: [StoreEvent];
  purge: [PurgeEvent];
  refresh: [RefreshEvent];
  warning: [WarningEvent];
}
