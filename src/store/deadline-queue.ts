/** One deadline, and the ones before and after it in the queue. */
interface Pending {
  readonly deadline: number;
  readonly expire: () => void;
  before: Pending | undefined;
  after: Pending | undefined;
  met: boolean;
}

/** A turn of the event loop that takes longer than this many milliseconds has delayed the replies of others. */
const LONG_TURN_MS = 10;

/**
 * Deadlines of about one length, in the order in which they expire, so one timer serves them all: a timer for each call
 * would cost more than the call. A deadline that is met leaves the queue at once, with the reply that it may hold in memory.
 */
export class DeadlineQueue {
  /** In milliseconds. No deadline is longer. */
  readonly length: number;
  /** A linked list: a Set would be rebuilt again and again as its few members come and go. */
  #first: Pending | undefined;
  #last: Pending | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #isExtended = false;

  constructor(length: number) {
    this.length = length;
  }

  /** @param deadline by `performance.now()`, at most `length` from now. */
  add(deadline: number, expire: () => void): Pending {
    // Most deadlines are the last. A shorter one goes before those that expire after it.
    let before = this.#last;
    while (before && before.deadline > deadline) before = before.before;
    const after = before ? before.after : this.#first;
    const pending: Pending = { deadline, expire, before, after, met: false };
    if (before) before.after = pending;
    else this.#first = pending;
    if (after) after.before = pending;
    else this.#last = pending;
    // The timer may still be that of a deadline which was met. A difference below a millisecond is not worth a new timer.
    if (this.#timer && !before && deadline + 1 < this.#dueAt) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#timer ??= this.#sweepIn(Math.max(1, deadline - performance.now()));
    return pending;
  }

  /** Meets a deadline. False when it has expired, or was met before. */
  meet(pending: Pending): boolean {
    if (pending.met) return false;
    pending.met = true;
    const { before, after } = pending;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    // A deadline that is gone keeps no other in memory.
    pending.before = undefined;
    pending.after = undefined;
    return true;
  }

  /** Sweeps after the next read of sockets: a reply that arrived while this process was busy has arrived in time. */
  #sweepIn(ms: number): NodeJS.Timeout {
    this.#dueAt = performance.now() + ms;
    return setTimeout(() => setImmediate(() => this.#sweep()), ms).unref();
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = performance.now();
    const lateMs = now - this.#dueAt;
    // A call that was made before a long turn was sent only at its end. So its deadline is extended, once.
    this.#isExtended = lateMs > LONG_TURN_MS && !this.#isExtended;
    if (this.#isExtended) {
      this.#timer = this.#sweepIn(Math.min(lateMs, this.length));
      return;
    }
    const expired: Pending[] = [];
    for (let pending = this.#first; pending; pending = this.#first) {
      // A timer may fire a millisecond early.
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
