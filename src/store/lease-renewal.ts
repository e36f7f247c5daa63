import type { GuardedStore } from './guarded-store.ts';
import type { Lease } from './store.ts';

/** Renews the leases of the fills under way in this process, with one timer for all of one length. */
export class Leases {
  readonly #store: GuardedStore;
  readonly #renewals = new Map<number, Renewal>();

  constructor(store: GuardedStore) {
    this.#store = store;
  }

  /** @param ttl how long, in milliseconds, the lease is kept at a time: a dead process holds its place so long. */
  keep(lease: Lease, ttl: number): void {
    const renewal = this.#renewals.get(ttl) ?? this.#begin(ttl);
    renewal.kept.add(lease);
  }

  drop(lease: Lease): void {
    for (const [ttl, { kept, timer }] of this.#renewals) {
      if (!kept.delete(lease) || kept.size > 0) continue;
      clearInterval(timer);
      this.#renewals.delete(ttl);
    }
  }

  #begin(ttl: number): Renewal {
    const kept = new Set<Lease>();
    const timer = setInterval(() => this.#renew(kept, ttl), ttl / 3).unref();
    const renewal = { kept, timer };
    this.#renewals.set(ttl, renewal);
    return renewal;
  }

  #renew(kept: ReadonlySet<Lease>, ttl: number): void {
    for (const lease of kept) {
      // One that is no longer held stays revoked; the fill finds out when it commits.
      void this.#store.renew(lease, ttl).then((held) => {
        if (held === false) this.drop(lease);
      });
    }
  }
}

interface Renewal {
  readonly kept: Set<Lease>;
  readonly timer: NodeJS.Timeout;
}
