/** Lets each code through at most once in an interval. */
export class Throttle {
  readonly #intervalMs: number;
  readonly #passedAt = new Map<string, number>();

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Whether the code is due; it is not due again before the interval is over. */
  isDue(code: string): boolean {
    const now = performance.now();
    if (now - (this.#passedAt.get(code) ?? -this.#intervalMs) < this.#intervalMs) return false;
    this.#passedAt.set(code, now);
    return true;
  }
}
