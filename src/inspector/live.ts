import { hostname } from 'node:os';
import type { CacheMiddleware } from '../cache-middleware.ts';
import type { FaultEvent, ForwardReason, PurgeEvent } from '../observe/outcome.ts';
import { type Reason, reasonOf, reasonsOf } from '../observe/reasons.ts';
import type { CacheStats } from '../observe/stats.ts';

/** What this process has done in the last minutes, kept from the start, so that a page that is opened has something to show. */

type Source = Pick<CacheMiddleware, 'stats' | 'on'>;

const INTERVAL = 2000;
/** Five minutes. */
const SAMPLES = 151;
const LATEST = 20;

/** Counts so far, at an instant. */
interface Sample {
  readonly at: number;
  readonly requests: CacheStats['requests'];
  /** Look-ups that took at most so long, bucket by bucket, and all. */
  readonly lookups: readonly number[];
}

type Dated<T> = T & { readonly at: number };

/** What the page draws. */
export interface Snapshot {
  readonly process: { readonly host: string; readonly pid: number };
  readonly now: number;
  readonly stats: CacheStats;
  /** The sentence behind each word in `stats`. */
  readonly forwarded: Readonly<Record<string, Reason>>;
  readonly details: Readonly<Record<string, Reason>>;
  readonly samples: readonly Sample[];
  readonly faults: readonly Dated<FaultEvent>[];
  readonly purges: readonly Dated<PurgeEvent>[];
}

export class Live {
  readonly #source: Source;
  readonly #samples: Sample[] = [];
  readonly #faults: Dated<FaultEvent>[] = [];
  readonly #purges: Dated<PurgeEvent>[] = [];

  constructor(source: Source) {
    this.#source = source;
    source.on('fault', (event) => keep(this.#faults, event));
    source.on('purge', (event) => keep(this.#purges, event));
    this.#sample();
    // Holds neither the process nor the inspector.
    const self = new WeakRef(this);
    const timer = setInterval(() => {
      const live = self.deref();
      if (live) live.#sample();
      else clearInterval(timer);
    }, INTERVAL);
    timer.unref();
  }

  snapshot(): Snapshot {
    const stats = this.#source.stats();
    const words = Object.keys({ ...stats.details, ...stats.refused });
    return {
      process: { host: hostname(), pid: process.pid },
      now: Date.now(),
      stats,
      forwarded: Object.fromEntries(
        Object.keys(stats.forwarded).flatMap((fwd) =>
          reasonsOf({ kind: 'forward', fwd: fwd as ForwardReason }).map((reason) => [fwd, reason]),
        ),
      ),
      details: Object.fromEntries(words.map((word) => [word, reasonOf(word)])),
      samples: [...this.#samples, sampleOf(stats)],
      faults: this.#faults,
      purges: this.#purges,
    };
  }

  #sample(): void {
    this.#samples.push(sampleOf(this.#source.stats()));
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }
}

function sampleOf({ requests, latencyMs: { lookup } }: CacheStats): Sample {
  const lookups = [...lookup.buckets.map(({ count }) => count), lookup.count];
  return { at: Date.now(), requests, lookups };
}

/** The latest first. */
function keep<T extends object>(events: Dated<T>[], event: T): void {
  events.unshift({ ...event, at: Date.now() });
  events.length = Math.min(events.length, LATEST);
}
