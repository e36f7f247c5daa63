import type { Events } from './events.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { Flights } from './exchange/flights.ts';
import type { Before } from './http/headers.ts';
import type { Identity } from './identity.ts';
import type { Lookup } from './lookup.ts';
import type { Policy } from './options.ts';
import type { GuardedStore } from './store/guard.ts';
import type { Leases } from './store/leases.ts';
import type { Lease } from './store/store.ts';
import type { Outcome } from './types.ts';

/** What all middlewares of one cache share. */
export interface Core {
  readonly name: string;
  readonly clock: () => number;
  /** How long a request may wait for the store, in milliseconds. */
  readonly timeout: number;
  readonly store: GuardedStore;
  readonly lookup: Lookup;
  readonly leases: Leases;
  readonly flights: Flights;
  readonly events: Events;
  /** The fills under way by request, so that a route further in refines the one that is running. */
  readonly fills: WeakMap<object, Fill>;
  /** Keeps count of work that goes on behind an answer. */
  track(work: Promise<unknown>): void;
}

/** One fill: what it is for, when it began, and the policy its response is stored by. */
export interface Fill {
  readonly identity: Identity;
  readonly lease: Lease;
  readonly requestedAt: number;
  /** The head as middleware in front had left it. */
  readonly before: Before;
  /** That of the cache, or of the route that refined it. */
  policy: Policy;
  /** Set by a route that does not want this response stored after all. */
  refused: string | undefined;
}

/** Tells the listeners what happened to a request. */
export function report(x: Exchange, core: Core, outcome: Outcome): void {
  if (!core.events.heard) return;
  const { method, key, took } = x;
  core.events.request({
    ...outcome,
    method,
    ...(key !== undefined && { key }),
    status: x.res.statusCode,
    took,
  });
}
