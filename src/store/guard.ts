import type { FaultEvent, FaultStep } from '../observe/outcome.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { Fault, isAway, MalformedReply, toFault } from './fault.ts';
import type { Connection } from './store.ts';

/** Calls that no request waits for have this many times the deadline. */
export const PATIENCE = 20;

/** The time that one request has waited for the store. All its calls together have one quick deadline. */
export interface Budget {
  /** In milliseconds. */
  spentMs: number;
}

/**
 * The part of the deadline that a call has at least, whatever was spent before it. What looks like a slow store may be this
 * process, busy in a long turn, and then its requests should still be collapsed.
 */
const LEAST_SHARE = 0.1;

/** The arguments of a guarded verb: at most three, which are passed on one by one, without an array for each call. */
type Arguments = readonly [a?: unknown, b?: unknown, c?: unknown];
type Verb<A extends Arguments, R> = (...args: A) => Promise<R>;
/** Sends a verb whose types are erased. */
type Send<R> = (a: unknown, b: unknown, c: unknown) => Promise<R>;

/** The verbs of an interface that return a promise, guarded: the promise gives a `Fault` instead of rejecting. */
export type Guarded<T> = {
  readonly [V in keyof T as T[V] extends (...args: never[]) => Promise<unknown> ? V : never]: T[V] extends (
    ...args: infer A
  ) => Promise<infer R>
    ? (...args: A) => Promise<R | Fault>
    : never;
};

/** Is told how many stored responses a step has purged. */
export type OnStep = (purged: number) => void;

/**
 * The mechanism of `GuardedStore`: a deadline for each call, the circuit breaker before it, and a `Fault` in place of
 * an error. While the breaker is open or the connection is down, calls fail at once.
 */
export class StoreGuard {
  readonly #connection: Connection;
  readonly #onFault: (fault: FaultEvent) => void;
  /** The deadline of calls that a request waits for. */
  readonly quick: DeadlineQueue;
  /** The deadline of all other calls. */
  readonly patient: DeadlineQueue;
  readonly #breaker: CircuitBreaker;
  #closed = false;

