import { LRUCache } from 'lru-cache';
import { variantKeyOf } from '../ids.ts';
import { MAX_VARIANTS, type VariantRef } from '../store.ts';
import { MemoryIndex } from './memory-index.ts';
import type { MemoryValue } from './memory-value.ts';

/** The in-process store holds at most this many bytes. The least recently used value is evicted first. */
const MAX_BYTES = 128 * 1024 * 1024;

/** A value with its place in the store. */
interface MemoryEntry extends VariantRef {
  readonly key: string;
  readonly tags: readonly string[];
  readonly value: MemoryValue;
  /** By the clock of the store, in milliseconds. */
  readonly expiresAt: number;
}

/** The entries of the in-process store, and what is known about all of them: their ids, tags and order of storing. */
export class MemoryEntries {
  readonly index: MemoryIndex = new MemoryIndex();
  readonly now: () => number;
  readonly #maxEntries: number;
  /** The stored responses without the markers, by variant key, oldest first. */
  readonly #order = new Set<string>();
  readonly #entries = new LRUCache<string, MemoryEntry>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ value: { bytes } }, variantKey) => bytes.length + variantKey.length,
    dispose: ({ id, tags }, variantKey, reason) => {
      if (reason === 'set') return;
      this.#order.delete(variantKey);
      this.index.forget(id, variantKey, tags);
    },
  });

  /** @param now a clock in milliseconds. @param maxEntries how many responses are stored at most. */
  constructor(now: () => number, maxEntries: number) {
    this.now = now;
    this.#maxEntries = maxEntries;
  }

  /** The entry of a variant. It counts as used. */
  get(id: string, variant: string): MemoryEntry | undefined {
    return this.#use(variantKeyOf(id, variant));
  }

  /** The entry of a variant, without counting as a use. */
  peek(id: string, variant: string): MemoryEntry | undefined {
    return this.#peek(variantKeyOf(id, variant));
  }

  /** All entries of an id. They do not count as used. */
  of(id: string): MemoryEntry[] {
    return [...this.index.variantKeysOf(id)].flatMap((variantKey) => this.#peek(variantKey) ?? []);
  }

  /** The cache key of each id. */
  keys(): Map<string, string> {
    for (const variantKey of [...this.#entries.keys()]) this.#peek(variantKey);
    return new Map([...this.#entries.values()].map(({ id, key }) => [id, key]));
  }

  /** Stores a response as the newest one, and deletes the oldest ones that exceed `maxEntries`. */
  storeResponse(entry: MemoryEntry): void {
    this.write(entry);
    const variantKey = variantKeyOf(entry.id, entry.variant);
    this.#order.delete(variantKey);
    if (!this.#entries.has(variantKey)) return;
    this.#order.add(variantKey);
    if (this.#order.size <= this.#maxEntries) return;
    // Expired responses do not count.
    for (const stored of [...this.#order]) this.#peek(stored);
    for (const oldest of this.#order) {
      if (this.#order.size <= this.#maxEntries) break;
      this.#entries.delete(oldest);
    }
  }

  /** Stores a marker, which is no response and has no place in the order of storing. */
  storeMarker(entry: MemoryEntry): void {
    this.#order.delete(variantKeyOf(entry.id, entry.variant));
    this.write(entry);
  }

  /** Writes an entry without changing its place in the order of storing. */
  write(entry: MemoryEntry): void {
    const { id, variant, tags } = entry;
    const variantKey = variantKeyOf(id, variant);
    const before = this.#entries.peek(variantKey);
    this.index.forget(id, variantKey, before?.tags ?? []);
    this.#entries.set(variantKey, entry);
    // An entry larger than the whole store is not kept.
    if (!this.#entries.has(variantKey)) return;
    const variantKeys = this.index.note(id, variantKey, tags);
    if (variantKeys.size <= MAX_VARIANTS) return;
    const [oldest] = variantKeys;
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  delete(id: string, variant: string): void {
    this.#entries.delete(variantKeyOf(id, variant));
  }

  clear(): void {
    this.#entries.clear();
  }

  #use(variantKey: string): MemoryEntry | undefined {
    return this.#entries.get(variantKey) && this.#peek(variantKey);
  }

  #peek(variantKey: string): MemoryEntry | undefined {
    const entry = this.#entries.peek(variantKey);
    if (!entry || entry.expiresAt > this.now()) return entry;
    this.#entries.delete(variantKey);
    return undefined;
  }
}
