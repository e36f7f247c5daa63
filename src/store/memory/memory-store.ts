import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { decodeMarker, encodeMarker, MAX_SPECS, markSoftPurged, versionOf } from '../../codec/format.ts';
import {
  type Acquired,
  type Claim,
  type Commit,
  MAX_VARIANTS,
  type Place,
  type PurgeMode,
  type ReachableStore,
} from '../store.ts';
import { MemoryEntries } from './memory-entries.ts';
import { MemoryIndex } from './memory-index.ts';

/** The most that the in-process store holds, in bytes; what was used least recently goes first. */
const MAX_BYTES = 128 * 1024 * 1024;

interface Stored extends Place {
  readonly key: string;
  readonly tags: readonly string[];
  readonly bytes: Buffer;
  readonly expiresAt: number;
}

/** The leases of one id, by variant. */
interface Held {
  readonly key: string;
  readonly leases: Map<string, { token: string; expiresAt: number }>;
}

/** The verbs in this process, with the semantics of Redis: for development, single processes and no Redis at all. */
export class MemoryStore implements ReachableStore {
  readonly reachable = true;
  readonly #clock: () => number;
  readonly #maxEntries: number;
  /** One that goes is a lease revoked. */
  /** Here and elsewhere not by `max`, which allocates for all of them at once. */
  readonly #held = new LRUCache<string, Held>({ maxSize: 50_000, sizeCalculation: () => 1 });
  readonly #index = new MemoryIndex();
  /** The stored responses alone, not the markers: what was stored first comes first. */
  readonly #order = new Set<string>();
  readonly #stored = new LRUCache<string, Stored>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ bytes }, place) => bytes.length + place.length,
    dispose: ({ id, tags }, place, reason) => {
      if (reason === 'set') return;
      this.#order.delete(place);
      this.#index.forget(id, place, tags);
    },
  });

  readonly entries: MemoryEntries = new MemoryEntries(this.#index, {
    now: () => this.#clock(),
    peek: (place) => this.#peek(place),
    write: (stored) => this.#write(stored),
  });

  constructor(clock: () => number, maxEntries: number = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#maxEntries = maxEntries;
  }

  async get(id: string, variants: readonly string[]): Promise<(Buffer | undefined)[]> {
    return variants.map((variant) => this.#read(placeOf(id, variant))?.bytes);
  }

  near(): undefined {}

  async acquire({ id, variant, token, key }: Claim, seen: Buffer, ttl: number): Promise<Acquired> {
    const { stamp } = this.#index;
    if (!versionOf(this.#read(placeOf(id, variant))?.bytes).equals(seen)) return { kind: 'changed', stamp };
    const now = this.#clock();
    const held = this.#held.get(id) ?? { key, leases: new Map() };
    const vain = (held.leases.get(futile(variant))?.expiresAt ?? 0) > now;
    const other = held.leases.get(variant);
    if (other && other.expiresAt > now && other.token !== token)
      return { kind: vain ? 'futile' : 'held', stamp };
    held.leases.set(variant, { token, expiresAt: now + ttl });
    this.#held.set(id, held);
    return { kind: vain ? 'alone' : 'leader', stamp };
  }

  async renew(lease: Claim, ttl: number): Promise<boolean> {
    const held = this.#lease(lease);
    if (held) held.expiresAt = this.#clock() + ttl;
    return held !== undefined;
  }

  /** Fills of one process know of each other, so nobody has to be woken. */
  async wait(_place: Place, ms: number): Promise<void> {
    await sleep(Math.min(ms, 25));
  }

  async release(lease: Claim, ms: number): Promise<void> {
    if (!this.#lease(lease)) return;
    const expiresAt = this.#clock() + ms;
    if (ms > 0) this.#held.get(lease.id)?.leases.set(futile(lease.variant), { token: '', expiresAt });
    this.#drop(lease);
  }

  async commit({ lease, slot, variant, names, tags, bytes, ttl }: Commit): Promise<boolean> {
    if (!this.#lease(lease) || tags.some((tag) => this.#index.purgedSince(tag, lease.stamp))) return false;
    const { id, key } = lease;
    const there = this.#read(placeOf(id, slot));
    const specs = there && decodeMarker(there.bytes);
    const expiresAt = this.#clock() + ttl;
    const varies = specs !== undefined || names.length > 0;
    if (varies) {
      const others = (specs ?? []).filter((spec) => spec.join() !== names.join()).slice(0, MAX_SPECS - 1);
      const latest = Math.max(expiresAt, specs ? (there?.expiresAt ?? 0) : 0);
      const marker = { id, key, variant: slot, tags: [], bytes: encodeMarker([names, ...others]) };
      this.#order.delete(placeOf(id, slot));
      this.#write({ ...marker, expiresAt: latest });
    }
    this.#store({ id, key, variant: varies ? variant : slot, tags, bytes, expiresAt });
    this.#drop(lease);
    return true;
  }

  async put(entry: { id: string; key: string; bytes: Buffer; ttl: number }): Promise<void> {
    await this.purge(entry.id, 'delete');
    const { id, key, bytes, ttl } = entry;
    this.#write({ id, key, variant: '', tags: [], bytes, expiresAt: this.#clock() + ttl });
  }

  async discard({ id, variant }: Place): Promise<void> {
    this.#stored.delete(placeOf(id, variant));
  }

  async purge(id: string, mode: PurgeMode = 'delete', except?: Claim): Promise<number> {
    const kept = except && this.#lease(except);
    this.#held.delete(id);
    if (except && kept) {
      this.#held.set(id, { key: except.key, leases: new Map([[except.variant, kept]]) });
    }
    let count = 0;
    for (const place of [...this.#index.placesOf(id)]) {
      const stored = this.#read(place);
      const response = stored !== undefined && !decodeMarker(stored.bytes);
      // What was marked before is stale since then.
      const counts = response && (mode === 'delete' || stored.bytes.readUInt32BE(8) === 0);
      if (counts) count++;
      if (mode === 'delete') this.#stored.delete(place);
      else if (counts) this.#write({ ...stored, bytes: markSoftPurged(stored.bytes, mode.staleSince) });
    }
    return count;
  }

  async *purgeTag(tag: string, mode: PurgeMode = 'delete'): AsyncGenerator<number, void> {
    let count = 0;
    for (const id of this.#index.purge(tag)) count += await this.purge(id, mode);
    yield count;
  }

  async mayHaveLostIndexes(): Promise<boolean> {
    return false;
  }

  async *purgeMatching(
    matches: (key: string) => boolean,
    mode: PurgeMode = 'delete',
  ): AsyncGenerator<number, void> {
    for (const [id, { key }] of [...this.#held]) if (matches(key)) this.#held.delete(id);
    let count = 0;
    for (const [id, key] of this.#keys()) if (matches(key)) count += await this.purge(id, mode);
    yield count;
  }

  async *ids(): AsyncGenerator<string[], void> {
    yield [...this.#keys().keys()];
  }

  async *keys(): AsyncGenerator<string[], void> {
    for (const place of [...this.#stored.keys()]) this.#read(place);
    yield [...this.#keys().values()];
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {
    this.#held.clear();
    this.#stored.clear();
  }

  #keys(): Map<string, string> {
    return new Map([...this.#stored.values()].map(({ id, key }) => [id, key]));
  }

  #read(place: string): Stored | undefined {
    const stored = this.#stored.get(place);
    return stored && this.#peek(place);
  }

  /** The same without a word that it is used. */
  #peek(place: string): Stored | undefined {
    const stored = this.#stored.peek(place);
    if (!stored || stored.expiresAt > this.#clock()) return stored;
    this.#stored.delete(place);
    return undefined;
  }

  #store(stored: Stored): void {
    this.#write(stored);
    const place = placeOf(stored.id, stored.variant);
    this.#order.delete(place);
    if (!this.#stored.has(place)) return;
    this.#order.add(place);
    // What has expired is gone, even if nobody has noticed.
    if (this.#order.size > this.#maxEntries) for (const place of [...this.#order]) this.#read(place);
    for (const oldest of this.#order) {
      if (this.#order.size <= this.#maxEntries) break;
      this.#stored.delete(oldest);
    }
  }

  #write(stored: Stored): void {
    const { id, variant, tags } = stored;
    const place = placeOf(id, variant);
    const { tags: before = [] } = this.#stored.peek(place) ?? {};
    this.#index.forget(id, place, before);
    this.#stored.set(place, stored);
    // What is larger than the whole store is not kept.
    if (!this.#stored.has(place)) return;
    const places = this.#index.note(id, place, tags);
    if (places.size <= MAX_VARIANTS) return;
    const [oldest] = places;
    if (oldest !== undefined) this.#stored.delete(oldest);
  }

  #lease({ id, variant, token }: Claim): { token: string; expiresAt: number } | undefined {
    const lease = this.#held.get(id)?.leases.get(variant);
    return lease && lease.token === token && lease.expiresAt > this.#clock() ? lease : undefined;
  }

  #drop({ id, variant }: Place): void {
    const leases = this.#held.get(id)?.leases;
    leases?.delete(variant);
    if (leases?.size === 0) this.#held.delete(id);
  }
}

/** Where it stands that waiting for a variant is in vain. */
function futile(variant: string): string {
  return `!${variant}`;
}

function placeOf(id: string, variant: string): string {
  return `${id}\n${variant}`;
}
