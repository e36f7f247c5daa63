import { LRUCache } from 'lru-cache';
import { MAX_VARIANTS, type VariantRef } from '../store.ts';
import { MemoryIndex } from './memory-index.ts';

/** The in-process store holds at most this many bytes. The least recently used value is evicted first. */
const MAX_BYTES = 128 * 1024 * 1024;

/** A value of the in-process store: a stored response, or a marker. */
export interface MemoryValue extends VariantRef {
  readonly key: string;
  readonly tags: readonly string[];
  readonly bytes: Buffer;
  /** By the clock of the store, in milliseconds. */
  readonly expiresAt: number;
}

/** The values of the in-process store, and what is known about all of them: their ids, tags and order of storing. */
export class MemoryValues {
  readonly index: MemoryIndex = new MemoryIndex();
  readonly now: () => number;
  readonly #maxEntries: number;
  /** The stored responses without the markers, by variant key, oldest first. */
  readonly #order = new Set<string>();
  readonly #values = new LRUCache<string, MemoryValue>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ bytes }, variantKey) => bytes.length + variantKey.length,
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

  /** The value of a variant. It counts as used. */
  get(id: string, variant: string): MemoryValue | undefined {
    return this.#use(variantKeyOf(id, variant));
  }

  /** The value of a variant, without counting as a use. */
  peek(id: string, variant: string): MemoryValue | undefined {
    return this.#peek(variantKeyOf(id, variant));
  }

  /** All values of an id. They do not count as used. */
  of(id: string): MemoryValue[] {
    return [...this.index.variantKeysOf(id)].flatMap((variantKey) => this.#peek(variantKey) ?? []);
  }

  /** The cache key of each id. */
  keys(): Map<string, string> {
    for (const variantKey of [...this.#values.keys()]) this.#peek(variantKey);
    return new Map([...this.#values.values()].map(({ id, key }) => [id, key]));
  }

  /** Stores a response as the newest one, and deletes the oldest ones that exceed `maxEntries`. */
  storeResponse(value: MemoryValue): void {
    this.write(value);
    const variantKey = variantKeyOf(value.id, value.variant);
    this.#order.delete(variantKey);
    if (!this.#values.has(variantKey)) return;
    this.#order.add(variantKey);
    if (this.#order.size <= this.#maxEntries) return;
    // Expired responses do not count.
    for (const stored of [...this.#order]) this.#peek(stored);
    for (const oldest of this.#order) {
      if (this.#order.size <= this.#maxEntries) break;
      this.#values.delete(oldest);
    }
  }

  /** Stores a marker, which is no response and has no place in the order of storing. */
  storeMarker(value: MemoryValue): void {
    this.#order.delete(variantKeyOf(value.id, value.variant));
    this.write(value);
  }

  /** Writes a value without changing its place in the order of storing. */
  write(value: MemoryValue): void {
    const { id, variant, tags } = value;
    const variantKey = variantKeyOf(id, variant);
    const before = this.#values.peek(variantKey);
    this.index.forget(id, variantKey, before?.tags ?? []);
    this.#values.set(variantKey, value);
    // A value larger than the whole store is not kept.
    if (!this.#values.has(variantKey)) return;
    const variantKeys = this.index.note(id, variantKey, tags);
    if (variantKeys.size <= MAX_VARIANTS) return;
    const [oldest] = variantKeys;
    if (oldest !== undefined) this.#values.delete(oldest);
  }

  delete(id: string, variant: string): void {
    this.#values.delete(variantKeyOf(id, variant));
  }

  clear(): void {
    this.#values.clear();
  }

  #use(variantKey: string): MemoryValue | undefined {
    return this.#values.get(variantKey) && this.#peek(variantKey);
  }

  #peek(variantKey: string): MemoryValue | undefined {
    const value = this.#values.peek(variantKey);
    if (!value || value.expiresAt > this.now()) return value;
    this.#values.delete(variantKey);
    return undefined;
  }
}

function variantKeyOf(id: string, variant: string): string {
  return `${id}\n${variant}`;
}
