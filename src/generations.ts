/**
 * A map of bounded size that forgets what was not asked for lately. Entries are in two generations: the younger one becomes
 * the older one when it is full, and what is asked for in the older one returns to the younger. So nothing is moved at each
 * look-up, as in a list by use.
 */
export class Generations<K, V extends object> {
  readonly #max: number;
  #young = new Map<K, V>();
  #old: ReadonlyMap<K, V> = new Map();

  /** @param max how many entries a generation has at most; the map has up to twice as many. */
  constructor(max: number) {
    this.#max = max;
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young) return young;
    const old = this.#old.get(key);
    if (old) this.set(key, old);
    return old;
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#max) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
