import { Tally } from './bounded-counter.ts';
import { Histogram, type Latency } from './histogram.ts';
import {
  type FaultEvent,
  type ForwardReason,
  type Outcome,
  type PurgeEvent,
  type RefreshEvent,
  type Result,
  resultOf,
  type Steps,
} from './outcome.ts';
import { type ShadowStats, Shadows } from './shadow-stats.ts';

/** What a cache has done in this process since it was made, all its middlewares together. A copy: it does not change. */
export interface CacheStats {
  /** The cache's `name`. */
  readonly cache: string;
  /** Since when: milliseconds since 1970. */
  readonly since: number;
  /** Requests by what they came to. */
  readonly requests: Readonly<Record<Result, number>>;
  /** Of the requests that were looked up, the share answered with what was stored: 0 to 1; 0 where there were none. */
  readonly hitRatio: number;
  /** Requests that were forwarded, by `fwd` (RFC 9211 §2.2). */
  readonly forwarded: Readonly<Record<ForwardReason, number>>;
  /** Requests by the `detail` of their `Cache-Status`, but for why a response was not stored; at most 64, then `other`. */
  readonly details: Readonly<Record<string, number>>;
  /** Responses stored, anew or confirmed. */
  readonly stored: number;
  /** Responses of fills that were not stored, by why; at most 64 words, then `other`. */
  readonly refused: Readonly<Record<string, number>>;
  /** Faults by step and code; at most 64 pairs, then `other`. */
  readonly faults: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Bytes of body sent from what is stored. */
  readonly bytes: number;
  /** Milliseconds that the app had taken to make what was sent from the cache in its stead. */
  readonly saved: number;
  /** Milliseconds: of Redis's look-ups and stores, of the app's answers to fills, and from a request's coming to a hit. */
  readonly latency: Readonly<Record<'lookup' | 'store' | 'origin' | 'hit', Latency>>;
  readonly purges: {
    readonly confirmed: number;
    readonly failed: number;
    /** Stored responses that they purged. */
    readonly responses: number;
  };
  /** Refreshes behind answers, by what they came to. */
  readonly refreshes: Readonly<Record<RefreshEvent['result'], number>>;
  /** What would have come of the requests in shadow mode, where there were any. */
  readonly shadow?: ShadowStats;
}

/** What is measured of a request. */
interface Measured {
  readonly startedAt: number;
  readonly took: Steps;
  readonly bytes: number;
  readonly saved: number;
}

const WORDS = 64;

/** Counts what a cache does. A hit costs a few additions. */
export class Stats {
  readonly #name: string;
  readonly #since = Date.now();
  readonly #requests = {
    ...{ hit: 0, stale: 0, collapsed: 0, revalidated: 0, miss: 0, bypass: 0, unsatisfied: 0, invalidated: 0 },
  };
  readonly #forwarded = {
    ...{ bypass: 0, method: 0, 'uri-miss': 0, 'vary-miss': 0, request: 0, stale: 0, partial: 0 },
  };
  readonly #details = new Tally(WORDS);
  readonly #refused = new Tally(WORDS);
  readonly #faults = new Tally(WORDS);
  #stored = 0;
  #bytes = 0;
  #saved = 0;
  readonly #lookup = new Histogram();
  readonly #store = new Histogram();
  readonly #origin = new Histogram();
  readonly #hit = new Histogram();
  readonly #purges = { confirmed: 0, failed: 0, responses: 0 };
  readonly #refreshes = {
    ...{ stored: 0, 'not-needed': 0, 'in-progress': 0, refused: 0, failed: 0, 'another-key': 0, unseen: 0 },
  };

  readonly shadows: Shadows = new Shadows();

  constructor(name: string) {
    this.#name = name;
  }

  /** Why a response was not stored, where no outcome says it. */
  refuse(detail: string): void {
    this.#refused.add(wordOf(detail));
  }

  request(outcome: Outcome, { startedAt, took, bytes, saved }: Measured): void {
    const { fwd, detail, stored } = outcome;
    if (took.lookup !== undefined) this.#lookup.add(took.lookup);
    if (took.origin !== undefined) this.#origin.add(took.origin);
    if (took.store !== undefined) this.#store.add(took.store);
    if (stored) this.#stored++;
    // Only a fill that is over says whether its response was stored.
    if (stored === false && detail !== undefined) this.#refused.add(wordOf(detail));
    else if (detail !== undefined) this.#details.add(wordOf(detail));
    // Nobody asked.
    if (outcome.refresh || detail === 'refresh') return;
    const result = resultOf(outcome);
    this.#requests[result]++;
    if (fwd !== undefined && result !== 'unsatisfied') this.#forwarded[fwd]++;
    this.#bytes += bytes;
    this.#saved += savedBy(outcome, saved);
    if (outcome.kind === 'hit') this.#hit.add(performance.now() - startedAt);
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

  snapshot(): CacheStats {
    const { hit, stale, collapsed, revalidated, miss } = this.#requests;
    const answered = hit + stale + collapsed;
    const asked = answered + revalidated + miss;
    return {
      cache: this.#name,
      since: this.#since,
      requests: { ...this.#requests },
      hitRatio: asked === 0 ? 0 : answered / asked,
      forwarded: { ...this.#forwarded },
      details: this.#details.snapshot(),
      stored: this.#stored,
      refused: this.#refused.snapshot(),
      faults: byStep(this.#faults.snapshot()),
      bytes: this.#bytes,
      saved: this.#saved,
      latency: {
        lookup: this.#lookup.snapshot(),
        store: this.#store.snapshot(),
        origin: this.#origin.snapshot(),
        hit: this.#hit.snapshot(),
      },
      purges: { ...this.#purges },
      refreshes: { ...this.#refreshes },
      ...(this.shadows.any && { shadow: this.shadows.snapshot() }),
    };
  }
}

/** The time of the app's that an answer saved: none where it was asked. */
export function savedBy({ kind, collapsed }: Outcome, saved: number): number {
  return kind === 'hit' || collapsed ? saved : 0;
}

/** A detail without its particulars: what was read of a person is listed behind a colon. */
function wordOf(detail: string): string {
  const colon = detail.indexOf(':');
  return colon < 0 ? detail : detail.slice(0, colon);
}

function byStep(faults: Readonly<Record<string, number>>): CacheStats['faults'] {
  const steps: Record<string, Record<string, number>> = {};
  for (const [fault, count] of Object.entries(faults)) {
    const [step = '', code = 'other'] = fault.split(' ');
    steps[step] = { ...steps[step], [code]: count };
  }
  return steps;
}
