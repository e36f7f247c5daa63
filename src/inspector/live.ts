import { hostname } from 'node:os';
import type { CacheHandle } from '../cache-middleware.ts';
import {
  type CacheResult,
  type FaultEvent,
  type ForwardReason,
  type PurgeEvent,
  RESULTS,
} from '../observe/outcome.ts';
import { type CacheReason, reasonOf, reasonsOf } from '../observe/reasons.ts';
import type { CacheStats } from '../observe/stats.ts';

/**
 * Records what this process did in the last five minutes. It starts with `inspector()`, so that the page has something to
 * show when it is opened.
 */

type Source = Pick<CacheHandle, 'stats' | 'on'>;

const SAMPLE_INTERVAL_MS = 2000;
/** Five minutes. */
const MAX_SAMPLES = 151;
/** How many of the latest faults and purges are kept. */
const MAX_EVENTS = 20;

/** Counts since the start. */
interface Sample {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly requests: CacheStats['requests'];
  /** The cumulative counts of the buckets of `latencyMs.lookup`, then the total. */
  readonly lookups: readonly number[];
}

/** `time`: milliseconds since 1970. */
type Timed<T> = T & { readonly time: number };

/** What the live view shows. */
interface Snapshot {
  readonly process: { readonly host: string; readonly pid: number };
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly stats: CacheStats;
  /** The explanation of each word in `stats.requests`. */
  readonly results: Readonly<Record<CacheResult, string>>;
  /** The explanation of each word in `stats.forwarded`. */
  readonly forwarded: Readonly<Record<string, CacheReason>>;
  /** The explanation of each word in `stats.details` and `stats.refused`. */
  readonly details: Readonly<Record<string, CacheReason>>;
  readonly samples: readonly Sample[];
  readonly faults: readonly Timed<FaultEvent>[];
  readonly purges: readonly Timed<PurgeEvent>[];
}

export class Live {
  readonly #source: Source;
  readonly #samples: Sample[] = [];
  readonly #faults: Timed<FaultEvent>[] = [];
  readonly #purges: Timed<PurgeEvent>[] = [];

  constructor(source: Source) {
    this.#source = source;
    source.on('fault', (event) => keep(this.#faults, event));
    source.on('purge', (event) => keep(this.#purges, event));
    this.#sample();
    // The timer keeps neither the process nor the inspector alive.
    const self = new WeakRef(this);
    const timer = setInterval(() => {
      const live = self.deref();
      if (live) live.#sample();
      else clearInterval(timer);
    }, SAMPLE_INTERVAL_MS);
    timer.unref();
  }

  snapshot(): Snapshot {
    const stats = this.#source.stats();
    const forwardReasons = Object.keys(stats.forwarded).flatMap((fwd) =>
      reasonsOf({ kind: 'forward', fwd: fwd as ForwardReason }).map((reason) => [fwd, reason]),
    );
    const words = Object.keys({ ...stats.details, ...stats.refused });
    return {
      process: { host: hostname(), pid: process.pid },
      now: Date.now(),
      stats,
      results: RESULTS,
      forwarded: Object.fromEntries(forwardReasons),
      details: Object.fromEntries(words.map((word) => [word, reasonOf(word)])),
      samples: [...this.#samples, sampleOf(stats)],
      faults: this.#faults,
      purges: this.#purges,
    };
  }

  #sample(): void {
    this.#samples.push(sampleOf(this.#source.stats()));
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
  }
}

function sampleOf({ requests, latencyMs: { lookup } }: CacheStats): Sample {
  const lookups = [...lookup.buckets.map(({ count }) => count), lookup.count];
  return { time: Date.now(), requests, lookups };
}

/** Adds an event at the beginning, and drops the oldest. */
function keep<T extends object>(events: Timed<T>[], event: T): void {
  events.unshift({ ...event, time: Date.now() });
  events.length = Math.min(events.length, MAX_EVENTS);
}
