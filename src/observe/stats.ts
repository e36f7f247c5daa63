import { BoundedCounter } from './bounded-counter.ts';
import { Histogram, type LatencyFigures } from './histogram.ts';
import {
  type CacheDetail,
  type CacheOutcome,
  type CacheResult,
  type FaultEvent,
  type ForwardReason,
  type PurgeEvent,
  type RefreshEvent,
  type RequestSteps,
  resultOf,
} from './outcome.ts';
import { wordOf } from './reasons.ts';
import { ShadowCounter, type ShadowedRequest, type ShadowStats } from './shadow-stats.ts';

/**
 * Statistics of one cache in this process since its creation. Middlewares of `cache.with` count together with it. The object
 * is a copy and does not change.
 */
export interface CacheStats {
  /** The cache's `name`. */
  readonly cache: string;
  /** Where responses are stored: a Redis server, a Redis Cluster, or the memory of this process. */
  readonly store: 'redis' | 'cluster' | 'memory';
  /** The server of the store, without credentials: `localhost:6379/0`, or the first nodes of a Cluster; absent for `memory`. */
  readonly storeAddress?: string;
  /** Whether calls are sent to the store: not while the connection is lost or the circuit breaker is open. */
  readonly storeAvailable: boolean;
  /** The option `mode` of this middleware. */
  readonly mode: 'serve' | 'shadow';
  /** When the cache was made: milliseconds since 1970. */
  readonly startedAt: number;
  /** Requests by their outcome. */
  readonly requests: Readonly<Record<CacheResult, number>>;
  /** `hit`, `stale` and `collapsed` as a share of the requests that were looked up: 0 to 1; 0 if there were none. */
  readonly hitRatio: number;
  /** Forwarded requests by `fwd` (RFC 9211 §2.2). */
  readonly forwarded: Readonly<Record<ForwardReason, number>>;
  /**
   * Requests by the `detail` of their `Cache-Status`, except those in `refused`. At most 64 words, further ones as `other`.
   */
  readonly details: Readonly<Record<string, number>>;
  /** Responses that were stored, new or confirmed by the app (304). */
  readonly stored: number;
  /** Responses that were not stored, by the reason. At most 64 words, further ones as `other`. */
  readonly refused: Readonly<Record<string, number>>;
  /** Faults by step and code. At most 64 pairs, further ones as `other`. */
  readonly faults: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Bytes of body sent from stored responses. */
  readonly bytes: number;
  /** Sum over all answers from the cache: milliseconds that the app took to make the response. */
  readonly savedMs: number;
  /**
   * Durations in milliseconds: `lookup` and `store` in the store, `origin` of the app's answers to fills, and `hit` from the
   * arrival of a request to its answer from the cache.
   */
  readonly latencyMs: Readonly<Record<'lookup' | 'store' | 'origin' | 'hit', LatencyFigures>>;
  readonly purges: {
    /** Purges that the store confirmed. */
    readonly confirmed: number;
    /** Purges that the store did not confirm. */
    readonly failed: number;
    /** Stored responses that were purged. */
    readonly responses: number;
  };
  /** Refreshes in the background by their result. */
  readonly refreshes: Readonly<Record<RefreshEvent['result'], number>>;
  /** What the cache would have done in shadow mode; absent if there were no such requests. */
  readonly shadow?: ShadowStats;
}

/** What is counted. The rest is the state of the cache at the time of the call. */
export type CountedStats = Omit<CacheStats, 'storeAddress' | 'storeAvailable' | 'mode'>;

export type StoreKind = CacheStats['store'];

/** What is measured of a request. */
export interface Measurements {
  /** When the request reached the cache, by `performance.now()`. */
  readonly startedAt: number;
  /** Milliseconds that each step took. */
  readonly durationsMs: RequestSteps;
  /** Bytes of body sent from a stored response. */
  readonly bytes: number;
  /** Milliseconds that the app took to make the stored response that was sent. */
  readonly savedMs: number;
}

const MAX_WORDS = 64;

