/** The distribution of a duration, in milliseconds. */
export interface LatencyFigures {
  /** Number of measurements. */
  readonly count: number;
  readonly sum: number;
  /** Percentiles, interpolated within the buckets; 0 if nothing was measured. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  /** Cumulative: each bucket counts the measurements of at most `le`. Measurements above the last one are in `count` only. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

/** Upper bounds of the buckets, in milliseconds: a lookup takes tenths of a millisecond, an app may take seconds. */
export const BOUNDS: readonly number[] = [
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50],
  ...[100, 250, 500, 1000, 2500, 5000, 10_000, 30_000],
];

/** Counts durations in fixed buckets. To add one takes a few comparisons and allocates nothing. */
export class Histogram {
  readonly #counts: number[] = BOUNDS.map(() => 0);
  #count = 0;
  #sum = 0;
  #max = 0;

  add(ms: number): void {
    this.#count++;
    this.#sum += ms;
    if (ms > this.#max) this.#max = ms;
    for (let i = 0; i < BOUNDS.length; i++) {
      if (ms > (BOUNDS[i] as number)) continue;
      this.#counts[i]!++;
      return;
    }
  }

  snapshot(): LatencyFigures {
    let count = 0;
    const buckets = this.#counts.map((inBucket, i) => {
      count += inBucket;
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

  /** Interpolates linearly, as if the measurements of a bucket were spread evenly over it. */
  #percentile(share: number): number {
    let rank = share * this.#count;
    let from = 0;
    for (const [i, bound] of BOUNDS.entries()) {
      const inBucket = this.#counts[i] as number;
      const to = Math.min(bound, this.#max);
      if (inBucket > 0 && rank <= inBucket) return from + (to - from) * (rank / inBucket);
      rank -= inBucket;
      from = bound;
    }
    return this.#max;
  }
}