  /** @param timeout the deadline of calls that a request waits for, in milliseconds. */
  constructor(connection: Connection, timeout: number, onFault: (fault: FaultEvent) => void) {
    this.#connection = connection;
    this.#onFault = onFault;
    this.quick = new DeadlineQueue(timeout);
    this.patient = new DeadlineQueue(timeout * PATIENCE);
    this.#breaker = new CircuitBreaker(() => this.#replies(), connection.onReady);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether a call that is sent now leaves now. */
  get isReachable(): boolean {
    return !this.#closed && this.#connection.isReachable();
  }

  /** Whether calls are sent. */
  get isAvailable(): boolean {
    return this.isReachable && !this.#breaker.isOpen;
  }

  close(): void {
    this.#closed = true;
    this.#breaker.stop();
  }

  /**
   * Every member of an interface as a verb with the patient deadline. A fault names the verb as its step. Members that
   * return no promise must be replaced.
   */
  verbs<T extends object>(of: T): Guarded<T> {
    const verbs = Object.entries(of) as [FaultStep, Verb<Arguments, unknown>][];
    return Object.fromEntries(
      verbs.map(([name, verb]) => [name, this.verb(name, this.patient, verb)]),
    ) as Guarded<T>;
  }

  /**
   * A verb with a deadline.
   * @param step the name of the step in fault events.
   * @param onLate is given an answer that has come after the deadline.
   */
  verb<A extends Arguments, R>(
    step: FaultStep,
    deadline: DeadlineQueue,
    verb: Verb<A, R>,
    onLate?: (answer: R, first: A[0]) => void,
  ): Verb<A, R | Fault> {
    const send = verb as unknown as Send<R>;
    const guarded = (a: unknown, b: unknown, c: unknown): Promise<R | Fault> =>
      this.#call(step, deadline, undefined, send, a, b, c, onLate);
    return guarded as unknown as Verb<A, R | Fault>;
  }

  /**
   * A verb that a request waits for. Its deadline is the rest of the time that the request may wait for the store.
   * @param step the name of the step in fault events.
   * @param onLate is given an answer that has come after the deadline.
   */
  budgeted<A extends Arguments, R>(
    step: FaultStep,
    verb: Verb<A, R>,
    onLate?: (answer: R, first: A[0]) => void,
  ): (budget: Budget, ...args: A) => Promise<R | Fault> {
    const send = verb as unknown as Send<R>;
    const guarded = (budget: Budget, a: unknown, b: unknown, c: unknown): Promise<R | Fault> =>
      this.#call(step, this.quick, budget, send, a, b, c, onLate);
    return guarded as unknown as (budget: Budget, ...args: A) => Promise<R | Fault>;
  }

  /** The sum of all steps of a purge. Each step has a deadline of its own: a purge may walk over millions of keys. */
  async sum(steps: AsyncGenerator<number, void>, onStep?: OnStep): Promise<number | Fault> {
    let count = 0;
    for await (const step of this.steps('purge', steps)) {
      if (step instanceof Fault) return step;
      count += step;
      onStep?.(step);
    }
    return count;
  }

  /** The steps of a walk, each with the patient deadline. A fault is the last one. */
  async *steps<T>(step: FaultStep, steps: AsyncGenerator<T, void>): AsyncGenerator<T | Fault, void> {
    const next = this.verb(step, this.patient, () => steps.next());
    for (;;) {
      const result = await next();
      if (result instanceof Fault) yield result;
      if (result instanceof Fault || result.done) return;
      yield result.value;
    }
  }

  #call<R>(
    step: FaultStep,
    queue: DeadlineQueue,
    budget: Budget | undefined,
    send: Send<R>,
    a: unknown,
    b: unknown,
    c: unknown,
    onLate: ((answer: R, first: unknown) => void) | undefined,
  ): Promise<R | Fault> {
    if (!this.isAvailable) {
      return Promise.resolve(new Fault('unavailable', 'Redis cannot be reached'));
    }
    const answered = attempt(send, a, b, c);
    const sentAt = performance.now();
    const { length } = queue;
    const limit = budget ? Math.max(length * LEAST_SHARE, length - budget.spentMs) : length;
    return new Promise((resolve) => {
      const pending = queue.add(sentAt + limit, () => {
        if (budget) budget.spentMs += limit;
        this.#breaker.fail();
        resolve(this.#report(step, new Fault('timeout', `no reply within ${Math.round(limit)} ms`)));
      });
      answered.then(
        (answer) => {
          // An answer after the deadline does not count: a slow store delays requests as much as a dead one.
          if (!queue.meet(pending)) return onLate?.(answer, a);
          if (budget) budget.spentMs += performance.now() - sentAt;
          this.#breaker.succeed();
          resolve(answer);
        },
        (error: unknown) => {
          if (!queue.meet(pending)) return;
          if (budget) budget.spentMs += performance.now() - sentAt;
          const fault = toFault(error);
          // A server that refuses a call has replied. Only one that serves nobody opens the breaker.
          if (error instanceof MalformedReply) this.#breaker.trip();
          else if (isAway(fault)) this.#breaker.fail();
          else this.#breaker.succeed();
          resolve(this.#report(step, fault));
        },
      );
    });
  }

  /** Whether the store replies to a ping within the quick deadline. */
  #replies(): Promise<boolean> {
    return new Promise((resolve) => {
      const pending = this.quick.add(performance.now() + this.quick.length, () => resolve(false));
      const settle = (isAlive: boolean): void => {
        if (this.quick.meet(pending)) resolve(isAlive);
      };
      this.#connection.ping().then(
        () => settle(true),
        // A user who may not ping gets a reply all the same.
        (error: unknown) => settle(!isAway(toFault(error))),
      );
    });
  }

  #report(step: FaultStep, fault: Fault): Fault {
    this.#onFault({ step, code: fault.code, message: fault.message });
    return fault;
  }
}

/** A client may throw where it should reject. */
function attempt<R>(send: Send<R>, a: unknown, b: unknown, c: unknown): Promise<R> {
  try {
    return send(a, b, c);
  } catch (error) {
    return Promise.reject(error);
  }
}
