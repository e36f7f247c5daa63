import { LRUCache } from 'lru-cache';

/** For this many tags the stamp of the last purge is remembered. */
const MAX_TAGS = 10_000;

/** What spans the values of the in-process store: the variants of each id, and the ids under each tag. */
export class MemoryIndex {
  /** The stamp of the last purge by tag: how many have begun. */
  stamp = 0;
  /** The variant keys of each id, oldest first. */
  readonly #variantKeys = new Map<string, Set<string>>();
  /** A number for each id, greater than those of all ids that came before. A scan continues by it. */
  readonly #numbers = new Map<string, number>();
  #lastNumber = 0;
  /** For each tag, how many variants of an id have it. */
  readonly #ids = new Map<string, Map<string, number>>();
  /** The greatest stamp of the tags that were evicted from `#purged`. */
  #evictedStamp = 0;
  readonly #purged = new LRUCache<string, number>({
    // Not `max`, which allocates for all of them at once.
    maxSize: MAX_TAGS,
    sizeCalculation: () => 1,
    dispose: (stamp, _tag, reason) => {
      if (reason === 'evict') this.#evictedStamp = Math.max(this.#evictedStamp, stamp);
    },
  });

  /** Adds a value. @returns the variant keys of its id. */
  note(id: string, variantKey: string, tags: readonly string[]): ReadonlySet<string> {
    const variantKeys = this.#variantKeys.get(id) ?? new Set();
    this.#variantKeys.set(id, variantKeys.add(variantKey));
    if (!this.#numbers.has(id)) this.#numbers.set(id, ++this.#lastNumber);
    for (const tag of new Set(tags)) {
      const ids = this.#ids.get(tag) ?? new Map<string, number>();
      this.#ids.set(tag, ids.set(id, (ids.get(id) ?? 0) + 1));
    }
    return variantKeys;
  }

  /** Removes a value. */
  forget(id: string, variantKey: string, tags: readonly string[]): void {
    const variantKeys = this.#variantKeys.get(id);
    if (!variantKeys?.delete(variantKey)) return;
    if (variantKeys.size === 0) {
      this.#variantKeys.delete(id);
      this.#numbers.delete(id);
    }
    for (const tag of new Set(tags)) {
      const ids = this.#ids.get(tag);
      const left = (ids?.get(id) ?? 0) - 1;
      if (left > 0) ids?.set(id, left);
      else ids?.delete(id);
      if (ids?.size === 0) this.#ids.delete(tag);
    }
  }

  variantKeysOf(id: string): ReadonlySet<string> {
    return this.#variantKeys.get(id) ?? new Set();
  }

  /** How many ids have values. */
  get size(): number {
    return this.#variantKeys.size;
  }

  /** The next `count` ids after a number, of all ids or of those under a tag, and the number of the last one. */
  after(number: number, count: number, tag: string | undefined): { ids: string[]; last: number } {
    const among = tag === undefined ? this.#numbers : (this.#ids.get(tag) ?? new Map());
    const ids: string[] = [];
    let last = number;
    for (const [id, own] of this.#numbers) {
      if (own <= number || !among.has(id)) continue;
      if (ids.length === count) break;
      ids.push(id);
      last = own;
    }
    return { ids, last };
  }

  /** Begins a purge of a tag. @returns the ids under it. */
  purge(tag: string): string[] {
    this.#purged.set(tag, ++this.stamp);
    return [...(this.#ids.get(tag)?.keys() ?? [])];
  }

  /** Whether a purge of the tag has begun after this stamp was given. */
  purgedSince(tag: string, stamp: number): boolean {
    return (this.#purged.get(tag) ?? this.#evictedStamp) > stamp;
  }
}
