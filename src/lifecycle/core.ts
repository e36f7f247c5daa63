import type { LRUCache } from 'lru-cache';
import type { Keyring } from '../codec/keyring.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Watch } from '../exchange/guard/guard.ts';
import type { FieldList } from '../http/headers.ts';
import { redisId } from '../key/cache-key.ts';
import type { Identity } from '../key/identify.ts';
import { cacheStatus } from '../observe/cache-status.ts';
import type { Events } from '../observe/events.ts';
import { type Outcome, resultOf } from '../observe/outcome.ts';
import { type Stats, savedBy } from '../observe/stats.ts';
import type { HashName, Policy } from '../options/policy.ts';
import type { Invalidation } from '../options/settings.ts';
import type { GuardedStore } from '../store/guarded-store.ts';
import type { Leases } from '../store/lease-renewal.ts';
import type { Lease } from '../store/store.ts';
import type { Flights } from './flights.ts';
import type { Lookup } from './lookup.ts';
import type { Owed } from './pending-invalidations.ts';
import type { Refreshes } from './refresh.ts';
import type { Routes } from './routes.ts';

/** What all middlewares of one cache share. */
export interface Core {
  readonly name: string;
  readonly clock: () => number;
  /** How long a request may wait for the store, in milliseconds. */
  readonly timeout: number;
  /** Whether `Cache-Status` shows the cache key. */
  readonly showKey: boolean;
  readonly store: GuardedStore;
  /** Decodes what the store has, and has sealed what it is to have. */
  readonly keyring: Keyring;
  /** How the keys of values are hashed. */
  readonly hash: HashName | undefined;
  readonly lookup: Lookup;
  /** Finds what the deployment before has stored, where the `previous` option says so. */
  readonly previous: Lookup | undefined;
  readonly owed: Owed;
  readonly leases: Leases;
  readonly flights: Flights;
  readonly events: Events;
  readonly stats: Stats;
  /** Tags whose responses were too large to store of late, so that a range of them is not worth making whole. */
  readonly large: LRUCache<string, true>;
  /** Why the last response for a key was not stored, and when (by the clock). */
  readonly refusals: LRUCache<string, { readonly detail: string; readonly at: number }>;
  /** The fills under way by request, so that a route further in refines the one that is running. */
  readonly fills: WeakMap<object, Fill>;
  readonly refreshes: Refreshes;
  readonly routes: Routes;
  /** How a request may ask for a purge, if it may. */
  readonly invalidation: Invalidation | undefined;
  /** Where the stored responses of an absolute URI are, under every policy with the default key. */
  idsOf(url: string): ReadonlySet<string>;
  /** Keeps count of work that goes on behind an answer. */
  track(work: Promise<unknown>): void;
}

/** One fill: what it is for, when it began, and the policy its response is stored by. */
export interface Fill {
  readonly identity: Identity;
  readonly lease: Lease;
  readonly requestedAt: number;
  /** The head as middleware in front had left it. */
  readonly before: FieldList;
  /** Over what the app reads of the person behind the request. */
  readonly watch: Watch;
  /** That of the cache, or of the route that refined it. */
  policy: Policy;
  /** Those of the routes that refined it, in their order. */
  readonly refinements: Policy[];
  /** Set by a route that does not want this response stored after all. */
  refused: string | undefined;
}

/** Lets the app answer without storing it, and says so. */
export function forward(x: Exchange, core: Core, outcome: Outcome): void {
  reportAtClose(x, core, outcome);
  x.forwardWith(cacheStatus(core.name, outcome, core.showKey ? x.key : undefined));
}

/** The same as `report`, where the event waits for the end of the answer. */
export function reportAtClose(x: Exchange, core: Core, outcome: Outcome): void {
  core.stats.request(outcome, x);
  if (core.events.heard) x.res.once('close', () => tell(x, core, outcome));
}

/** Counts what happened to a request, and tells the listeners. */
export function report(x: Exchange, core: Core, outcome: Outcome): void {
  const { stored, detail } = outcome;
  if (stored === false && detail !== undefined && x.key !== undefined) {
    core.refusals.set(redisId(x.key, undefined), { detail, at: core.clock() });
  }
  core.stats.request(outcome, x);
  if (core.events.heard) tell(x, core, outcome);
}

function tell(x: Exchange, core: Core, outcome: Outcome): void {
  const { method, key, at, took, bytes, startedAt } = x;
  x.inItsContext(() =>
    core.events.request({
      ...outcome,
      result: resultOf(outcome),
      method,
      ...(key !== undefined && { key }),
      status: x.res.statusCode,
      startedAt: performance.timeOrigin + startedAt,
      at,
      took: { ...took, total: performance.now() - startedAt },
      bytes,
      saved: savedBy(outcome, x.saved),
    }),
  );
}
