/** Counts occurrences of words that are not known beforehand, in bounded memory. */
export class BoundedCounter {
  readonly #counts = new Map<string, number>();
  readonly #limit: number;

  /** @param limit number of distinct words; all further words are counted together as `other`. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(word: string): void {
    const count = this.#counts.get(word);
    if (count !== undefined) this.#counts.set(word, count + 1);
    else if (this.#counts.size < this.#limit) this.#counts.set(word, 1);
    else this.#counts.set('other', (this.#counts.get('other') ?? 0) + 1);
  }

  snapshot(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
