/** One deadline, and its neighbours in the queue. */
interface Pending {
  readonly deadline: number;
  readonly expire: () => void;
  before: Pending | undefined;
  after: Pending | undefined;
  met: boolean;
}

/** A turn of the event loop that takes longer, in milliseconds, keeps others waiting. */
const LONG_TURN = 10;

/**
 * Deadlines of one length expire in the order they were set, so one timer sweeps them all: a timer for each call
 * would cost more than the call. What is met leaves at once, and takes along what it holds, which may be large.
 */
export class DeadlineQueue {
  readonly length: number;
  /** A list of their own making: a Set would be rebuilt again and again as its few members come and go. */
  #first: Pending | undefined;
  #last: Pending | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #indulged = false;

  constructor(length: number) {
    this.length = length;
  }

  add(expire: () => void): Pending {
    const deadline = performance.now() + this.length;
    const pending: Pending = { deadline, expire, before: this.#last, after: undefined, met: false };
    if (this.#last) this.#last.after = pending;
    else this.#first = pending;
    this.#last = pending;
    this.#timer ??= this.#sweepIn(this.length);
    return pending;
  }

  /** Whether it is met; false when it has passed, or was met before. */
  meet(pending: Pending): boolean {
    if (pending.met) return false;
    pending.met = true;
    const { before, after } = pending;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    // What is gone holds on to nothing.
    pending.before = undefined;
    pending.after = undefined;
    return true;
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
    for (let pending = this.#first; pending; pending = this.#first) {
      // A millisecond of grace for timers that fire early.
      if (pending.deadline > now + 1) {
        this.#timer = this.#sweepIn(Math.max(1, pending.deadline - now));
        break;
      }
      this.meet(pending);
      expired.push(pending);
    }
    for (const { expire } of expired) expire();
  }
}
