/** Why a request was forwarded: the values of RFC 9211 §2.2. */
export type ForwardReason = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale' | 'partial';

/** What happened to one request. `Cache-Status` and the `request` event are derived from it alone. */
export interface Outcome {
  /** Answered from the cache, by the app behind it, by neither (`only-if-cached`), or a purge that was asked for. */
  readonly kind: 'hit' | 'forward' | 'unsatisfied' | 'invalidated';
  /** Why the request was forwarded. */
  readonly fwd?: ForwardReason;
  /** The rule behind the decision, in a word: why a request bypassed the cache, why a response was not stored. */
  readonly detail?: string;
  /** Whether the response of a forwarded request was stored. */
  readonly stored?: boolean;
  /** Whether the answer was produced by another request for the same key (RFC 9211 §2.6). */
  readonly collapsed?: boolean;
  /** Whether nobody asked: the request was made to refresh a stored response behind an answer. */
  readonly refresh?: boolean;
  /** Remaining freshness lifetime in seconds; negative when stale. */
  readonly ttl?: number;
  /** Status of the forwarded request's response, where it differs from the one sent (RFC 9211 §2.3). */
  readonly fwdStatus?: number;
}

/** The outcome of a request that is forwarded without a look-up, and why. */
export function bypass(detail: string): Outcome {
  return { kind: 'forward', fwd: 'bypass', detail };
}

/**
 * What an outcome comes to, in one word. `hit`: answered with what is fresh; `stale`: with what is not; `collapsed`: with
 * what another request made; `revalidated`: with what the app has confirmed. `miss`: the app answered, since nothing
 * stored would do; `bypass`: it was not looked up, or could not be. `unsatisfied` and `invalidated` are no answers of the
 * app's.
 */
export type Result =
  | 'hit'
  | 'stale'
  | 'collapsed'
  | 'revalidated'
  | 'miss'
  | 'bypass'
  | 'unsatisfied'
  | 'invalidated';

export function resultOf({ kind, fwd, detail, collapsed, ttl, fwdStatus }: Outcome): Result {
  if (kind === 'hit') return ttl !== undefined && ttl < 0 ? 'stale' : 'hit';
  if (kind !== 'forward') return kind;
  if (detail === 'stale-if-error' || detail === 'origin-timeout') return 'stale';
  if (collapsed) return 'collapsed';
  if (fwd === 'bypass' || fwd === 'method') return 'bypass';
  return fwdStatus === 304 ? 'revalidated' : 'miss';
}

/** One request that the cache decided about. It holds the cache key: take care where you log it. */
export interface RequestEvent extends Outcome {
  readonly result: Result;
  readonly method: string;
  /** The cache key, where one was computed. */
  readonly key?: string;
  /** Status code sent to the client. */
  readonly status: number;
  /** When the request came to the cache: milliseconds since 1970, with fractions. */
  readonly startedAt: number;
  /** Milliseconds from then on until each step began; a step that was not taken is absent. */
  readonly at: Steps;
  /** Milliseconds that each step took; `total`: from its coming to this event. */
  readonly took: Steps & { readonly total: number };
  /** Bytes of body sent from what is stored. */
  readonly bytes: number;
  /** Milliseconds that the app had taken to make what was sent from the cache in its stead; 0 where it was asked. */
  readonly saved: number;
}

/** The steps of a request that take time: the look-up, the app's answer, storing it. */
export interface Steps {
  readonly lookup?: number;
  readonly origin?: number;
  readonly store?: number;
}

/** Something that the cache stepped around. No fault is ever thrown into the app. */
export interface FaultEvent {
  /** The step that failed: `lookup`, `acquire`, `commit`, `purge`, `connection`, `compress`, `decode`, `decrypt`, ... */
  readonly step: string;
  /**
   * `timeout`, `unavailable`, `corrupt`, or the code of the error (`OOM`, `READONLY`, `ECONNREFUSED`, ...); of `decrypt`
   * `unknown-key`, `unsealed` or `tampered`.
   */
  readonly code: string;
  readonly message: string;
  /** What is damaged, as it is named in Redis. */
  readonly key?: string;
}

/** The app read, behind the cache, who is asking, and the key does not cover that. */
export interface GuardEvent {
  /** What was read: `req.user`, `cookie`, ... */
  readonly read: readonly string[];
  readonly key: string;
  /** Whether the response was refused for it. */
  readonly refused: boolean;
}

/** A response was stored: the store has confirmed it. */
export interface StoreEvent {
  readonly key: string;
  /** Size of what is stored, head and body. */
  readonly bytes: number;
  /** Milliseconds until the store forgets it. */
  readonly ttl: number;
  readonly tags: readonly string[];
  /** Milliseconds that storing it took. */
  readonly took: number;
}

/** Stored responses were purged, or were to be. */
export interface PurgeEvent {
  /** Who asked for it: `cache.purge`, a request with the `invalidation` field, or an unsafe request that succeeded. */
  readonly by: 'call' | 'field' | 'unsafe-method';
  /** What was named: `key`, `url`, `tag`, `tags`, `prefix`, `all`. */
  readonly target: string;
  /** Whether they were marked stale instead of deleted. */
  readonly soft: boolean;
  /** How many stored responses there were; `undefined` where the store did not confirm it. */
  readonly purged: number | undefined;
  /** Milliseconds. */
  readonly took: number;
}

/** A stored response was refreshed behind an answer, or was to be. */
export interface RefreshEvent {
  readonly key: string;
  /**
   * `stored`; `not-needed` and `in-progress`: somebody was faster, or is at it; `refused`: what the app answered is not
   * stored; `failed`: the app did; `another-key`: the cache's own request makes another key than the client's did;
   * `unseen`: it never reached the cache.
   */
  readonly result: 'stored' | 'not-needed' | 'in-progress' | 'refused' | 'failed' | 'another-key' | 'unseen';
  /** Milliseconds. */
  readonly took: number;
}

/** The events of a cache and their payloads. */
export interface CacheEvents {
  request: [RequestEvent];
  fault: [FaultEvent];
  guard: [GuardEvent];
  store: [StoreEvent];
  purge: [PurgeEvent];
  refresh: [RefreshEvent];
}
