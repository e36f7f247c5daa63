import type { GuardedStore } from './guarded-store.ts';
import type { Lease } from './store.ts';

/** The leases of one length that are renewed, and their timer. */
interface Renewal {
  readonly leases: Set<Lease>;
  readonly timer: NodeJS.Timeout;
}

/** Renews the leases of the fills in progress in this process, with one timer for all leases of one length. */
export class LeaseRenewal {
  readonly #store: GuardedStore;
  readonly #renewals = new Map<number, Renewal>();

  constructor(store: GuardedStore) {
    this.#store = store;
  }

  /** @param leaseMs the length of the lease. A process that dies keeps the variant leased for as long. */
  keep(lease: Lease, leaseMs: number): void {
    const renewal = this.#renewals.get(leaseMs) ?? this.#start(leaseMs);
    renewal.leases.add(lease);
  }

  drop(lease: Lease): void {
    for (const [leaseMs, { leases, timer }] of this.#renewals) {
      if (!leases.delete(lease) || leases.size > 0) continue;
      clearInterval(timer);
      this.#renewals.delete(leaseMs);
    }
  }

  #start(leaseMs: number): Renewal {
    const leases = new Set<Lease>();
    const timer = setInterval(() => this.#renew(leases, leaseMs), leaseMs / 3).unref();
    const renewal = { leases, timer };
    this.#renewals.set(leaseMs, renewal);
    return renewal;
  }

  #renew(leases: ReadonlySet<Lease>, leaseMs: number): void {
    for (const lease of leases) {
      // A lease that is no longer held stays revoked. Its fill finds out when it commits.
      void this.#store.leases.renew(lease, leaseMs).then((isHeld) => {
        if (isHeld === false) this.drop(lease);
      });
    }
  }
}