/** Counts what a cache does. A hit costs a few additions. */
export class Stats {
  readonly #name: string;
  readonly #storeKind: StoreKind;
  readonly #startedAt = Date.now();
  readonly #requests = {
    ...{
      hit: 0,
      stale: 0,
      collapsed: 0,
      revalidated: 0,
      miss: 0,
      bypass: 0,
      unsatisfied: 0,
      invalidated: 0,
      abandoned: 0,
    },
  };
  readonly #forwarded = {
    ...{ bypass: 0, method: 0, 'uri-miss': 0, 'vary-miss': 0, request: 0, stale: 0, partial: 0 },
  };
  readonly #details = new BoundedCounter(MAX_WORDS);
  readonly #refused = new BoundedCounter(MAX_WORDS);
  readonly #faults = new BoundedCounter(MAX_WORDS);
  #stored = 0;
  #bytes = 0;
  #savedMs = 0;
  readonly #lookup = new Histogram();
  readonly #store = new Histogram();
  readonly #origin = new Histogram();
  readonly #hit = new Histogram();
  readonly #purges = { confirmed: 0, failed: 0, responses: 0 };
  readonly #refreshes = {
    ...{
      stored: 0,
      'not-needed': 0,
      'in-progress': 0,
      refused: 0,
      failed: 0,
      'another-key': 0,
      bypass: 0,
      unseen: 0,
    },
  };
  readonly #shadow = new ShadowCounter();

  constructor(name: string, store: StoreKind) {
    this.#name = name;
    this.#storeKind = store;
  }

  request(outcome: CacheOutcome, { startedAt, durationsMs, bytes, savedMs }: Measurements): void {
    const { fwd, detail, stored } = outcome;
    const { lookup, origin, store } = durationsMs;
    if (lookup !== undefined) this.#lookup.add(lookup);
    if (origin !== undefined) this.#origin.add(origin);
    if (store !== undefined) this.#store.add(store);
    if (stored) this.#stored++;
    // Only a fill that has ended says that its response is not stored.
    if (detail !== undefined) (stored === false ? this.#refused : this.#details).add(wordOf(detail));
    // No client made these requests.
    if (outcome.refresh || detail === 'refresh') return;
    const result = resultOf(outcome);
    this.#requests[result]++;
    if (fwd !== undefined && result !== 'unsatisfied') this.#forwarded[fwd]++;
    this.#bytes += bytes;
    this.#savedMs += savedBy(outcome, savedMs);
    if (outcome.kind === 'hit') this.#hit.add(performance.now() - startedAt);
  }

  /** A response was not stored, and no outcome says so. */
  refused(detail: CacheDetail): void {
    this.#refused.add(wordOf(detail));
  }

  fault({ step, code }: FaultEvent): void {
    this.#faults.add(`${step} ${code}`);
  }

  purge({ purged }: PurgeEvent): void {
    if (purged === undefined) this.#purges.failed++;
    else this.#purges.confirmed++;
    this.#purges.responses += purged ?? 0;
  }

  refresh({ result }: RefreshEvent): void {
    this.#refreshes[result]++;
  }

  shadow(request: ShadowedRequest): void {
    this.#shadow.add(request);
  }

  snapshot(): CountedStats {
    const { hit, stale, collapsed, revalidated, miss } = this.#requests;
    const fromCache = hit + stale + collapsed;
    const lookedUp = fromCache + revalidated + miss;
    return {
      cache: this.#name,
      store: this.#storeKind,
      startedAt: this.#startedAt,
      requests: { ...this.#requests },
      hitRatio: lookedUp === 0 ? 0 : fromCache / lookedUp,
      forwarded: { ...this.#forwarded },
      details: this.#details.snapshot(),
      stored: this.#stored,
      refused: this.#refused.snapshot(),
      faults: byStep(this.#faults.snapshot()),
      bytes: this.#bytes,
      savedMs: this.#savedMs,
      latencyMs: {
        lookup: this.#lookup.snapshot(),
        store: this.#store.snapshot(),
        origin: this.#origin.snapshot(),
        hit: this.#hit.snapshot(),
      },
      purges: { ...this.#purges },
      refreshes: { ...this.#refreshes },
      ...(!this.#shadow.isEmpty && { shadow: this.#shadow.snapshot() }),
    };
  }
}

/** The time that an answer saved the app: none if the app was called for it. */
export function savedBy({ kind, collapsed }: CacheOutcome, savedMs: number): number {
  return kind === 'hit' || collapsed ? savedMs : 0;
}

function byStep(faults: Readonly<Record<string, number>>): CacheStats['faults'] {
  const steps: Record<string, Record<string, number>> = {};
  for (const [fault, count] of Object.entries(faults)) {
    const [step = '', code = 'other'] = fault.split(' ');
    steps[step] = { ...steps[step], [code]: count };
  }
  return steps;
}
