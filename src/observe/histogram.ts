/** How long something takes, in milliseconds. */
export interface Latency {
  readonly count: number;
  readonly sum: number;
  /** Percentiles, as near as the buckets tell; 0 where nothing was measured. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  /** How many took at most so long, each bucket with those before it; what took longer is in `count` alone. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

/** Upper bounds of the buckets, in milliseconds: a look-up takes tenths of one, an app seconds. */
export const BOUNDS: readonly number[] = [
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50],
  ...[100, 250, 500, 1000, 2500, 5000, 10_000, 30_000],
];

/** Measurements in fixed buckets: to add one takes a few comparisons and no memory. */
export class Histogram {
  readonly #counts: number[] = BOUNDS.map(() => 0);
  #count = 0;
  #sum = 0;
  #longest = 0;

  add(ms: number): void {
    this.#count++;
    this.#sum += ms;
    if (ms > this.#longest) this.#longest = ms;
    for (let i = 0; i < BOUNDS.length; i++) {
      if (ms > (BOUNDS[i] as number)) continue;
      this.#counts[i]!++;
      return;
    }
  }

  snapshot(): Latency {
    let count = 0;
    const buckets = this.#counts.map((own, i) => {
      count += own;
      return { le: BOUNDS[i] as number, count };
    });
    return {
      count: this.#count,
      sum: this.#sum,
      p50: this.#percentile(0.5),
      p90: this.#percentile(0.9),
      p99: this.#percentile(0.99),
      buckets,
    };
  }

  /** As if the measurements of a bucket were spread evenly over it. */
  #percentile(share: number): number {
    let rank = share * this.#count;
    let from = 0;
    for (const [i, bound] of BOUNDS.entries()) {
      const own = this.#counts[i] as number;
      const to = Math.min(bound, this.#longest);
      if (own > 0 && rank <= own) return from + (to - from) * (rank / own);
      rank -= own;
      from = bound;
    }
    return this.#longest;
  }
}
