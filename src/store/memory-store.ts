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
  readonly tag: string;
  readonly bytes: Buffer;
  readonly expiresAt: number;
}

/** The verbs in this process, with the semantics of Redis: for development, single processes and no Redis at all. */
export class MemoryStore implements ReachableStore {
  readonly reachable = true;
  readonly #clock: () => number;
  /** One that goes is a lease revoked. */
  readonly #leases = new LRUCache<string, Map<string, { token: string; expiresAt: number }>>({ max: 50_000 });
  /** The variants of each tag, oldest first. */
  readonly #variants = new Map<string, Set<string>>();
  readonly #stored = new LRUCache<string, Stored>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ bytes }, key) => bytes.length + key.length,
    dispose: ({ tag }, key, reason) => {
      if (reason !== 'set') this.#forget(tag, key);
    },
  });

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  async get(tag: string, variants: readonly string[]): Promise<(Buffer | undefined)[]> {
    return variants.map((variant) => this.#read(keyOf(tag, variant)));
  }

  async acquire(lease: Lease, seen: Buffer, ttl: number): Promise<Acquired> {
    if (!fingerprint(this.#read(keyOf(lease.tag, lease.variant))).equals(seen)) return 'changed';
    const now = this.#clock();
    const leases = this.#leases.get(lease.tag) ?? new Map();
    const vain = (leases.get(futile(lease.variant))?.expiresAt ?? 0) > now;
    if ((leases.get(lease.variant)?.expiresAt ?? 0) > now) return vain ? 'futile' : 'held';
    this.#leases.set(lease.tag, leases.set(lease.variant, { token: lease.token, expiresAt: now + ttl }));
    return vain ? 'alone' : 'leader';
  }

  async renew(lease: Lease, ttl: number): Promise<boolean> {
    if (!this.#holds(lease)) return false;
    const leases = this.#leases.get(lease.tag);
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
    if (ms > 0) this.#leases.get(lease.tag)?.set(futile(lease.variant), { token: '', expiresAt });
    this.#drop(lease);
  }

  async commit({ lease, slot, variant, names, bytes, ttl }: Commit): Promise<boolean> {
    if (!this.#holds(lease)) return false;
    const slotBytes = this.#read(keyOf(lease.tag, slot));
    const specs = slotBytes && decodeMarker(slotBytes);
    const expiresAt = this.#clock() + ttl;
    if (specs || names.length > 0) {
      const others = (specs ?? []).filter((spec) => spec.join() !== names.join()).slice(0, MAX_SPECS - 1);
      const markerExpiry = Math.max(
        expiresAt,
        specs ? (this.#stored.peek(keyOf(lease.tag, slot))?.expiresAt ?? 0) : 0,
      );
      this.#write(lease.tag, slot, encodeMarker([names, ...others]), markerExpiry);
    }
    this.#write(lease.tag, specs || names.length > 0 ? variant : slot, bytes, expiresAt);
    this.#drop(lease);
    return true;
  }

  async discard({ tag, variant }: Place): Promise<void> {
    this.#stored.delete(keyOf(tag, variant));
  }

  async purge(tag: string): Promise<number> {
    this.#leases.delete(tag);
    let count = 0;
    for (const key of [...(this.#variants.get(tag) ?? [])]) {
      const bytes = this.#read(key);
      if (bytes && !decodeMarker(bytes)) count++;
      this.#stored.delete(key);
    }
    return count;
  }

  async *purgeAll(): AsyncGenerator<number, void> {
    this.#leases.clear();
    let count = 0;
    for (const tag of [...this.#variants.keys()]) count += await this.purge(tag);
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

  #write(tag: string, variant: string, bytes: Buffer, expiresAt: number): void {
    const key = keyOf(tag, variant);
    this.#stored.set(key, { tag, bytes, expiresAt });
    const variants = this.#variants.get(tag) ?? new Set();
    variants.delete(key);
    this.#variants.set(tag, variants.add(key));
    if (variants.size > MAX_VARIANTS) {
      const [oldest] = variants;
      if (oldest !== undefined) this.#stored.delete(oldest);
    }
  }

  #forget(tag: string, key: string): void {
    const variants = this.#variants.get(tag);
    variants?.delete(key);
    if (variants?.size === 0) this.#variants.delete(tag);
  }

  #holds({ tag, variant, token }: Lease): boolean {
    return this.#leases.get(tag)?.get(variant)?.token === token;
  }

  #drop({ tag, variant }: Lease): void {
    const leases = this.#leases.get(tag);
    leases?.delete(variant);
    if (leases?.size === 0) this.#leases.delete(tag);
  }
}

/** Where it stands that waiting for a variant is in vain. */
function futile(variant: string): string {
  return `!${variant}`;
}

function keyOf(tag: string, variant: string): string {
  return variantKey(baseKey('', tag), variant);
}
