import type { GuardedStore } from './guard.ts';
import type { Lease } from './store.ts';

/** A lease that is not renewed ends after this many milliseconds: how long a dead process can hold a place. */
export const LEASE = 5000;

/** Renews the leases of the fills under way in this process, all in one timer. */
export class Leases {
  readonly #store: GuardedStore;
  readonly #kept = new Set<Lease>();
  #timer: NodeJS.Timeout | undefined;

  constructor(store: GuardedStore) {
    this.#store = store;
  }

  keep(lease: Lease): void {
    this.#kept.add(lease);
    this.#timer ??= setInterval(() => this.#renew(), LEASE / 3).unref();
  }

  drop(lease: Lease): void {
    this.#kept.delete(lease);
    if (this.#kept.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #renew(): void {
    for (const lease of this.#kept) {
      // One that is no longer held stays revoked; the fill finds out when it commits.
      void this.#store.renew(lease, LEASE).then((held) => {
        if (held === false) this.drop(lease);
      });
    }
  }
}
