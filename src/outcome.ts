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

/** One request that the cache decided about. It holds the cache key: take care where you log it. */
export interface RequestEvent extends Outcome {
  readonly method: string;
  /** The cache key, where one was computed. */
  readonly key?: string;
  /** Status code sent to the client. */
  readonly status: number;
  /** Milliseconds that each step took; a step that was not taken is absent. */
  readonly took: { readonly lookup?: number; readonly origin?: number; readonly store?: number };
}

/** Something that the cache stepped around. No fault is ever thrown into the app. */
export interface FaultEvent {
  /** The step that failed: `lookup`, `acquire`, `commit`, `release`, `purge`, `connection`, `compress`, `decode`, `option`. */
  readonly step: string;
  /** `timeout`, `unavailable`, `corrupt`, or the code of the error (`OOM`, `READONLY`, `ECONNREFUSED`, ...). */
  readonly code: string;
  readonly message: string;
}

/** The app read, behind the cache, who is asking, and the key does not cover that. */
export interface GuardEvent {
  /** What was read: `req.user`, `cookie`, ... */
  readonly read: readonly string[];
  readonly key: string;
  /** Whether the response was refused for it. */
  readonly refused: boolean;
}

/** The events of a cache and their payloads. */
export interface CacheEvents {
  request: [RequestEvent];
  fault: [FaultEvent];
  guard: [GuardEvent];
}
