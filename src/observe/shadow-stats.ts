import { LRUCache } from 'lru-cache';

/** The figures of shadow mode, of one route or of all. */
export interface ShadowFigures {
  readonly requests: number;
  /** Requests that the cache would have answered with a stored response. */
  readonly hits: number;
  readonly hitRatio: number;
  /** Milliseconds that the app took to answer those hits. */
  readonly savedMs: number;
  /** Hits whose stored response was compared with the app's response. */
  readonly compared: number;
  /** Compared hits where the two differ: in the status code, in the body, in a field that describes the body. */
  readonly wrong: {
    readonly total: number;
    readonly status: number;
    readonly headers: number;
    readonly body: number;
    /** Age of the youngest stored response that differs. */
    readonly minAgeMs: number | undefined;
    /** Age of the oldest stored response that differs. */
    readonly maxAgeMs: number | undefined;
  };
  /** How long the app's responses stay unchanged between requests, from the last 64 changes. */
  readonly unchanged: {
    readonly changes: number;
    readonly shortestMs: number | undefined;
    readonly medianMs: number | undefined;
    /** The longest time without a change, whether it has ended or not. */
    readonly longestMs: number | undefined;
    /** Suggested `ttl`: the 10th percentile of the times between changes; without a change, the longest observed time. */
    readonly suggestedTtlMs: number | undefined;
  };
}

/** What the cache would have done so far, in shadow mode. */
export interface ShadowStats {
  readonly total: ShadowFigures;
  /** By Express's route pattern, `/users/:id`; `(none)` where no route is known. At most 200, further ones as `other`. */
  readonly routes: Readonly<Record<string, ShadowFigures>>;
}

/** Where the app's response differs from the stored one. */
export interface Difference {
  readonly status: boolean;
  readonly headers: boolean;
  readonly body: boolean;
}

/** One request in shadow mode. */
export interface ShadowedRequest {
  readonly route: string;
  /** Whether the cache would have answered with a stored response. */
  readonly hit: boolean;
  /** Milliseconds that the app took. */
  readonly originMs: number;
  /** Age of the stored response, in milliseconds. */
  readonly ageMs: number;
  /** The result of the comparison; `undefined` where nothing was compared. */
  readonly difference: Difference | undefined;
  /** The app's response where it is complete: its variant, a hash of it, and when it came (milliseconds since 1970). */
  readonly response: { readonly variant: string; readonly hash: string; readonly at: number } | undefined;
}

const MAX_ROUTES = 200;
const MAX_CHANGES = 64;
const MAX_VARIANTS = 10_000;

/** Counts what the cache would have done, by route. */
export class ShadowCounter {
  readonly #total = new RouteCounter();
  readonly #routes = new Map<string, RouteCounter>();
  /** The last response of each variant, and when it was first seen. */
  readonly #last = new LRUCache<string, { hash: string; since: number }>({
    maxSize: MAX_VARIANTS,
    sizeCalculation: () => 1,
  });

  /** Whether no request has been counted. */
  get isEmpty(): boolean {
    return this.#total.requests === 0;
  }

  add(request: ShadowedRequest): void {
    const unchanged = request.response && this.#unchanged(request.response);
    this.#total.add(request, unchanged);
    this.#counterOf(request.route).add(request, unchanged);
  }

  snapshot(): ShadowStats {
    const routes = [...this.#routes].map(([route, counter]) => [route, counter.snapshot()]);
    return { total: this.#total.snapshot(), routes: Object.fromEntries(routes) };
  }

  #counterOf(route: string): RouteCounter {
    const name = this.#routes.has(route) || this.#routes.size < MAX_ROUTES ? route : 'other';
    const counter = this.#routes.get(name) ?? new RouteCounter();
    this.#routes.set(name, counter);
    return counter;
  }

  /** For how long the variant had the same response, and whether this response ends that time. */
  #unchanged({ variant, hash, at }: NonNullable<ShadowedRequest['response']>): Unchanged | undefined {
    const last = this.#last.get(variant);
    if (last?.hash !== hash) this.#last.set(variant, { hash, since: at });
    return last && { ms: Math.max(0, at - last.since), ended: last.hash !== hash };
  }
}

interface Unchanged {
  readonly ms: number;
  readonly ended: boolean;
}

class RouteCounter {
  requests = 0;
  #hits = 0;
  #savedMs = 0;
  #compared = 0;
  readonly #wrong = { total: 0, status: 0, headers: 0, body: 0 };
  #minAgeMs: number | undefined;
  #maxAgeMs: number | undefined;
  #changes = 0;
  /** The times between changes, in milliseconds: the last `MAX_CHANGES` of them, in no order. */
  readonly #timesMs: number[] = [];
  #longestMs: number | undefined;

  add({ hit, originMs, ageMs, difference }: ShadowedRequest, unchanged: Unchanged | undefined): void {
    this.requests++;
    if (hit) this.#hits++;
    if (hit) this.#savedMs += originMs;
    if (difference) this.#compare(difference, ageMs);
    if (!unchanged) return;
    this.#longestMs = Math.max(this.#longestMs ?? 0, unchanged.ms);
    if (unchanged.ended) this.#timesMs[this.#changes++ % MAX_CHANGES] = unchanged.ms;
  }

  #compare({ status, headers, body }: Difference, ageMs: number): void {
    this.#compared++;
    if (!status && !headers && !body) return;
    this.#wrong.total++;
    if (status) this.#wrong.status++;
    if (headers) this.#wrong.headers++;
    if (body) this.#wrong.body++;
    this.#minAgeMs = Math.min(this.#minAgeMs ?? ageMs, ageMs);
    this.#maxAgeMs = Math.max(this.#maxAgeMs ?? ageMs, ageMs);
  }

  snapshot(): ShadowFigures {
    const timesMs = this.#timesMs.toSorted((a, b) => a - b);
    const quantile = (share: number): number | undefined => timesMs[Math.floor(share * timesMs.length)];
    const longestMs = this.#longestMs;
    return {
      requests: this.requests,
      hits: this.#hits,
      hitRatio: this.requests === 0 ? 0 : this.#hits / this.requests,
      savedMs: this.#savedMs,
      compared: this.#compared,
      wrong: { ...this.#wrong, minAgeMs: this.#minAgeMs, maxAgeMs: this.#maxAgeMs },
      unchanged: {
        changes: this.#changes,
        shortestMs: timesMs[0],
        medianMs: quantile(0.5),
        longestMs,
        suggestedTtlMs: this.#changes > 0 ? quantile(0.1) : longestMs || undefined,
      },
    };
  }
}
