import { randomUUID } from 'node:crypto';
import { LRUCache, type Perf } from 'lru-cache';
import type { StoredResponse } from '../codec/stored-response.ts';
import { Fault } from '../store/fault.ts';
import type { Budget } from '../store/guard.ts';
import type { GuardedStore } from '../store/guarded-store.ts';
import { variantKeyOf } from '../store/ids.ts';
import type { Acquired, Lease, LeaseClaim, VariantRef, Versioned } from '../store/store.ts';
import { withTimeout } from './with-timeout.ts';

/**
 * One fill per place across all processes (RFC 9111 §4 calls it collapsing requests). Within a process, requests follow
 * the flight of the fill under way; between processes, the lease in Redis decides who leads.
 */
export class Collapse {
  readonly #store: GuardedStore;
  readonly #flights = new Map<string, Flight>();
  /** Places where a request has waited in vain. Nobody else waits there until a fill ends: its handler may have hung. */
  readonly #overdue: LRUCache<string, true>;
  /** How long a follower may wait for a commit that was sent, in milliseconds. */
  readonly #timeout: number;

  /** @param time by which the overdue places are forgotten, in milliseconds. */
  constructor(store: GuardedStore, timeout: number, time: Perf) {
    this.#store = store;
    this.#timeout = timeout;
    this.#overdue = new LRUCache({
      maxSize: MAX_OVERDUE,
      sizeCalculation: () => 1,
      ttl: OVERDUE_MS,
      perf: time,
    });
  }

  /**
   * Leads a fill of the place, or waits for the one under way.
   * @param seen what the look-up found there: a lease is given only while that is still there.
   * @param leaseMs how long the lease lasts without renewal.
   */
  async join(
    ref: VariantRef,
    key: string,
    seen: Versioned | undefined,
    leaseMs: number,
    waiter: Waiter,
  ): Promise<Turn> {
    const place = variantKeyOf(ref.id, ref.variant);
    const other = this.#flights.get(place);
    if (other && (!other.clientDisconnected || other.committing)) return this.#follow(place, other, waiter);

    const flight = this.#begin(place);
    const claim = claimOf(ref, key);
    const acquired = await this.#store.leases.acquire(waiter, claim, seen, leaseMs);
    if (acquired instanceof Fault) {
      flight.settle(LOOK_AGAIN);
      return { kind: 'fault', fault: acquired };
    }
    if (acquired.kind === 'leader') return this.#lead(claim, acquired, flight, waiter);
    const inProgress = acquired.kind === 'in-progress';
    const isWorthwhile =
      inProgress && (!acquired.hitForMiss || waiter.canServeStale()) && !this.#overdue.has(place);
    // The lease is that of a flight of this process whose client is gone: its fill may never end.
    const wait = isWorthwhile && !other ? waiter.remainingWait() : 0;
    if (wait > 0) await this.#store.leases.wait(ref, Math.min(wait, POLL_INTERVAL_MS));
    else if (inProgress && waiter.hasWaitedInVain()) this.#overdue.set(place, true);
    flight.settle(LOOK_AGAIN);
    return !inProgress || wait > 0 ? LOOK_AGAIN : BUSY;
  }

  /**
   * Leads a fill of the place if nobody else does; never waits.
   * @returns a fault where the store could not be asked; `undefined` where another fill is under way, or another value than
   *   the one seen is stored.
   */
  async tryLead(
    ref: VariantRef,
    key: string,
    seen: Versioned | undefined,
    leaseMs: number,
    waiter: Waiter,
  ): Promise<Lead | Fault | undefined> {
    const place = variantKeyOf(ref.id, ref.variant);
    if (this.#flights.has(place)) return undefined;
    const flight = this.#begin(place);
    const claim = claimOf(ref, key);
    const acquired = await this.#store.leases.acquire(waiter, claim, seen, leaseMs);
    if (acquired instanceof Fault || acquired.kind !== 'leader') {
      flight.settle(LOOK_AGAIN);
      return acquired instanceof Fault ? acquired : undefined;
    }
    return this.#lead(claim, acquired, flight, waiter);
  }

  /** Gives a lease back that no fill has begun with. If others wait, one of them leads. */
  giveBack({ lease, flight }: Lead): Promise<unknown> {
    const released = this.#store.leases.release(lease, 0);
    flight.settle(LOOK_AGAIN);
    return released;
  }

  /**
   * Waits for the fill of another request. A request that joined before the commit was sent may use the result: any purge
   * that could revoke it would have come later. A request that joined later looks up again.
   */
  async #follow(place: string, flight: Flight, waiter: Waiter): Promise<Turn> {
    const { committing } = flight;
    const isVain = flight.hitForMiss || this.#overdue.has(place);
    // Do not wait in vain, unless a commit is under way or a stale response may be served.
    if (isVain && !committing && !waiter.canServeStale()) return BUSY;
    const result = await flight.within(Math.max(waiter.remainingWait(), committing ? this.#timeout : 0));
    if (result) return result.kind === 'stored' && committing ? LOOK_AGAIN : result;
    if (waiter.hasWaitedInVain()) this.#overdue.set(place, true);
    return BUSY;
  }

  #lead(
    claim: LeaseClaim,
    { purgeState, isFirst, hitForMiss }: Acquired,
    flight: Flight,
    waiter: Waiter,
  ): Lead {
    // The last fill had nothing to share, so nobody waits for this one.
    if (hitForMiss) flight.release(waiter.canServeStale() ? LOOK_AGAIN : NOT_SHARED);
    this.#overdue.delete(variantKeyOf(claim.id, claim.variant));
    const { id, variant, key, token } = claim;
    return { kind: 'lead', lease: { id, variant, key, token, purgeState, isFirst }, flight };
  }

  #begin(place: string): Flight {
    const flight = new Flight(this.#timeout, () => {
      if (this.#flights.get(place) === flight) this.#flights.delete(place);
    });
    this.#flights.set(place, flight);
    return flight;
  }
}

