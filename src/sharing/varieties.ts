import { LRUCache } from 'lru-cache';

/** A key is not stored any more once so many variants in a row were stored and none was ever used. */
const MAX_UNUSED = 16;
/** For this many milliseconds after the last of them. */
const REMEMBERED_MS = 600_000;
const MAX_KEYS = 10_000;

/**
 * How often the values that select a key's responses repeat. A nonce or the id of a request never does: each of its
 * variants would take up space, and none would answer anybody.
 */
export class Varieties {
  readonly #unused = new LRUCache<string, number>({
    maxSize: MAX_KEYS,
    sizeCalculation: () => 1,
    ttl: REMEMBERED_MS,
  });

  /** A response of the key was stored that something selects which the app has read. */
  stored(id: string): void {
    this.#unused.set(id, (this.#unused.get(id) ?? 0) + 1);
  }

  /** A stored response of the key has answered a request. */
  used(id: string): void {
    if (this.#unused.size > 0) this.#unused.delete(id);
  }

  isUnrepeated(id: string): boolean {
    return (this.#unused.get(id) ?? 0) >= MAX_UNUSED;
  }
}
