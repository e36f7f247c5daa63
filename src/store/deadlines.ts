interface Pending {
  readonly deadline: number;
  expire(): void;
}

/** A turn of the event loop that takes longer, in milliseconds, keeps others waiting. */
const LONG_TURN = 10;

/**
 * Deadlines of one length expire in the order they were set, so one timer sweeps them all: a timer for each call
 * would cost more than the call. What is met leaves at once, and takes along what it holds, which may be large.
 */
export class DeadlineQueue {
  readonly length: number;
  readonly #pending = new Set<Pending>();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #indulged = false;

  constructor(length: number) {
    this.length = length;
  }

  add(expired: () => void): Pending {
    const pending: Pending = { deadline: performance.now() + this.length, expire: expired };
    this.#pending.add(pending);
    this.#timer ??= this.#sweepIn(this.length);
    return pending;
  }

  /** Whether it is met; false when it has passed, or was met before. */
  meet(pending: Pending): boolean {
    return this.#pending.delete(pending);
  }

  /** Behind the next reading of sockets: what came in while this process was busy has come in time. */
  #sweepIn(ms: number): NodeJS.Timeout {
    this.#dueAt = performance.now() + ms;
    return setTimeout(() => setImmediate(() => this.#sweep()), ms).unref();
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = performance.now();
    const late = now - this.#dueAt;
    // What was asked before a long turn has left at its end only. As long again, once.
    this.#indulged = late > LONG_TURN && !this.#indulged;
    if (this.#indulged) {
      this.#timer = this.#sweepIn(Math.min(late, this.length));
      return;
    }
    const expired: Pending[] = [];
    for (const pending of this.#pending) {
      // A millisecond of grace for timers that fire early.
      if (pending.deadline > now + 1) {
        this.#timer = this.#sweepIn(Math.max(1, pending.deadline - now));
        break;
      }
      expired.push(pending);
      this.#pending.delete(pending);
    }
    for (const pending of expired) pending.expire();
  }
}
