import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { LeaseClaim, Leases, VariantRef } from '../store.ts';
import type { MemoryEntries } from './memory-entries.ts';

/** The store keeps leases for at most this many ids. The leases of an evicted id are revoked. */
const MAX_IDS = 50_000;
/** `wait` returns after this many milliseconds, because nothing tells it that a lease has ended. */
const POLL_INTERVAL_MS = 25;

interface MemoryLease {
  readonly token: string;
  expiresAt: number;
}

/** The leases of one id. */
interface IdLeases {
  readonly key: string;
  readonly byVariant: Map<string, MemoryLease>;
  /** Until when nobody should wait for a fill of a variant. */
  readonly hitForMissUntil: Map<string, number>;
}

/** The leases of the in-process store. */
export class LeaseTable {
  readonly #now: () => number;
  // Not `max`, which allocates for all of them at once.
  readonly #ids = new LRUCache<string, IdLeases>({ maxSize: MAX_IDS, sizeCalculation: () => 1 });

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The lease, if it is still held by this claim. */
  held({ id, variant, token }: LeaseClaim): MemoryLease | undefined {
    const lease = this.#ids.get(id)?.byVariant.get(variant);
    return lease && lease.token === token && lease.expiresAt > this.#now() ? lease : undefined;
  }

  /** Gives the lease, unless another fill holds it. */
  take({ id, variant, token, key }: LeaseClaim, leaseMs: number): { given: boolean; hitForMiss: boolean } {
    const now = this.#now();
    const leases = this.#ids.get(id) ?? { key, byVariant: new Map(), hitForMissUntil: new Map() };
    const hitForMiss = (leases.hitForMissUntil.get(variant) ?? 0) > now;
    const other = leases.byVariant.get(variant);
    if (other && other.expiresAt > now && other.token !== token) return { given: false, hitForMiss };
    leases.byVariant.set(variant, { token, expiresAt: now + leaseMs });
    this.#ids.set(id, leases);
    return { given: true, hitForMiss };
  }

  /** Gives a lease back. @param hitForMissMs for how long nobody should wait for another fill; 0 changes nothing. */
  release({ id, variant }: VariantRef, hitForMissMs: number): void {
    const leases = this.#ids.get(id);
    leases?.byVariant.delete(variant);
    if (hitForMissMs > 0) leases?.hitForMissUntil.set(variant, this.#now() + hitForMissMs);
    this.#deleteIfEmpty(id);
  }

  /** The fill has stored its response: the lease ends, and the next fill is worth waiting for. */
  complete({ id, variant }: VariantRef): void {
    const leases = this.#ids.get(id);
    leases?.byVariant.delete(variant);
    leases?.hitForMissUntil.delete(variant);
    this.#deleteIfEmpty(id);
  }

  revoke(id: string): void {
    this.#ids.delete(id);
  }

  revokeMatching(matches: (key: string) => boolean): void {
    for (const [id, { key }] of [...this.#ids]) if (matches(key)) this.#ids.delete(id);
  }

  clear(): void {
    this.#ids.clear();
  }

  #deleteIfEmpty(id: string): void {
    const leases = this.#ids.get(id);
    if (leases && leases.byVariant.size === 0 && leases.hitForMissUntil.size === 0) this.#ids.delete(id);
  }
}

export function memoryLeases(table: LeaseTable, entries: MemoryEntries): Leases {
  return {
    async acquire(claim, seen, leaseMs) {
      const purgeState = String(entries.index.stamp);
      const there = entries.get(claim.id, claim.variant)?.value;
      if (there?.version !== seen?.version) return { kind: 'changed', hitForMiss: false, purgeState };
      const { given, hitForMiss } = table.take(claim, leaseMs);
      return { kind: given ? 'leader' : 'in-progress', hitForMiss, purgeState };
    },

    async renew(claim, leaseMs) {
      const lease = table.held(claim);
      if (lease) lease.expiresAt = entries.now() + leaseMs;
      return lease !== undefined;
    },

    async release(claim, hitForMissMs) {
      if (table.held(claim)) table.release(claim, hitForMissMs);
    },

    /** Fills of one process follow each other's flights, so this wait is rare. */
    async wait(_ref, ms) {
      await sleep(Math.min(ms, POLL_INTERVAL_MS));
    },
  };
}
