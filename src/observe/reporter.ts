import { LRUCache } from 'lru-cache';
import type { WarningCode } from '../codes.ts';
import { Warnings } from '../warnings.ts';
import { Events } from './events.ts';
import {
  type CacheDetail,
  type CacheEvents,
  type CacheOutcome,
  type FaultEvent,
  type GuardEvent,
  type PurgeEvent,
  type RefreshEvent,
  type RequestSteps,
  resultOf,
  type StoreEvent,
} from './outcome.ts';
import type { ShadowedRequest } from './shadow-stats.ts';
import { type CountedStats, type Measurements, Stats, type StoreKind, savedBy } from './stats.ts';

/**
 * A request as the reporter reads it. The lifecycle passes its own object, which has these members among others, so that
 * nothing is copied for a request that nobody listens to.
 */
export interface ReportedRequest extends Measurements {
  readonly method: string;
  /** The path of the URL, without the query. */
  readonly path: string;
  /** The cache key; `undefined` where none was computed. */
  readonly key: string | undefined;
  /** Status code sent to the client. */
  readonly status: number;
  /** When each step began, in milliseconds after `startedAt`. */
  readonly startsMs: RequestSteps;
  /** Runs a function in the asynchronous context of the request, where listeners find its trace and its user. */
  inItsContext(run: () => void): void;
}

/** What a reporter needs to know of its cache. */
interface ReporterOptions {
  readonly name: string;
  /** Whether channels and logs get cache keys, tags and error messages. */
  readonly showKey: boolean;
  /** The current time in milliseconds since 1970. */
  readonly clock: () => number;
  readonly store: StoreKind;
  /** The warnings that are on. */
  readonly warnings: ReadonlySet<WarningCode>;
}

/** Why the last response for a key was not stored. */
export interface Refusal {
  readonly detail: CacheDetail;
  /** By the cache's clock: milliseconds since 1970. */
  readonly at: number;
}

/** How many keys have their last refusal remembered, and how many characters these keys may have together. */
const MAX_REFUSALS = 1000;
const MAX_REFUSAL_CHARACTERS = 1_000_000;

/**
 * Everything that a cache says about itself. It counts each fact in the statistics, then emits the event. The `request`
 * event is made only if somebody listens, so a request that nobody listens to costs a few additions.
 */
export class Reporter {
  readonly #stats: Stats;
  readonly #events: Events;
  readonly #clock: () => number;
  readonly warnings: Warnings;
  readonly #refusals = new LRUCache<string, Refusal>({
    max: MAX_REFUSALS,
    maxSize: MAX_REFUSAL_CHARACTERS,
    sizeCalculation: (_, key) => key.length + 1,
  });

  constructor({ name, showKey, clock, store, warnings }: ReporterOptions) {
    this.#stats = new Stats(name, store);
    this.#events = new Events(name, showKey, (event, error) => {
      const message = `A listener of '${event}' threw: ${error}`;
      // The listener that threw would get the event of its own error.
      if (event === 'warning') this.warnings.print('WRN_RRC_LISTENER', message);
      else this.warnings.warn('WRN_RRC_LISTENER', message);
    });
    this.warnings = new Warnings(warnings, (event) => {
      this.#emit('warning', event);
      return this.#events.isListenedTo('warning');
    });
    this.#clock = clock;
  }

  on<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): void {
    this.#events.on(event, listener);
  }

  off<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): void {
    this.#events.off(event, listener);
  }

  /** The statistics so far, as a copy. */
  stats(): CountedStats {
    return this.#stats.snapshot();
  }

  /** Whether anybody gets the `request` event. If so, a request must keep its asynchronous context when it arrives. */
  get isListening(): boolean {
    return this.#events.hasListeners('request');
  }

  /** Why the last response for a key was not stored, if this process remembers it. */
  refusalOf(key: string): Refusal | undefined {
    return this.#refusals.get(key);
  }

  /** Reports a request that has ended: counts it and emits its event. */
  request(outcome: CacheOutcome, request: ReportedRequest): void {
    this.count(outcome, request);
    if (this.isListening) this.emit(outcome, request);
  }

  /** The first half of `request`, for a request whose outcome is known before its answer ends. */
  count(outcome: CacheOutcome, request: ReportedRequest): void {
    const { stored, detail } = outcome;
    // What is being verified says nothing of what is stored.
    const isRefused = stored === false && detail !== undefined && detail !== 'verifying';
    if (isRefused && request.key !== undefined) {
      this.#refusals.set(request.key, { detail, at: this.#clock() });
    }
    this.#stats.request(outcome, request);
  }

  /** The second half of `request`: emits the event, in the context of the request. */
  emit(outcome: CacheOutcome, request: ReportedRequest): void {
    request.inItsContext(() => {
      const { method, path, key, status, startedAt, startsMs, durationsMs, bytes, savedMs } = request;
      this.#events.emit('request', {
        ...outcome,
        result: resultOf(outcome),
        method,
        path,
        ...(key !== undefined && { key }),
        status,
        startedAt: performance.timeOrigin + startedAt,
        startsMs,
        durationsMs: { ...durationsMs, total: performance.now() - startedAt },
        bytes,
        savedMs: savedBy(outcome, savedMs),
      });
    });
  }

  /** Counts a request in shadow mode by what the cache would have done. */
  shadow(request: ShadowedRequest): void {
    this.#stats.shadow(request);
  }

  /** Counts a response that was not stored where the outcome of its request does not say so. */
  refused(detail: CacheDetail): void {
    this.#stats.refused(detail);
  }

  fault(event: FaultEvent): void {
    this.#stats.fault(event);
    this.#emit('fault', event);
  }

  guard(event: GuardEvent): void {
    this.#emit('guard', event);
  }

  store(event: StoreEvent): void {
    this.#emit('store', event);
  }

  purge(event: PurgeEvent): void {
    this.#stats.purge(event);
    this.#emit('purge', event);
  }

  refresh(event: RefreshEvent): void {
    this.#stats.refresh(event);
    this.#emit('refresh', event);
  }

  #emit<E extends keyof CacheEvents>(name: E, event: CacheEvents[E][0]): void {
    if (this.#events.hasListeners(name)) this.#events.emit(name, event);
  }
}
