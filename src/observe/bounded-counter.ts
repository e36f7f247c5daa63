/** Counts by words that are not known beforehand, of which there are never more than so many. */
export class Tally {
  readonly #counts = new Map<string, number>();
  readonly #most: number;

  /** @param most how many words; what is beyond counts as `other`. */
  constructor(most: number) {
    this.#most = most;
  }

  add(word: string): void {
    const count = this.#counts.get(word);
    if (count !== undefined) this.#counts.set(word, count + 1);
    else if (this.#counts.size < this.#most) this.#counts.set(word, 1);
    else this.#counts.set('other', (this.#counts.get('other') ?? 0) + 1);
  }

  snapshot(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
