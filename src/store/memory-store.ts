import { LRUCache } from 'lru-cache';
import { decodeMarker, encodeMarker, fingerprint, MAX_SPECS } from '../entry.ts';
import { baseKey, variantKey } from './keys.ts';
import {
  type Acquired,
  type Commit,
  type Lease,
  MAX_VARIANTS,
  type Place,
  type ReachableStore,
} from './store.ts';

/** The most that the in-process store holds, in bytes; what was used least recently goes first. */
const MAX_BYTES = 128 * 1024 * 1024;

interface Stored {
  readonly id: string;
  readonly bytes: Buffer;
  readonly expiresAt: number;
}

/** The verbs in this process, with the semantics of Redis: for development, single processes and no Redis at all. */
export class MemoryStore implements ReachableStore {
  readonly reachable = true;
  readonly #clock: () => number;
  /** One that goes is a lease revoked. */
  readonly #leases = new LRUCache<string, Map<string, { token: string; expiresAt: number }>>({ max: 50_000 });
  /** The variants of each id, oldest first. */
  readonly #variants = new Map<string, Set<string>>();
  readonly #stored = new LRUCache<string, Stored>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ bytes }, key) => bytes.length + key.length,
    dispose: ({ id }, key, reason) => {
      if (reason !== 'set') this.#forget(id, key);
    },
  });

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  async get(id: string, variants: readonly string[]): Promise<(Buffer | undefined)[]> {
    return variants.map((variant) => this.#read(keyOf(id, variant)));
  }

  async acquire(lease: Lease, seen: Buffer, ttl: number): Promise<Acquired> {
    if (!fingerprint(this.#read(keyOf(lease.id, lease.variant))).equals(seen)) return 'changed';
    const now = this.#clock();
    const leases = this.#leases.get(lease.id) ?? new Map();
    const vain = (leases.get(futile(lease.variant))?.expiresAt ?? 0) > now;
    if ((leases.get(lease.variant)?.expiresAt ?? 0) > now) return vain ? 'futile' : 'held';
    this.#leases.set(lease.id, leases.set(lease.variant, { token: lease.token, expiresAt: now + ttl }));
    return vain ? 'alone' : 'leader';
  }

  async renew(lease: Lease, ttl: number): Promise<boolean> {
    if (!this.#holds(lease)) return false;
    const leases = this.#leases.get(lease.id);
    leases?.set(lease.variant, { token: lease.token, expiresAt: this.#clock() + ttl });
    return true;
  }

  /** Fills of one process know of each other, so nobody has to be woken. */
  async wait(_place: Place, ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, Math.min(ms, 25)));
  }

  async release(lease: Lease, ms: number): Promise<void> {
    if (!this.#holds(lease)) return;
    const expiresAt = this.#clock() + ms;
    if (ms > 0) this.#leases.get(lease.id)?.set(futile(lease.variant), { token: '', expiresAt });
    this.#drop(lease);
  }

  async commit({ lease, slot, variant, names, bytes, ttl }: Commit): Promise<boolean> {
    if (!this.#holds(lease)) return false;
    const slotBytes = this.#read(keyOf(lease.id, slot));
    const specs = slotBytes && decodeMarker(slotBytes);
    const expiresAt = this.#clock() + ttl;
    if (specs || names.length > 0) {
      const others = (specs ?? []).filter((spec) => spec.join() !== names.join()).slice(0, MAX_SPECS - 1);
      const markerExpiry = Math.max(
        expiresAt,
        specs ? (this.#stored.peek(keyOf(lease.id, slot))?.expiresAt ?? 0) : 0,
      );
      this.#write(lease.id, slot, encodeMarker([names, ...others]), markerExpiry);
    }
    this.#write(lease.id, specs || names.length > 0 ? variant : slot, bytes, expiresAt);
    this.#drop(lease);
    return true;
  }

  async discard({ id, variant }: Place): Promise<void> {
    this.#stored.delete(keyOf(id, variant));
  }

  async purge(id: string): Promise<number> {
    this.#leases.delete(id);
    let count = 0;
    for (const key of [...(this.#variants.get(id) ?? [])]) {
      const bytes = this.#read(key);
      if (bytes && !decodeMarker(bytes)) count++;
      this.#stored.delete(key);
    }
    return count;
  }

  async *purgeAll(): AsyncGenerator<number, void> {
    this.#leases.clear();
    let count = 0;
    for (const id of [...this.#variants.keys()]) count += await this.purge(id);
    yield count;
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {
    this.#leases.clear();
    this.#stored.clear();
  }

  #read(key: string): Buffer | undefined {
    const stored = this.#stored.get(key);
    if (!stored || stored.expiresAt > this.#clock()) return stored?.bytes;
    this.#stored.delete(key);
    return undefined;
  }

  #write(id: string, variant: string, bytes: Buffer, expiresAt: number): void {
    const key = keyOf(id, variant);
    this.#stored.set(key, { id, bytes, expiresAt });
    const variants = this.#variants.get(id) ?? new Set();
    variants.delete(key);
    this.#variants.set(id, variants.add(key));
    if (variants.size > MAX_VARIANTS) {
      const [oldest] = variants;
      if (oldest !== undefined) this.#stored.delete(oldest);
    }
  }

  #forget(id: string, key: string): void {
    const variants = this.#variants.get(id);
    variants?.delete(key);
    if (variants?.size === 0) this.#variants.delete(id);
  }

  #holds({ id, variant, token }: Lease): boolean {
    return this.#leases.get(id)?.get(variant)?.token === token;
  }

  #drop({ id, variant }: Lease): void {
    const leases = this.#leases.get(id);
    leases?.delete(variant);
    if (leases?.size === 0) this.#leases.delete(id);
  }
}

/** Where it stands that waiting for a variant is in vain. */
function futile(variant: string): string {
  return `!${variant}`;
}

function keyOf(id: string, variant: string): string {
  return variantKey(baseKey('', id), variant);
}
