interface Pending {
  readonly deadline: number;
  done: boolean;
  expire(): void;
}

/**
 * Deadlines of one length expire in the order they were set, so one timer sweeps them all: a timer for each call
 * would cost more than the call.
 */
export class DeadlineQueue {
  readonly length: number;
  #pending: Pending[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(length: number) {
    this.length = length;
  }

  add(expired: () => void): Pending {
    const pending: Pending = { deadline: performance.now() + this.length, done: false, expire: expired };
    this.#pending.push(pending);
    this.#timer ??= this.#sweepIn(this.length);
    return pending;
  }

  /** Behind the next reading of sockets: what came in while this process was busy has come in time. */
  #sweepIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => setImmediate(() => this.#sweep()), ms).unref();
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = performance.now();
    const left: Pending[] = [];
    const expired: Pending[] = [];
    for (const pending of this.#pending) {
      if (pending.done) continue;
      // A millisecond of grace for timers that fire early.
      if (pending.deadline <= now + 1) expired.push(pending);
      else left.push(pending);
    }
    this.#pending = left;
    if (left[0]) this.#timer = this.#sweepIn(Math.max(1, left[0].deadline - now));
    for (const pending of expired) {
      pending.done = true;
      pending.expire();
    }
  }
}
