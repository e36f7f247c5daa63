/** What `SecondChance` keeps within its bounds. */
export abstract class Evictable {
  /** About how many bytes it takes; 0 while it is not kept. */
  size = 0;
  /** Whether it was used since the hand passed by. */
  isUsed = false;
  /** Where it is in the ring. */
  at = 0;
}

/**
 * Keeps things within a number of bytes. They are in a ring; where space is needed, a hand goes round and evicts the first
 * that was not used since it passed by (the clock algorithm). So a use writes one flag, and nothing is moved.
 */
export class SecondChance<T extends Evictable> {
  readonly #maxSize: number;
  readonly #onEvicted: (evicted: T) => void;
  readonly #ring: T[] = [];
  #hand = 0;
  #size = 0;

  /** @param maxSize in bytes. */
  constructor(maxSize: number, onEvicted: (evicted: T) => void) {
    this.#maxSize = maxSize;
    this.#onEvicted = onEvicted;
  }

  /** Keeps it with a size, in bytes, and evicts others where they take too much together. 0: it is kept no longer. */
  keep(item: T, size: number): void {
    if (size === 0) {
      this.remove(item);
      return;
    }
    if (item.size === 0) item.at = this.#ring.push(item) - 1;
    this.#size += size - item.size;
    item.size = size;
    item.isUsed = true;
    while (this.#size > this.#maxSize) this.#moveHand();
  }

  remove(item: T): void {
    if (item.size === 0) return;
    this.#size -= item.size;
    item.size = 0;
    const last = this.#ring.pop() as T;
    if (last === item) return;
    last.at = item.at;
    this.#ring[item.at] = last;
  }

  clear(): void {
    for (const item of this.#ring) item.size = 0;
    this.#ring.length = 0;
    this.#size = 0;
  }

  #moveHand(): void {
    if (this.#hand >= this.#ring.length) this.#hand = 0;
    const item = this.#ring[this.#hand] as T;
    if (item.isUsed) {
      item.isUsed = false;
      this.#hand++;
    } else {
      this.remove(item);
      this.#onEvicted(item);
    }
  }
}
