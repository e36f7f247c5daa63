/** Limits how many tasks run at once. Callers that wait are admitted in the order in which they came. */
export class Semaphore {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Whether the caller got a slot within this many milliseconds. Who got one calls `release` when done. */
  acquire(timeoutMs: number): Promise<boolean> | boolean {
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    return new Promise((resolve) => {
      const admit = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => resolve(!this.#waiting.delete(admit)), timeoutMs).unref();
      this.#waiting.add(admit);
    });
  }

  /** Gives the slot to the caller that has waited longest. */
  release(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
