import { LRUCache } from 'lru-cache';

/** How many tags' last purges are remembered; of those forgotten, the last. */
const REMEMBERED = 10_000;

/** What spans the places of the in-process store: the variants of an id, and what is stored under a tag. */
export class MemoryIndex {
  /** The purges by tag that have begun. */
  stamp = 0;
  /** The variants of each id, oldest first. */
  readonly #places = new Map<string, Set<string>>();
  /** A number for each id, greater than those of all that came before. */
  readonly #numbers = new Map<string, number>();
  #last = 0;
  /** For each tag, how many of an id's variants have it. */
  readonly #ids = new Map<string, Map<string, number>>();
  #forgotten = 0;
  readonly #purged = new LRUCache<string, number>({
    maxSize: REMEMBERED,
    sizeCalculation: () => 1,
    dispose: (stamp, _tag, reason) => {
      if (reason === 'evict') this.#forgotten = Math.max(this.#forgotten, stamp);
    },
  });

  /** Notes what is now stored at a place; the places of its id. */
  note(id: string, place: string, tags: readonly string[]): ReadonlySet<string> {
    const places = this.#places.get(id) ?? new Set();
    this.#places.set(id, places.add(place));
    if (!this.#numbers.has(id)) this.#numbers.set(id, ++this.#last);
    for (const tag of new Set(tags)) {
      const ids = this.#ids.get(tag) ?? new Map<string, number>();
      this.#ids.set(tag, ids.set(id, (ids.get(id) ?? 0) + 1));
    }
    return places;
  }

  forget(id: string, place: string, tags: readonly string[]): void {
    const places = this.#places.get(id);
    if (!places?.delete(place)) return;
    if (places.size === 0) {
      this.#places.delete(id);
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

  placesOf(id: string): ReadonlySet<string> {
    return this.#places.get(id) ?? new Set();
  }

  get size(): number {
    return this.#places.size;
  }

  /** The first ids, of all or of those under a tag, whose numbers are greater than this one; and the last's number. */
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

  /** Begins a purge of a tag; the ids stored under it. */
  purge(tag: string): string[] {
    this.#purged.set(tag, ++this.stamp);
    return [...(this.#ids.get(tag)?.keys() ?? [])];
  }

  /** Whether a purge of the tag has begun after this stamp was given. */
  purgedSince(tag: string, stamp: number): boolean {
    return (this.#purged.get(tag) ?? this.#forgotten) > stamp;
  }
}