function claimOf({ id, variant }: VariantRef, key: string): LeaseClaim {
  return { id, variant, key, token: randomUUID() };
}

/** A request, or a call of `wrap`, that may wait for another's fill. */
export interface Waiter extends Budget {
  /** Milliseconds that it may still wait. */
  remainingWait(): number;
  /** Whether it has waited as long as it may. */
  hasWaitedInVain(): boolean;
  /** Whether a stale stored response may be served if the handler fails: then waiting is worthwhile after a failure. */
  canServeStale(): boolean;
}

/** The caller leads a fill: it runs the handler, and settles the flight. */
export interface Lead {
  readonly kind: 'lead';
  readonly lease: Lease;
  readonly flight: Flight;
}

/** What came of joining. */
export type Turn =
  | Lead
  | FlightResult
  /** Another fill is under way, and there is no (more) waiting for it. */
  | { readonly kind: 'busy' }
  /** The store could not be asked. */
  | { readonly kind: 'fault'; readonly fault: Fault };

/** How a flight ended, for its followers. They are given only what was committed. */
export type FlightResult =
  | { readonly kind: 'stored'; readonly stored: StoredResponse }
  /** The response is not shared. */
  | { readonly kind: 'not-shared' }
  /** The handler failed, and a stale stored response was served to the leader. */
  | { readonly kind: 'failed' }
  /** Look up again: the response was committed where only the store knows, or the lease was revoked. */
  | { readonly kind: 'look-again' };

export const NOT_SHARED: FlightResult = { kind: 'not-shared' };
export const LOOK_AGAIN: FlightResult = { kind: 'look-again' };
const BUSY: Turn = { kind: 'busy' };

/** One fill in this process: under way, then committing, then settled. */
export class Flight {
  /** Whether the response is complete and on its way to the store. */
  committing = false;
  /**
   * Whether waiting is in vain, as after a fill with nothing to share (Varnish: hit-for-miss): only those wait who can serve a
   * stale response, and everyone while it commits.
   */
  hitForMiss = false;
  /** Whether the leader's client is gone, so that the fill may never end: nobody else begins to wait for it. */
  clientDisconnected = false;
  readonly #timeoutMs: number;
  readonly #onSettled: () => void;
  #deadline: NodeJS.Timeout | undefined;
  #result: FlightResult | undefined;
  #settled: Promise<FlightResult> | undefined;
  #resolve: (result: FlightResult) => void = () => {};
  #unreadBytes: () => number | undefined = nothingUnread;

  /** @param timeoutMs how long the followers wait for the store, once the handler has ended. */
  constructor(timeoutMs: number, onSettled: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#onSettled = onSettled;
  }

  /** Whether any request has waited for the result: most flights have none. */
  get hasFollowers(): boolean {
    return this.#settled !== undefined;
  }

  get settled(): Promise<FlightResult> {
    this.#settled ??= new Promise((resolve) => {
      if (this.#result) resolve(this.#result);
      else this.#resolve = resolve;
    });
    return this.#settled;
  }

  /** @param unreadBytes where the response waits for the leader's client to read, how many bytes were sent by then. */
  watch(unreadBytes: () => number | undefined): void {
    this.#unreadBytes = unreadBytes;
  }

  /** The result, if there is one within `ms` milliseconds. Where the leader's client does not read, all followers go. */
  async within(ms: number): Promise<FlightResult | undefined> {
    for (let left = ms; left > 0; left -= STALLED_MS) {
      const before = this.#unreadBytes();
      const result = await withTimeout(this.settled, Math.min(left, STALLED_MS));
      if (result) return result;
      if (before !== undefined && this.#unreadBytes() === before) {
        this.release();
        return undefined;
      }
    }
    return undefined;
  }

  /** The handler has ended, and a call to the store is sent: from now on the followers wait only for the store. */
  limitWait(): void {
    if (this.#settled) this.#deadline ??= setTimeout(() => this.release(), this.#timeoutMs).unref();
  }

  /** Lets the followers go; see `hitForMiss` for who waits after that. @param result what the followers are told. */
  release(result: FlightResult = NOT_SHARED): void {
    this.hitForMiss = true;
    if (this.#result || !this.#settled) return;
    this.#resolve(result);
    this.#settled = undefined;
    this.#resolve = () => {};
  }

  /** Ends the flight; only the first result counts. */
  settle(result: FlightResult): void {
    if (this.#result) return;
    clearTimeout(this.#deadline);
    this.#result = result;
    // A map keeps the tables that it has outgrown until the next great collection: they must not lead to a response.
    this.#unreadBytes = nothingUnread;
    this.#onSettled();
    this.#resolve(result);
  }
}

const nothingUnread = (): undefined => undefined;

/** A client that reads nothing for this many milliseconds keeps its response from ending. */
const STALLED_MS = 1000;

/** How many places are remembered where a request has waited in vain, and for how many milliseconds. */
const MAX_OVERDUE = 10_000;
const OVERDUE_MS = 60_000;

/** A message about a lease may be lost, so a waiting request looks up again after this many milliseconds. */
const POLL_INTERVAL_MS = 500;

/** How many look-ups a request may make within its wait: each one that finds nothing brings it closer to the app. */
export function retriesWithin(waitMs: number): number {
  return 32 + Math.ceil(waitMs / POLL_INTERVAL_MS);
}
